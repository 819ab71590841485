//! Servers that mean harm: whatever Kraken, the token endpoint or Google answer, the process
//! stays small, its loop turns, it recovers, and nothing of theirs gets anywhere unescaped.

mod answers;
mod memory;
mod redirects;
mod texts;

use std::{sync::mpsc, thread, time::Duration};

use actix::Actor as _;
use ratesheet::{
    Restart, SheetConfig, Shutdown, SupervisorActor,
    sandbox::{Entry, Fault, FaultRule, Sandbox, Service},
};
use tempfile::NamedTempFile;

use self::memory::Memory;
use crate::{
    logged::Logged,
    rig::{ONE, Process, Rig, SOON, block_on, one_price, took},
    stall::Stall,
};

/// A process may grow by so much, in KiB.
const GROWTH: i64 = 4 * 1024;

/// What [`config`] says, and what a token has whatever is configured.
const DEADLINE: Duration = Duration::from_millis(500);
const TOKEN_DEADLINE: Duration = Duration::from_secs(10);

/// Room for a busy machine.
const SLACK: Duration = Duration::from_secs(2);

/// A loop may stand still for so long. Without optimization all takes some twenty times as long; a
/// quarter of a second has been seen.
const STALL: Duration = Duration::from_millis(if cfg!(debug_assertions) { 500 } else { 50 });

/// So many tabs, and so many names, are looked for in vain.
const MANY: usize = 2_000;

/// So many requests meet a fault before it is taken back: of Kraken's the list of pairs, and the
/// tickers.
const MET: usize = 2;

fn sheet() -> String {
    format!(
        r#"{{ "sheet": "{ONE}:Sheet 1", "timeout": 20, "data": {{ "kraken:xbteur:sell": "A1" }},
            "problem": "E1" }}"#
    )
}

/// A configuration in a file, in a hurry.
fn config(rig: &Rig, sheet: &str) -> NamedTempFile {
    let file = rig.file(sheet);
    let text = std::fs::read_to_string(file.path()).unwrap();
    std::fs::write(file.path(), text.replace(r#""deadline": 2000"#, r#""deadline": 500"#)).unwrap();
    file
}

/// Answers, from one service, to the real process: it grows by so many KiB at the most. What a busy
/// machine adds to that is not there each time: those that it grows more by have another process.
fn stays_small(service: Service, sheet: &str, answers: Vec<(&str, Fault)>, most: i64) {
    const ROUNDS: usize = 4;
    let mut left = answers;
    let mut told = Vec::new();
    for _ in 0..ROUNDS {
        let grown = growths(service, sheet, &left);
        let grown: Vec<_> = grown.into_iter().filter(|(_, growth)| *growth > most).collect();
        left.retain(|(what, _)| grown.iter().any(|(other, _)| other == what));
        told.extend(grown.into_iter().map(|(what, growth)| format!("{what}: {growth} KiB more")));
        if left.is_empty() {
            return;
        }
    }
    panic!("of {service:?}, {told:?}");
}

/// By how many KiB a process has grown after each of these answers.
fn growths<'a>(service: Service, sheet: &str, answers: &[(&'a str, Fault)]) -> Vec<(&'a str, i64)> {
    let rig = Rig::new();
    let file = config(&rig, sheet);
    let deadline = if service == Service::Token { TOKEN_DEADLINE } else { DEADLINE };
    let process = Logged::start(&file, "json", &[]);
    rig.changes("A1");
    let pid = process.process.id();
    let mut growths = Vec::new();
    for (what, fault) in answers {
        let memory = Memory::of(pid);
        let before = rig.last();
        rig.sandbox.fault(service, fault.clone());
        // It begins anew: so the lists and the token are asked for, too.
        process.process.signal("HUP");
        rig.met(before, MET, what);
        rig.sandbox.clear_faults();
        assert!(rig.changed("A1"), "it does not recover from {what}");
        let met = rig.sandbox.journal_since(before).into_iter().filter(|e| e.fault.is_some());
        let longest = met.filter_map(|entry| took(&entry)).max().unwrap();
        assert!(longest < deadline + SLACK, "{what}, of {service:?}: {longest:?}");
        growths.push((*what, memory.growth()));
    }
    assert!(!process.log().contains("panicked"));
    growths
}

#[test]
fn whatever_kraken_answers_the_process_stays_small() {
    stays_small(Service::Kraken, &sheet(), answers::all(Service::Kraken), GROWTH);
}

#[test]
fn whatever_the_token_endpoint_answers_the_process_stays_small() {
    stays_small(Service::Token, &sheet(), answers::all(Service::Token), GROWTH);
}

#[test]
fn whatever_google_answers_the_process_stays_small() {
    stays_small(Service::Sheets, &sheet(), answers::all(Service::Sheets), GROWTH);
}

