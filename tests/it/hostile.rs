//! Servers that mean harm: whatever Kraken, the token endpoint or Google answer, the process
//! stays small, its loop turns, it recovers, and nothing of theirs gets anywhere unescaped.

mod answers;
mod memory;
mod redirects;
mod texts;

use std::{sync::mpsc, thread, time::Duration};

use actix::Actor as _;
use ratesheet::{Restart, Shutdown, SupervisorActor, sandbox::Service};
use tempfile::NamedTempFile;

use self::memory::Memory;
use crate::{
    logged::Logged,
    rig::{ONE, Rig, block_on, one_price, took},
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
fn config(rig: &Rig) -> NamedTempFile {
    let file = rig.file(&sheet());
    let text = std::fs::read_to_string(file.path()).unwrap();
    std::fs::write(file.path(), text.replace(r#""deadline": 2000"#, r#""deadline": 500"#)).unwrap();
    file
}

/// Every answer, from one service, to the real process: it grows by 4 MiB at the most.
fn stays_small(service: Service) {
    let rig = Rig::new();
    let file = config(&rig);
    let deadline = if service == Service::Token { TOKEN_DEADLINE } else { DEADLINE };
    let process = Logged::start(&file, "json", &[]);
    rig.changes("A1");
    let pid = process.process.id();
    for (what, fault) in answers::all(service) {
        let memory = Memory::of(pid);
        let before = rig.last();
        rig.sandbox.fault(service, fault);
        // It begins anew: so the lists and the token are asked for, too.
        process.process.signal("HUP");
        rig.met(before, MET, what);
        rig.sandbox.clear_faults();
        assert!(rig.changed("A1"), "it does not recover from {what}");
        let met = rig.sandbox.journal_since(before).into_iter().filter(|e| e.fault.is_some());
        let longest = met.filter_map(|entry| took(&entry)).max().unwrap();
        assert!(longest < deadline + SLACK, "{what}, of {service:?}: {longest:?}");
        let growth = memory.growth();
        assert!(growth <= GROWTH, "{what}, of {service:?}: {growth} KiB more");
    }
    assert!(!process.log().contains("panicked"));
}

#[test]
fn whatever_kraken_answers_the_process_stays_small() {
    stays_small(Service::Kraken);
}

#[test]
fn whatever_the_token_endpoint_answers_the_process_stays_small() {
    stays_small(Service::Token);
}

#[test]
fn whatever_google_answers_the_process_stays_small() {
    stays_small(Service::Sheets);
}

/// Every answer, from one service, to a tree in a thread of its own: its loop goes on turning.
fn keeps_turning(service: Service) {
    let rig = Rig::new();
    let stall = Stall::default();
    let (send, tree) = mpsc::channel();
    let (config, beat) = (rig.config().sheet(one_price(ONE)), stall.clone());
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
    for (what, fault) in answers::all(service) {
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
    keeps_turning(Service::Kraken);
}

#[test]
fn whatever_the_token_endpoint_answers_the_loop_turns() {
    keeps_turning(Service::Token);
}

#[test]
fn whatever_google_answers_the_loop_turns() {
    keeps_turning(Service::Sheets);
}
