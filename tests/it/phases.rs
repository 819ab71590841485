//! Ended at any phase of a tick: politely, it finishes what it has begun; by force, it leaves
//! nothing behind. `RATESHEET_KILLS` says how often, where somebody has the time.

use std::{fs, path::Path, thread, time::Duration};

use ratesheet::sandbox::{Entry, Fault, FaultRule, Service};
use tokio::time::Instant;

use crate::rig::{ONE, Process, Rig, SOON, block_on, ratesheet};

/// How often the process is ended by each signal.
#[expect(clippy::disallowed_methods, reason = "a switch for whoever has the time")]
fn times() -> u64 {
    std::env::var("RATESHEET_KILLS").ok().and_then(|times| times.parse().ok()).unwrap_or(25)
}

/// A rig whose every answer takes a while, so that a tick has phases, and its configuration.
fn slow() -> (Rig, tempfile::TempDir) {
    let rig = Rig::new();
    for (service, ms) in [(Service::Kraken, 15), (Service::Sheets, 25)] {
        rig.sandbox.inject(FaultRule::new(service, Fault::Delay(Duration::from_millis(ms))));
    }
    let sheet = format!(
        r#"{{ "sheet": "{ONE}:Sheet 1", "timeout": 60, "data": {{ "kraken:xbteur:sell": "A1" }} }}"#
    );
    let folder = tempfile::tempdir().unwrap();
    fs::copy(rig.file(&sheet).path(), folder.path().join("ratesheet.json")).unwrap();
    (rig, folder)
}

/// Starts it, and waits for a price that was not there before.
fn start(rig: &Rig, folder: &Path) -> Process {
    let before = rig.number("A1");
    let mut command = ratesheet(&[]);
    command.current_dir(folder);
    let process = Process::of(command);
    let fresh = rig.sandbox.wait_for_blocking(|_| rig.number("A1") != before, SOON);
    assert!(fresh.is_ok(), "no fresh price");
    process
}

/// Sleeps to some phase of a tick: the `n`th of all.
fn to_a_phase(n: u64) {
    thread::sleep(Duration::from_millis(n * 60 / 20 % 60));
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap();
    names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn asked_to_stop_in_any_phase_it_finishes_its_write_and_ends_with_0() {
    let (rig, folder) = slow();
    for n in 0..times() {
        let process = start(&rig, folder.path());
        to_a_phase(n);
        let asked = Instant::now();
        process.signal("TERM");
        assert_eq!(process.end().status.code(), Some(0));
        // Eight seconds of grace, and half of one.
        assert!(asked.elapsed() < Duration::from_millis(8_500), "{:?}", asked.elapsed());
    }
    for write in rig.sandbox.journal().iter().filter(|entry| entry.is_write()) {
        assert!(write.applied && write.status == Some(200), "cut short: {write:?}");
    }
    assert_eq!(names(folder.path()), ["ratesheet.json"]);
}

#[test]
fn killed_in_any_phase_it_leaves_nothing_behind_and_begins_afresh() {
    let (rig, folder) = slow();
    for n in 0..times() {
        let process = start(&rig, folder.path());
        to_a_phase(n);
        process.signal("KILL");
        drop(process.end());
        assert_eq!(names(folder.path()), ["ratesheet.json"]);
    }
    drop(start(&rig, folder.path()));
    block_on(async {
        // No write but whole ones has done anything.
        let odd = |entry: &&Entry| entry.is_write() && entry.applied && entry.json().is_null();
        assert_eq!(rig.sandbox.journal().iter().filter(odd).count(), 0);
    });
}
