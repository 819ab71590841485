//! What is told of trouble: enough, not too much, nothing secret, and nothing that moves a cursor.

use std::{sync::mpsc, thread, time::Duration};

use actix::Actor as _;
use ratesheet::{
    SheetConfig, SupervisorActor,
    sandbox::{Fault, Sandbox, Service},
};

use crate::rig::{
    ONE, Process, Rig, SOON, TAB, block_on, finish, one_price, ratesheet, report, with_tree,
};

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

#[test]
fn a_title_does_nothing_to_a_terminal() {
    let rig = Rig::new();
    rig.sandbox.add_tab(ONE, "\u{1b}]0;owned\u{7}\u{1b}[2J\nlevel=critical\u{202e}", 10, 10);
    let file = rig.file(&format!(
        r#"{{ "sheet": "{ONE}:Nowhere", "timeout": 5000, "data": {{ "kraken:xbteur:sell": "A1" }} }}"#
    ));
    let output = ratesheet(&["once", "-c", file.path().to_str().unwrap()]).output().unwrap();
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

#[test]
fn what_check_recommends_exists() {
    let rig = Rig::new();
    let file = rig.file(&format!(
        r#"{{ "sheet": "{ONE}:Sheet 1", "timeout": 5000, "data": {{ "kraken:xbteur:sell": "A1" }} }}"#
    ));
    let output = ratesheet(&["check", "-c", file.path().to_str().unwrap()]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("check --online"), "{text}");
    let code = ratesheet(&["check", "--online", "-c", file.path().to_str().unwrap()])
        .output()
        .unwrap()
        .status
        .code();
    assert_ne!(code, Some(64));
}

#[test]
fn a_fast_cadence_does_not_flood_the_log() {
    let rig = Rig::new();
    let file = rig.file(&format!(
        r#"{{ "sheet": "{ONE}:Sheet 1", "timeout": 1, "data": {{ "kraken:xbteur:sell": "A1" }} }}"#
    ));
    let process = Process::start(&["-c", file.path().to_str().unwrap()]);
    rig.sandbox.wait_for_blocking(|_| rig.number("A1").is_some(), SOON).unwrap();
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
    let told = log.lines().filter(|line| line.contains("cannot be delivered")).count();
    assert!(told < 10, "{told} warnings that a tick cannot be delivered");
}

#[test]
fn a_demo_with_a_drill_ends() {
    let demo = ["demo", "--ticks", "12", "--every", "30", "--drill", "sheets:panic"];
    assert_eq!(finish(ratesheet(&demo)).status.code(), Some(0));
}

#[test]
fn once_bears_many_spreadsheets() {
    let rig = Rig::new();
    let sheets: Vec<_> = (0..300)
        .map(|n| {
            let id = format!("one-of-very-many-spreadsheets-{n:03}");
            rig.sandbox.create_spreadsheet(&id, "x", &[(TAB, 10, 10)]);
            format!(r#"{{ "sheet": "{id}:Sheet 1", "timeout": 600000, "data": {{ "kraken:xbteur:sell": "A1" }} }}"#)
        })
        .collect();
    rig.sandbox.fault(Service::Token, Fault::oauth("invalid_grant", "account not found"));
    let file = rig.file(&format!(r#"{{ "sheets": [{}] }}"#, sheets.join(",")));
    let once = ["once", "-c", file.path().to_str().unwrap(), "--output", "json"];
    assert_eq!(finish(ratesheet(&once)).status.code(), Some(77));
}

#[test]
fn a_key_that_is_a_pipe_does_not_stop_the_thread() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("key.json");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        block_on(async {
            let rig = Rig::new();
            let tree =
                SupervisorActor::new(rig.config().credentials(&fifo).sheet(one_price(ONE))).start();
            let failing = report(&tree, |report| report.failing.is_some()).await.failing;
            sender.send(failing.map(|failing| failing.failure.to_string())).ok();
        });
    });
    let told = receiver.recv_timeout(SOON).expect("the thread stands still for ever");
    assert!(told.is_some_and(|told| told.contains("no regular file")));
}