/// Answers, from one service, to a tree in a thread of its own: its loop goes on turning.
fn keeps_turning(service: Service, sheet: SheetConfig, answers: Vec<(&str, Fault)>) {
    let rig = Rig::new();
    let stall = Stall::default();
    let (send, tree) = mpsc::channel();
    let (config, beat) = (rig.config().sheet(sheet), stall.clone());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let thread = thread::spawn(move || {
        block_on(async move {
            actix_rt::spawn(beat.beat());
            let tree = SupervisorActor::new(config).start();
            send.send(tree.clone()).unwrap();
            stopped.await.ok();
            tree.send(Shutdown).await.unwrap();
        });
    });
    let tree = tree.recv().unwrap();
    rig.changes("A1");
    for (what, fault) in answers {
        stall.longest();
        let before = rig.last();
        rig.sandbox.fault(service, fault);
        tree.try_send(Restart).unwrap();
        rig.met(before, MET, what);
        rig.sandbox.clear_faults();
        assert!(rig.changed("A1"), "it does not recover from {what}");
        let longest = stall.longest();
        assert!(longest <= STALL, "{what}, of {service:?}: the loop stood still for {longest:?}");
    }
    stop.send(()).ok();
    thread.join().unwrap();
}

#[test]
fn whatever_kraken_answers_the_loop_turns() {
    keeps_turning(Service::Kraken, one_price(ONE), answers::all(Service::Kraken));
}

#[test]
fn whatever_the_token_endpoint_answers_the_loop_turns() {
    keeps_turning(Service::Token, one_price(ONE), answers::all(Service::Token));
}

#[test]
fn whatever_google_answers_the_loop_turns() {
    keeps_turning(Service::Sheets, one_price(ONE), answers::all(Service::Sheets));
}

/// Cells of tabs and names that there are not, as a person writes them.
fn in_vain() -> Vec<String> {
    let sought = |n| answers::alike(999_999 - n);
    (0..MANY).flat_map(|n| [format!("{}!A1", sought(2 * n)), sought(2 * n + 1)]).collect()
}

#[test]
fn however_many_cells_are_looked_for_among_whatever_google_names_the_loop_turns() {
    let sheet = one_price(ONE).every(Duration::from_millis(100));
    let many = in_vain().iter().fold(sheet, |sheet, cell| sheet.cell("kraken:xbteur:sell", cell));
    keeps_turning(Service::Sheets, many, answers::crowded());
}

/// Besides what is told of each cell that stands still.
#[test]
fn however_many_cells_are_looked_for_among_whatever_google_names_the_process_stays_small() {
    let cells = in_vain();
    let there: Vec<_> = (1..=200).map(|row| format!("A{row}")).collect();
    let sheet = format!(
        r#"{{ "sheet": "https://docs.google.com/spreadsheets/d/{ONE}/edit#gid=0", "timeout": 100,
            "data": {{ "kraken:xbteur:sell": {there:?}, "kraken:xbteur:buy": {cells:?} }} }}"#
    );
    let told = cells.len() as i64;
    stays_small(Service::Sheets, &sheet, answers::crowded(), GROWTH + told);
}

/// Whoever looks at cells before anything is written to them, as `check --online` does, stays small
/// likewise.
#[test]
fn whatever_google_says_is_in_the_cells_the_process_stays_small() {
    // Three requests: for one cell, and twice for a hundred.
    let cells: Vec<_> = (1..=201).map(|row| format!(r#""A{row}""#)).collect();
    let cells = cells.join(",");
    for (what, answer) in answers::contents() {
        let rig = Rig::new();
        let file = rig.file(&format!(
            r#"{{ "sheet": "{ONE}:Sheet 1", "timeout": 5000, "data": {{ "kraken:xbteur:sell": [{cells}] }} }}"#
        ));
        let rule = |fault| FaultRule::new(Service::Sheets, fault).path("batchGet");
        // While it waits it can be looked at.
        let wait = || rule(Fault::Delay(Duration::from_secs(1)));
        rig.sandbox.inject(wait().times(1));
        rig.sandbox.inject(rule(answer).times(1));
        rig.sandbox.inject(wait());
        let asked = |times| {
            let asked = |entry: &&Entry| entry.target.contains("batchGet");
            let enough = |s: &Sandbox| s.journal().iter().filter(asked).count() >= times;
            assert!(rig.sandbox.wait_for_blocking(enough, SOON).is_ok(), "it does not ask: {what}");
        };
        let process = Process::start(&["check", "--online", "-c", file.path().to_str().unwrap()]);
        asked(1);
        let memory = Memory::of(process.id());
        asked(3);
        let growth = memory.growth();
        assert!(growth <= GROWTH, "{what}: {growth} KiB more");
        process.end();
    }
}
