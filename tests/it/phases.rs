//! Ended at any phase of a tick: politely, it finishes what it has begun; by force, it leaves
//! nothing behind. `RATESHEET_KILLS` says how often, where somebody has the time.

use std::{
    fs,
    path::Path,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use ratesheet::sandbox::{Fault, FaultRule, Service};
use tokio::time::Instant;

use crate::rig::{ONE, Process, Rig, SOON, price, price_in, ratesheet, writes};

/// From its start to its first price it takes a quarter of a second, and on a busy machine some.
const FRESH: Duration = Duration::from_secs(5);

/// Whoever waits out the grace of a stop waits for longer than any test does.
const GRACE: Duration = SOON.saturating_mul(2);

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
    let grace = format!(r#"{{ "shutdown_grace": {},"#, GRACE.as_millis());
    let sheet = price_in(ONE, "A1").replace("20,", "60,").replacen('{', &grace, 1);
    let folder = tempfile::tempdir().unwrap();
    fs::copy(rig.file(&sheet).path(), folder.path().join("ratesheet.json")).unwrap();
    (rig, folder)
}

/// Starts it, and waits for a price that was not there before.
fn start(rig: &Rig, folder: &Path) -> Process {
    let mut command = ratesheet(&[]);
    command.current_dir(folder);
    let start = Instant::now();
    let process = Process::of(command);
    rig.changes("A1");
    assert!(start.elapsed() < FRESH, "fresh after {:?}", start.elapsed());
    process
}

/// Has the price rise all the time, so that an older one shows.
fn rising(rig: &Rig, test: impl FnOnce()) {
    thread::scope(|scope| {
        let (goes_on, stopped) = mpsc::channel::<()>();
        scope.spawn(move || {
            let mut price = 0;
            while stopped.recv_timeout(Duration::from_millis(5)) == Err(RecvTimeoutError::Timeout) {
                price += 1;
                rig.set_price(price);
            }
        });
        test();
        drop(goes_on);
    });
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
        process.signal("TERM");
        let fetches = rig.sandbox.count(Service::Kraken);
        assert_eq!(process.end().status.code(), Some(0));
        // But for one that was on its way, no tick asks Kraken any more.
        let more = rig.sandbox.count(Service::Kraken) - fetches;
        assert!(more <= 1, "{more} fetches since it was asked to stop");
    }
    for write in writes(&rig.sandbox) {
        assert!(write.applied && write.status == Some(200), "cut short: {write:?}");
    }
    assert_eq!(names(folder.path()), ["ratesheet.json"]);
}

#[test]
fn killed_in_any_phase_it_leaves_nothing_behind_and_begins_afresh() {
    let (rig, folder) = slow();
    rising(&rig, || {
        for n in 0..times() {
            let process = start(&rig, folder.path());
            to_a_phase(n);
            process.signal("KILL");
            drop(process.end());
            assert_eq!(names(folder.path()), ["ratesheet.json"]);
        }
        drop(start(&rig, folder.path()));
    });
    let prices: Vec<_> = writes(&rig.sandbox).iter().map(price).collect();
    assert!(prices.is_sorted(), "an older price follows a newer one: {prices:?}");
}
