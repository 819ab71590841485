//! What the log of a service says, and when.

use ratesheet::sandbox::{Fault, FaultRule, Sandbox, Service};
use tokio::time::Instant;

use crate::rig::{ONE, Process, Rig, SOON, TAB, finish, listens, price_in, ratesheet};

/// The log of a service that is stopped now.
fn log(process: Process) -> String {
    process.signal("TERM");
    String::from_utf8(process.end().stderr).unwrap()
}

#[test]
fn the_first_prices_are_told_when_there_are_some_and_not_with_a_problem() {
    let rig = Rig::new();
    let down = rig.sandbox.fault(Service::Kraken, Fault::Html(520));
    let problem = r#"{ "problem": "E1","#;
    let file = rig.file(&price_in(ONE, "A1").replacen('{', problem, 1));
    let process = Process::start(&["-c", file.path().to_str().unwrap()]);
    rig.shows("E1");
    let told = "the first prices are in the spreadsheet";
    let early = log(process);
    assert!(!early.contains(told), "{early}");
    let process = Process::start(&["-c", file.path().to_str().unwrap()]);
    rig.sandbox.clear_fault(down);
    rig.shows("A1");
    let later = log(process);
    assert_eq!(later.matches(told).count(), 1, "{later}");
}

#[test]
fn a_reload_whose_key_cannot_be_read_is_refused() {
    let rig = Rig::new();
    let file = rig.file(&price_in(ONE, "A1"));
    let mut process = Process::start(&["-c", file.path().to_str().unwrap()]);
    rig.shows("A1");
    let text = std::fs::read_to_string(file.path()).unwrap();
    let key = format!("{:?}", rig.key.path());
    std::fs::write(file.path(), text.replace(&key, "\"/does/not/exist\"")).unwrap();
    process.signal("HUP");
    process.says("/does/not/exist: error: the key cannot be read");
    assert!(rig.changed("A1"), "the old configuration no longer works");
    let log = log(process);
    assert!(!log.contains("the configuration is read again"), "{log}");
}

#[test]
fn a_reload_changes_the_level_and_says_that_it_cannot_change_the_format() {
    let rig = Rig::new();
    let file = rig.file(&price_in(ONE, "A1"));
    let mut process = Process::start(&["-c", file.path().to_str().unwrap()]);
    process.says("the first prices are in the spreadsheet");
    let text = std::fs::read_to_string(file.path()).unwrap();
    let log_section = |level: &str, format: &str| {
        let log = format!("{{ \"log\": {{ \"level\": \"{level}\", \"format\": \"{format}\" }},");
        std::fs::write(file.path(), text.replacen('{', &log, 1)).unwrap();
    };
    log_section("debug", "text");
    process.signal("HUP");
    process.says("log.format stays as it was at the start");
    rig.sandbox.inject(FaultRule::new(Service::Sheets, Fault::status(503)));
    process.says("\"level\":\"debug\"");
    log_section("error", "auto");
    process.signal("HUP");
    // From now on nothing is worth a line.
    rig.sandbox.clear_faults();
    rig.sandbox.create_spreadsheet(ONE, "Tests", &[(TAB, 1_000, 26)]);
    rig.shows("A1");
    let rest = log(process);
    assert!(!rest.contains("stopped"), "{rest}");
}

#[test]
fn at_debug_each_request_has_a_line_and_where_the_heart_beats_is_in_none() {
    let rig = Rig::new();
    let url = rig.sandbox.url();
    let heart = format!(r#"{{ "heartbeat": {{ "url": "{url}/beat/CANARY" }},"#);
    let file = rig.file(&price_in(ONE, "A1").replacen('{', &heart, 1));
    let process = Process::start(&["-c", file.path().to_str().unwrap(), "--log-level", "debug"]);
    let beats = |sandbox: &Sandbox| sandbox.count(Service::Other) > 0;
    assert!(rig.sandbox.wait_for_blocking(beats, SOON).is_ok(), "no heart beats");
    let log = log(process);
    for request in [
        format!("GET {url}/0/public/AssetPairs"),
        format!("GET {url}/0/public/Ticker"),
        format!("GET {url}/v4/spreadsheets/{ONE}"),
        format!("POST {url}/v4/spreadsheets/{ONE}/values:batchUpdate"),
        "an access token is asked for".into(),
    ] {
        let is_it = |line: &&str| line.contains(&format!("\"msg\":\"{request}\""));
        let line = log.lines().find(is_it).unwrap_or_else(|| panic!("no {request} in {log}"));
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let outcome = line["outcome"].as_str().unwrap();
        assert!(["200", "ok"].contains(&outcome) && line["ms"].is_u64(), "{line}");
        assert_eq!(line["level"], "debug");
    }
    assert!(!log.contains("CANARY"), "{log}");
}

#[test]
fn the_demo_answers_probes_where_it_is_told_to_and_logs_as_it_is_told_to() {
    let demo = ["demo", "--every", "20", "--listen", "127.0.0.1:0", "--log-level", "info"];
    let mut process = Process::start(&[&demo[..], &["--log-format", "json"]].concat());
    let address = listens(&process.says("the probes listen")).unwrap().to_string();
    process.says("\"msg\":\"the first prices are in the spreadsheet\"");
    let start = Instant::now();
    let ready = ["healthcheck", "--ready", "--listen", &address];
    while finish(ratesheet(&ready)).status.code() != Some(0) {
        assert!(start.elapsed() < SOON, "it is never ready");
    }
    process.signal("TERM");
    assert_eq!(process.end().status.code(), Some(0));
    let wrong = finish(ratesheet(&["demo", "--listen", "nowhere"]));
    assert_eq!(wrong.status.code(), Some(64));
    assert!(String::from_utf8(wrong.stderr).unwrap().starts_with("--listen: error"));
}

#[test]
fn a_fast_cadence_does_not_flood_the_log() {
    let rig = Rig::new();
    let file = rig.file(&price_in(ONE, "A1").replace("20,", "1,"));
    let process = Process::start(&["-c", file.path().to_str().unwrap()]);
    rig.shows("A1");
    let asked = |sandbox: &Sandbox| sandbox.count(Service::Kraken) > 500;
    rig.sandbox.wait_for_blocking(asked, SOON).unwrap();
    process.signal("TERM");
    let output = process.end();
    let log = String::from_utf8(output.stderr).unwrap();
    let still = log.lines().filter(|l| l.contains("stood still")).count();
    assert!(
        log.lines().count() < 20,
        "{} lines, {still} of them 'stood still'",
        log.lines().count()
    );
}

#[test]
fn an_actor_that_is_down_does_not_flood_the_log() {
    let demo = ["demo", "--every", "20", "--ticks", "400", "--drill", "kraken:hang"];
    let output = finish(ratesheet(&[&demo[..], &["--log-level", "warn"]].concat()));
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{log}");
    let told = |what: &str| log.lines().filter(|line| line.contains(what)).count();
    assert_eq!(told("KrakenActor no longer answers"), 1, "{log}");
    // Hundreds of ticks cannot be delivered while it hangs.
    let undelivered = told("a tick cannot be delivered");
    assert!((1..10).contains(&undelivered), "{log}");
}
