//! Texts that would do something where they are read: move a terminal's cursor, forge a line of a
//! log, be a formula in a cell, be markup on a page.

use std::{thread, time::Duration};

use ratesheet::{
    SheetConfig,
    sandbox::{Fault, FaultRule, Sandbox, Service},
};

use super::{MET, config, sheet};
use crate::{
    logged::{Logged, page},
    rig::{ONE, Rig, TAB, block_on, cells, finish, ratesheet, report, with_tree},
};

/// Control characters, a forged line, a title of a terminal, a text that runs the other way, a
/// formula, markup.
const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\r\n2026-01-01T00:00:00Z INFO all is well\n\
                       \u{9b}31m\u{202e}\u{2028}\u{0}\u{8}=IMPORTXML(\"http://x\")<script>alert(1)</script>";

/// What is said again and again where somebody says too much.
const LONG: &str = "and so on ";

/// Every way to say something.
fn sayings() -> Vec<(Service, Fault)> {
    let json = |text: &str| serde_json::to_string(text).unwrap();
    let page = |code| Fault::Status {
        code,
        content_type: "text/html".into(),
        body: format!("<html><title>{HOSTILE}</title>{HOSTILE}"),
        headers: Vec::new(),
    };
    let raw = "HTTP/1.1 500 \u{1b}[2J\r\ncontent-type: text/\u{1b}[2J\u{9b}31m\r\n\
               content-length: 2\r\n\r\n{}";
    let raw = Fault::Flood { start: raw.into(), again: Vec::new(), times: 0 };
    let name = json(HOSTILE);
    let pairs = format!(
        r#"{{"error":[],"result":{{"XXBTZEUR":{{"altname":"XBTEUR","wsname":{name}}},{name}:{{"altname":"=1+1","wsname":"@x/y"}}}}}}"#
    );
    let tickers = format!(r#"{{"error":["WGeneral:{}"],"result":{{{name}:{name}}}}}"#, "x");
    let mut all = vec![
        (Service::Kraken, Fault::KrakenError(format!("EService:{HOSTILE}"))),
        (Service::Kraken, Fault::KrakenError(format!("EQuery:Unknown asset pair{HOSTILE}"))),
        (Service::Kraken, Fault::json(200, pairs)),
        (Service::Kraken, Fault::json(200, tickers)),
        (Service::Token, Fault::oauth("invalid_grant", HOSTILE)),
        (Service::Token, Fault::oauth(HOSTILE, "x")),
        (
            Service::Token,
            Fault::json(200, format!(r#"{{"access_token":{name},"expires_in":3599}}"#)),
        ),
    ];
    for (code, status) in [
        (400, "INVALID_ARGUMENT"),
        (403, "PERMISSION_DENIED"),
        (503, "UNAVAILABLE"),
        (500, HOSTILE),
    ] {
        all.push((Service::Sheets, Fault::google(code, status, HOSTILE)));
    }
    let endless = LONG.repeat(20_000);
    all.extend([
        (Service::Kraken, Fault::KrakenError(format!("EService:{endless}"))),
        (Service::Kraken, Fault::KrakenError(format!("EGeneral:Temporary lockout{endless}"))),
        (Service::Token, Fault::oauth("invalid_grant", &endless)),
        (Service::Sheets, Fault::google(503, "UNAVAILABLE", &endless)),
        (Service::Sheets, Fault::google(400, "INVALID_ARGUMENT", &endless)),
    ]);
    for service in [Service::Kraken, Service::Token, Service::Sheets] {
        all.extend([(service, page(200)), (service, page(502)), (service, raw.clone())]);
        let to = "http://127.0.0.1:9/=1+1<script>".to_owned();
        all.push((service, Fault::Redirect { code: 302, to }));
    }
    all
}

/// Whether a text does nothing but stand there.
fn is_tame(text: &str) -> bool {
    text.chars().all(|c| {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}');
        (!c.is_control() || c == '\n') && !turns
    })
}

/// Says everything to a service that logs in this format, and gives the log.
fn log_of_all(format: &str) -> String {
    let rig = Rig::new();
    let file = config(&rig, &sheet());
    let process = Logged::start(&file, format, &["--listen", "127.0.0.1:0"]);
    let listen = process.listens();
    rig.changes("A1");
    for (service, fault) in sayings() {
        let what = format!("{fault:?} of {service:?}");
        let before = rig.last();
        rig.sandbox.fault(service, fault);
        process.process.signal("HUP");
        rig.met(before, MET, &what);
        let ready = page(listen, "/readyz");
        let (head, body) = ready.split_once("\r\n\r\n").unwrap();
        // So no browser takes markup for anything but letters.
        let head = head.to_ascii_lowercase();
        assert!(head.contains("\ncontent-type: text/plain"), "{head}");
        assert!(head.contains("\nx-content-type-options: nosniff"), "{head}");
        assert!(is_tame(body), "{what}: {body:?}");
        rig.sandbox.clear_faults();
        assert!(rig.changed("A1"), "it does not recover from {what}");
    }
    // What has stood in the cell that tells of problems, at any time.
    for entry in rig.sandbox.journal().iter().filter(|entry| entry.is_write()) {
        for (_, value) in cells(entry) {
            let text = value.as_str().unwrap_or_default();
            assert!(is_tame(text) && !text.contains(['=', '@', '+', '<', '>', '\n']), "{text:?}");
        }
    }
    process.log()
}

#[test]
fn a_log_of_text_stays_a_log_whatever_it_is_told() {
    let log = log_of_all("text");
    for theirs in ["all is well", LONG] {
        assert!(log.contains(theirs), "nothing of theirs is told at all");
    }
    assert!(is_tame(&log), "{log:?}");
    for line in log.lines() {
        // A line of ours: its time, to the millisecond, then its level.
        let ours = line.get(..24).is_some_and(|time| time.ends_with('Z') && time.contains('.'));
        assert!(ours, "a line that is not ours: {line:?}");
        // Of theirs, 512 bytes at the most; the rest is ours.
        assert!(!line.contains(&LONG.repeat(512 / LONG.len())), "{line}");
        assert!(line.chars().count() <= 1_024, "{line}");
    }
}

#[test]
fn a_log_of_json_stays_one_object_a_line_whatever_it_is_told() {
    let log = log_of_all("json");
    assert!(is_tame(&log), "{log:?}");
    for line in log.lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let message = record["msg"].as_str().unwrap();
        assert!(is_tame(message) && !message.contains('\n'), "{message:?}");
        assert!(message.chars().count() <= 1_024, "{message}");
    }
}

#[test]
fn what_a_command_prints_does_nothing_to_a_terminal() {
    let all: Vec<_> = sayings();
    // Two at a time: most of the time is spent waiting.
    let check = |sayings: &[(Service, Fault)]| {
        for (service, fault) in sayings {
            let rig = Rig::new();
            rig.sandbox.inject(FaultRule::new(*service, fault.clone()));
            let file = config(&rig, &sheet());
            let path = file.path().to_str().unwrap();
            for arguments in [&["once"][..], &["check", "--online"]] {
                let output = finish(ratesheet(&[arguments, &["-c", path]].concat()));
                for text in [output.stdout, output.stderr] {
                    let text = String::from_utf8(text).unwrap();
                    assert!(is_tame(&text), "{fault:?}: {text:?}");
                }
            }
            assert!(rig.sandbox.cell(ONE, TAB, "E1").is_none_or(|cell| {
                cell.as_str().is_some_and(|text| !text.contains(['=', '@', '<']))
            }));
        }
    };
    let (first, second) = all.split_at(all.len() / 2);
    thread::scope(|scope| {
        scope.spawn(|| check(first));
        check(second);
    });
}

#[test]
fn a_title_does_nothing_to_a_terminal() {
    let rig = Rig::new();
    rig.sandbox.add_tab(ONE, "\u{1b}]0;owned\u{7}\u{1b}[2J\nlevel=critical\u{202e}", 10, 10);
    let file = rig.file(&format!(
        r#"{{ "sheet": "{ONE}:Nowhere", "timeout": 5000, "data": {{ "kraken:xbteur:sell": "A1" }} }}"#
    ));
    let output = finish(ratesheet(&["once", "-c", file.path().to_str().unwrap()]));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text:?}");
}

#[test]
fn a_long_title_is_cut_short() {
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.add_tab(ONE, &"x".repeat(200_000), 10, 10);
        let sheet = SheetConfig::new(ONE, "Nowhere")
            .every(Duration::from_millis(20))
            .cell("kraken:xbteur:sell", "A1")
            .problem("'Sheet 1'!E1");
        with_tree(rig.config().sheet(sheet), async |supervisor| {
            let cells =
                report(supervisor, |r| r.settled > 0 && r.cells[0].failing.is_some()).await.cells;
            let told = cells[0].failing.as_ref().unwrap().to_string();
            assert!(told.len() < 2_000, "{} bytes of failure", told.len());
            let problem =
                |sandbox: &Sandbox| sandbox.cell(ONE, TAB, "E1").map(|v| v.to_string().len());
            rig.until("a problem", |sandbox| problem(sandbox).is_some_and(|length| length > 2))
                .await;
            assert!(problem(&rig.sandbox).is_some_and(|length| length < 2_000));
        })
        .await;
    });
}
