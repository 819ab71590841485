//! Nothing secret is ever told: not by the log at any level, not by a page, not by what `once`
//! prints, whatever the servers answer.

use std::{
    collections::{BTreeSet, HashSet},
    net::SocketAddr,
    thread,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use ratesheet::sandbox::{Entry, Fault, Service};
use tokio::time::Instant;

use crate::{
    logged::{Logged, page},
    rig::{ONE, Rig, SOON, block_on, finish, one_price, price_in, ratesheet, report, with_tree},
};

/// So much of a secret gives it away.
const TELLING: usize = 12;

/// The end of the address of a heartbeat, which is as good as a password.
const BEAT: &str = "f00dfeed-5eed-4bad-8bad-c0ffee5ecret";

/// The access tokens that have been used, the newest last.
fn tokens(rig: &Rig) -> Vec<String> {
    let bearer = |entry: &Entry| {
        entry.header("authorization").map(|value| value.trim_start_matches("Bearer ").to_owned())
    };
    rig.sandbox.requests(Service::Sheets).iter().filter_map(bearer).collect()
}

/// What has been signed to get them.
fn assertions(rig: &Rig) -> Vec<String> {
    let signed = |entry: &Entry| {
        let (_, rest) = entry.body.split_once("assertion=")?;
        rest.split('&').next().map(str::to_owned)
    };
    rig.sandbox.requests(Service::Token).iter().filter_map(signed).collect()
}

/// Everything secret in a rig: its private key, the key's id, all tokens, how they were got, and
/// where its heartbeat goes.
fn secrets(rig: &Rig) -> BTreeSet<String> {
    let key: serde_json::Value = serde_json::from_str(&rig.sandbox.service_account_key()).unwrap();
    let private = key["private_key"].as_str().unwrap();
    let body = private.lines().filter(|line| !line.starts_with('-')).collect();
    let id = key["private_key_id"].as_str().unwrap().to_owned();
    let (tokens, assertions) = (tokens(rig), assertions(rig));
    assert!(!tokens.is_empty() && !assertions.is_empty(), "nothing secret has been used");
    [body, id, BEAT.into()].into_iter().chain(tokens).chain(assertions).collect()
}

/// Every part that gives a secret away: of itself, and of its base64, in which it looks different
/// after none, one and two other letters.
fn parts(secret: &str) -> impl Iterator<Item = Vec<u8>> {
    let packed = (0..3).map(|from| STANDARD_NO_PAD.encode(&secret[from..]));
    let forms: Vec<_> = [secret.to_owned()].into_iter().chain(packed).collect();
    let parts =
        |form: String| -> Vec<_> { form.as_bytes().windows(TELLING).map(<[u8]>::to_vec).collect() };
    forms.into_iter().flat_map(parts)
}

/// Nothing of these texts gives anything secret away.
fn tell_nothing(rig: &Rig, texts: &[&[u8]]) {
    let parts: HashSet<_> = secrets(rig).iter().flat_map(|secret| parts(secret)).collect();
    for text in texts {
        if let Some(told) = text.windows(TELLING).find(|part| parts.contains(*part)) {
            let (told, text) = (String::from_utf8_lossy(told), String::from_utf8_lossy(text));
            panic!("{told} is told in:\n{text}");
        }
    }
}

/// Servers that repeat whatever they are sent, in the ways that they can fail in.
fn echoes(token: &str) -> Vec<(Service, Fault)> {
    let page = |text: &str| format!("<html><title>{text}</title>{text}</html>");
    let html = |code, text: &str| Fault::Status {
        code,
        content_type: "text/html".into(),
        body: page(text),
        headers: Vec::new(),
    };
    vec![
        (Service::Sheets, html(502, token)),
        (Service::Sheets, html(200, token)),
        (Service::Sheets, html(502, &token[token.len() / 2..])),
        (Service::Sheets, Fault::google(400, "INVALID_ARGUMENT", &format!("Bearer {token}"))),
        (Service::Sheets, Fault::google(403, "PERMISSION_DENIED", token)),
        (Service::Token, Fault::oauth("invalid_grant", "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0=")),
        (Service::Token, Fault::json(200, format!(r#"{{"access_token":"{token}"}}"#))),
        (Service::Kraken, Fault::Html(520)),
    ]
}

/// What is answered to whoever asks whether all is well, as soon as it tells of trouble.
fn trouble(address: SocketAddr) -> String {
    let start = Instant::now();
    loop {
        let told = page(address, "/readyz");
        let (_, body) = told.split_once("\r\n\r\n").unwrap();
        if body.lines().count() > 1 {
            return told;
        }
        assert!(start.elapsed() < SOON, "no trouble is told: {told}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn no_log_and_no_page_tells_a_secret_at_any_level() {
    let rig = Rig::new();
    // Nobody answers it as it wants to be answered, which is told.
    let beat = format!(r#"{{ "heartbeat": {{ "url": "{}/{BEAT}" }},"#, rig.sandbox.url());
    let file = rig.file(&price_in(ONE, "A1").replacen('{', &beat, 1));
    let service = Logged::start(&file, "json", &["--listen", "127.0.0.1:0"]);
    let address = service.listens();
    rig.shows("A1");
    service.tells("of its heartbeat", |told| told.find("the heartbeat is not heard"));
    let mut told = Vec::new();
    for kind in 0..echoes("").len() {
        let token = tokens(&rig).pop().unwrap();
        let (server, fault) = echoes(&token).swap_remove(kind);
        if server == Service::Token {
            rig.sandbox.revoke_tokens();
        }
        let before = rig.last();
        let what = format!("{fault:?} of {server:?}");
        rig.sandbox.fault(server, fault);
        rig.met(before, 1, &what);
        // Whether Kraken answers shows in the prices, in time.
        told.push(match server {
            Service::Kraken => page(address, "/readyz"),
            _ => trouble(address),
        });
        rig.sandbox.clear_faults();
        rig.changes("A1");
    }
    told.push(service.log());
    let told: Vec<_> = told.iter().map(String::as_bytes).collect();
    tell_nothing(&rig, &told);
}

/// What somebody may paste where the path of a key belongs.
fn pasted() -> [String; 8] {
    let [short, long] = ["CANARY-Ab3_".repeat(3), "CANARY0aB3x".repeat(8)];
    [
        format!("AIzaSy{short}"),
        format!("ya29.a0{long}"),
        format!("ya29.c.{long}"),
        format!("GOCSPX-{}", &short[..28]),
        format!("1//0g{long}"),
        format!("MIIEvQ{long}+/"),
        format!("eyJ0eXBl{long}=="),
        format!("ewogICJ0{long}"),
    ]
}

#[test]
fn a_secret_in_the_place_of_a_path_is_shown_by_no_command_and_written_into_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let said = |arguments: &[&str], variable: &str, secret: &str| {
        let mut command = ratesheet(arguments);
        command.current_dir(folder.path()).env(variable, secret);
        let output = finish(&mut command);
        let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(told.contains("which is a secret and no path (not shown)"), "{told}");
        assert!(told.contains("\n  help: a service account's key stands in a file"), "{told}");
        assert!(!told.contains("CANARY") && !told.contains(&secret[..5]), "{told}");
    };
    for secret in pasted() {
        let config = serde_json::json!({ "credentials": secret, "sheet": ONE, "timeout": 5000,
            "data": { "kraken:xbteur:bid": "A1" } });
        std::fs::write(folder.path().join("with.json"), config.to_string()).unwrap();
        let config = config.to_string().replace("credentials", "$schema");
        std::fs::write(folder.path().join("without.json"), config).unwrap();
        for command in ["run", "once", "check"] {
            said(&[command, "-c", "with.json"], "NOTHING", &secret);
        }
        let check = ["check", "-c", "without.json"];
        said(&[&check[..], &["--credentials", &secret]].concat(), "NOTHING", &secret);
        said(&check, "GOOGLE_APPLICATION_CREDENTIALS", &secret);
        said(&check, "RATESHEET__CREDENTIALS", &secret);
        said(&["init", "--credentials", &secret], "NOTHING", &secret);
        assert!(!folder.path().join("ratesheet.json").exists());
    }
    // Whatever a file is called that is there, it is one.
    let [name, ..] = pasted();
    std::fs::write(folder.path().join(&name), "").unwrap();
    let mut command = ratesheet(&["check", "-c", "without.json", "--credentials", &name]);
    let output = finish(command.current_dir(folder.path()));
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains(&format!("{name}: error: the file is empty")), "{told}");
}

#[test]
fn an_actor_that_panics_tells_no_secret() {
    // The key of every sandbox is the same, and so is the first token.
    let rig = Rig::new();
    let file = rig.file(&price_in(ONE, "A1"));
    finish(ratesheet(&["once", "-c", file.path().to_str().unwrap()]));
    for actor in ["schedule", "kraken", "sheets"] {
        let drill = format!("{actor}:panic");
        let demo = ["demo", "--every", "20", "--ticks", "20", "--log-level", "trace", "--drill"];
        let output = finish(ratesheet(&[&demo[..], &[&drill]].concat()));
        assert!(String::from_utf8_lossy(&output.stderr).contains("a panic at"), "{output:?}");
        tell_nothing(&rig, &[&output.stdout, &output.stderr]);
    }
}

#[test]
fn once_tells_no_secret_whatever_the_servers_answer() {
    // The first token of every sandbox is the same.
    let token = Rig::new().sandbox.access_token();
    for (service, fault) in echoes(&token) {
        let rig = Rig::new();
        rig.sandbox.fault(service, fault);
        let file = rig.file(&price_in(ONE, "A1"));
        let path = file.path().to_str().unwrap();
        let output = finish(ratesheet(&["once", "-c", path, "--log-level", "trace"]));
        assert_ne!(output.status.code(), Some(0));
        rig.sandbox.clear_faults();
        let again = finish(ratesheet(&["once", "-c", path, "--log-level", "trace"]));
        assert_eq!(again.status.code(), Some(0));
        tell_nothing(&rig, &[&output.stdout, &output.stderr, &again.stdout, &again.stderr]);
    }
}

#[test]
fn a_redirect_that_repeats_the_token_tells_nothing() {
    block_on(async {
        let rig = Rig::new();
        with_tree(rig.config().sheet(one_price(ONE)), async |supervisor| {
            rig.fresh(&[(ONE, "A1")]).await;
            let token = tokens(&rig).pop().unwrap();
            let to = format!("http://portal.example/?back={token}");
            rig.sandbox.fault(Service::Sheets, Fault::Redirect { code: 302, to });
            let failing = report(supervisor, |report| report.failing.is_some()).await.failing;
            let told = failing.unwrap().failure.to_string();
            tell_nothing(&rig, &[told.as_bytes()]);
        })
        .await;
    });
}

#[test]
fn a_token_endpoint_that_repeats_the_assertion_as_a_code_tells_nothing() {
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.fault(Service::Token, Fault::oauth("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0", ""));
        with_tree(rig.config().sheet(one_price(ONE)), async |supervisor| {
            let failing = report(supervisor, |report| report.failing.is_some()).await.failing;
            let told = failing.unwrap().failure.to_string();
            assert!(!told.contains("eyJ"), "{told}");
        })
        .await;
    });
}
