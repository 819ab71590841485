//! Nothing secret is ever told: not by the log at any level, not by what `once` prints, whatever
//! the servers answer.

use ratesheet::sandbox::{Fault, FaultRule, Service};

use crate::rig::{ONE, Process, Rig, SOON, block_on, one_price, ratesheet, report, with_tree};

const SHEET: &str = r#"{ "sheet": "1-the-first-spreadsheet-of-the-tests:Sheet 1", "timeout": 20,
    "data": { "kraken:xbteur:sell": "A1" } }"#;

/// The access tokens that have been used, the newest last.
fn tokens(rig: &Rig) -> Vec<String> {
    let bearer = |entry: &ratesheet::sandbox::Entry| {
        entry.header("authorization").map(|value| value.trim_start_matches("Bearer ").to_owned())
    };
    rig.sandbox.requests(Service::Sheets).iter().filter_map(bearer).collect()
}

/// The beginnings of everything secret in a rig: of the private key, of its id, of the tokens.
fn canaries(rig: &Rig) -> Vec<String> {
    let key: serde_json::Value = serde_json::from_str(&rig.sandbox.service_account_key()).unwrap();
    let text = |name: &str| key[name].as_str().unwrap().to_owned();
    let private = text("private_key");
    let body: String = private.lines().filter(|line| !line.starts_with('-')).collect();
    let all = [body, text("private_key_id")].into_iter().chain(tokens(rig));
    let mut canaries: Vec<_> = all.map(|text| text.chars().take(12).collect()).collect();
    canaries.push("eyJ".to_owned()); // how the signed assertion begins
    canaries.sort();
    canaries.dedup();
    canaries
}

fn tells_nothing(rig: &Rig, output: &std::process::Output) {
    let canaries = canaries(rig);
    assert!(canaries.len() >= 4, "a secret is missing: {}", canaries.len());
    for text in [&output.stdout, &output.stderr] {
        let text = String::from_utf8_lossy(text);
        for canary in &canaries {
            assert!(!text.contains(canary.as_str()), "{canary} is told in:\n{text}");
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
        (Service::Sheets, Fault::google(400, "INVALID_ARGUMENT", &format!("Bearer {token}"))),
        (Service::Sheets, Fault::google(403, "PERMISSION_DENIED", token)),
        (Service::Token, Fault::oauth("invalid_grant", "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0=")),
        (Service::Token, Fault::json(200, format!(r#"{{"access_token":"{token}"}}"#))),
        (Service::Kraken, Fault::Html(520)),
    ]
}

#[test]
fn no_log_tells_a_secret_at_any_level() {
    let rig = Rig::new();
    let file = rig.file(SHEET);
    let process = Process::start(&["-c", file.path().to_str().unwrap(), "--log-level", "trace"]);
    let written = rig.sandbox.wait_for_blocking(|_| rig.number("A1").is_some(), SOON);
    assert!(written.is_ok());
    for kind in 0..echoes("").len() {
        let token = tokens(&rig).pop().unwrap();
        let (service, fault) = echoes(&token).swap_remove(kind);
        if service == Service::Token {
            rig.sandbox.revoke_tokens();
        }
        rig.sandbox.inject(FaultRule::new(service, fault).times(1));
        let met = |sandbox: &ratesheet::sandbox::Sandbox| {
            let all = sandbox.requests(service);
            all.iter().rev().take(3).any(|entry| entry.fault.is_some() && entry.ended.is_some())
        };
        assert!(rig.sandbox.wait_for_blocking(met, SOON).is_ok(), "{service:?}");
    }
    let before = rig.number("A1");
    let fresh = rig.sandbox.wait_for_blocking(|_| rig.number("A1") != before, SOON);
    assert!(fresh.is_ok(), "it does not recover");
    process.signal("TERM");
    tells_nothing(&rig, &process.end());
}

#[test]
fn once_tells_no_secret_whatever_the_servers_answer() {
    for kind in 0..echoes("").len() {
        let rig = Rig::new();
        let (service, fault) = echoes("").swap_remove(kind);
        rig.sandbox.fault(service, fault);
        let file = rig.file(SHEET);
        let path = file.path().to_str().unwrap();
        let output = ratesheet(&["once", "-c", path, "--log-level", "trace"]).output().unwrap();
        assert_ne!(output.status.code(), Some(0));
        rig.sandbox.clear_faults();
        let again = ratesheet(&["once", "-c", path, "--log-level", "trace"]).output().unwrap();
        assert_eq!(again.status.code(), Some(0));
        tells_nothing(&rig, &output);
        tells_nothing(&rig, &again);
    }
}

#[test]
fn a_redirect_that_repeats_the_token_tells_nothing() {
    block_on(async {
        let rig = Rig::new();
        with_tree(rig.config().sheet(one_price(ONE)), async |supervisor| {
            rig.fresh(&[(ONE, "A1")]).await;
            let token = rig
                .sandbox
                .requests(Service::Sheets)
                .iter()
                .filter_map(|e| e.header("authorization").map(str::to_owned))
                .next_back()
                .unwrap();
            let token = token.trim_start_matches("Bearer ").to_owned();
            let to = format!("http://portal.example/?back={token}");
            rig.sandbox.fault(Service::Sheets, Fault::Redirect { code: 302, to });
            let failing = report(supervisor, |report| report.failing.is_some()).await.failing;
            let told = failing.unwrap().failure.to_string();
            assert!(!told.contains(&token[..12]), "{told}");
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
