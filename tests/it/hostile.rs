//! Servers that mean harm: whatever Kraken, the token endpoint or Google answer, the process
//! stays small, its loop turns, it recovers, and nothing of theirs gets anywhere unescaped.

mod answers;
mod memory;
mod redirects;
mod texts;

use std::{fs, net::SocketAddr, process::Stdio, sync::mpsc, thread, time::Duration};

use actix::Actor as _;
use ratesheet::{
    Restart, Shutdown, SupervisorActor,
    sandbox::{Sandbox, Service},
};
use tempfile::NamedTempFile;
use tokio::time::Instant;

use self::memory::Memory;
use crate::{
    rig::{ONE, Process, Rig, SOON, block_on, listens, one_price, ratesheet},
    stall::Stall,
};

/// A process may grow by so much, in KiB.
const GROWTH: i64 = 4 * 1024;

/// A loop may stand still for so long. Without optimization all takes some twenty times as long; a
/// quarter of a second has been seen.
const STALL: Duration = Duration::from_millis(if cfg!(debug_assertions) { 500 } else { 50 });

/// So many requests meet a fault before it is taken back: of Kraken's the list of pairs, and the
/// tickers.
const MET: usize = 2;

/// Waits until a fault has met some requests, from its service's next ones on.
fn met(rig: &Rig, before: u64, what: &str) {
    let ended = |sandbox: &Sandbox| {
        let since = sandbox.journal_since(before);
        since.iter().filter(|entry| entry.fault.is_some() && entry.ended.is_some()).count() >= MET
    };
    assert!(rig.sandbox.wait_for_blocking(ended, SOON).is_ok(), "nobody meets {what}");
}

/// Waits for a price that is newer than now.
fn fresh(rig: &Rig, what: &str) {
    let before = rig.number("A1");
    let written = rig.sandbox.wait_for_blocking(|_| rig.number("A1") != before, SOON);
    assert!(written.is_ok(), "it does not recover from {what}");
}

fn last(rig: &Rig) -> u64 {
    rig.sandbox.journal().last().map_or(0, |entry| entry.seq)
}

/// The real process, with its log in a file, so that nobody needs to read it meanwhile.
struct Logged {
    process: Process,
    log: NamedTempFile,
}

impl Logged {
    fn start(config: &NamedTempFile, format: &str, more: &[&str]) -> Self {
        let log = NamedTempFile::new().unwrap();
        let path = config.path().to_str().unwrap();
        let arguments = ["-c", path, "--log-level", "trace", "--log-format", format];
        let mut command = ratesheet(&[&arguments, more].concat());
        command.stdout(Stdio::null()).stderr(log.reopen().unwrap());
        Self { process: Process::of(command), log }
    }

    fn told(&self) -> String {
        fs::read_to_string(self.log.path()).unwrap()
    }

    /// Where its probes listen.
    fn listens(&self) -> SocketAddr {
        let start = Instant::now();
        loop {
            if let Some(address) = listens(&self.told()) {
                return address;
            }
            assert!(start.elapsed() < SOON, "it does not listen");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends it, and gives what it has logged.
    fn log(self) -> String {
        let Self { process, log } = self;
        process.signal("TERM");
        assert_eq!(process.end().status.code(), Some(0));
        fs::read_to_string(log.path()).unwrap()
    }
}

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
    let process = Logged::start(&file, "json", &[]);
    fresh(&rig, "its start");
    let pid = process.process.id();
    for (what, fault) in answers::all(service) {
        let memory = Memory::of(pid);
        let before = last(&rig);
        rig.sandbox.fault(service, fault);
        // It begins anew: so the lists and the token are asked for, too.
        process.process.signal("HUP");
        met(&rig, before, what);
        rig.sandbox.clear_faults();
        fresh(&rig, what);
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
    fresh(&rig, "its start");
    for (what, fault) in answers::all(service) {
        stall.longest();
        let before = last(&rig);
        rig.sandbox.fault(service, fault);
        tree.try_send(Restart).unwrap();
        met(&rig, before, what);
        rig.sandbox.clear_faults();
        fresh(&rig, what);
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
