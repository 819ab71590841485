//! What the process asks the C library for, another may answer that is put before it: a name server
//! that is silent, and a clock on the wall that is set while it runs.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::{fs, os::unix::fs::FileExt as _, path::Path, process::Command, thread, time::Duration};

use tempfile::TempDir;
use tokio::time::Instant;

use crate::{
    rhythm::Rhythm,
    rig::{ONE, Process, Rig, SOON, price_in, ratesheet, tickers},
};

/// Builds a library of `tests/machine`, and says where it is.
fn built(folder: &TempDir, name: &str) -> String {
    let library = folder.path().join(name).with_extension("so");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/machine");
    let mut compiler = Command::new("cc"); // Rust links with it, too
    compiler.args(["-shared", "-fPIC", "-o"]).args([&library, &sources.join(name)]);
    assert!(compiler.status().unwrap().success());
    library.to_str().unwrap().to_owned()
}

/// Its lookups do not end: whoever waits for one waits for ever.
#[test]
fn no_stop_waits_for_a_lookup() {
    let folder = TempDir::new().unwrap();
    let (library, asked) = (built(&folder, "lookups.c"), folder.path().join("asked"));
    let rig = Rig::new();
    let file = rig.file(&price_in(ONE, "A1"));
    let text = fs::read_to_string(file.path()).unwrap().replace("127.0.0.1", "localhost");
    fs::write(file.path(), text).unwrap();
    let path = file.path().to_str().unwrap();
    for (command, code) in [("run", 0), ("once", 143)] {
        fs::write(&asked, "").unwrap();
        let mut command = ratesheet(&[command, "-c", path]);
        command.env("LD_PRELOAD", &library).env("LOOKUPS", &asked);
        let process = Process::of(command);
        let begin = Instant::now();
        while fs::read(&asked).unwrap().is_empty() {
            assert!(begin.elapsed() < SOON, "no name is looked up");
            thread::sleep(Duration::from_millis(1));
        }
        process.signal("TERM");
        assert_eq!(process.end().status.code(), Some(code));
    }
}

/// The clock is set an hour back, an hour on, fifty years on, and right again: prices are written
/// on and on, no tick is waited for, and none comes before its time. A busy machine may hold up one
/// tick or the other; who waits for one because of the clock does so whenever it is set.
#[test]
fn a_clock_that_is_set_disturbs_no_tick() {
    const EVERY: Duration = Duration::from_millis(100);
    let folder = TempDir::new().unwrap();
    let (library, clock) = (built(&folder, "clock.c"), folder.path().join("clock"));
    // It is never empty, not even for a moment.
    let file = fs::File::create(&clock).unwrap();
    let set = |ahead: i64| file.write_all_at(format!("{ahead:<20}").as_bytes(), 0).unwrap();
    let rig = Rig::new();
    let sheet = price_in(ONE, "A1")
        .replace("20,", "100,")
        .replace("\"data\"", "\"updated\": \"D1\", \"data\"");
    let file = rig.file(&sheet);
    set(0);
    let mut command = ratesheet(&["run", "-c", file.path().to_str().unwrap()]);
    command.env("LD_PRELOAD", &library).env("CLOCK_AHEAD", &clock);
    let process = Process::of(command);
    rig.changes("A1");
    let mut from = 0;
    for ahead in [-3_600, 3_600, 50 * 365 * 86_400, 0] {
        let mut pauses = Vec::new();
        while pauses.last().is_none_or(|pause| *pause > 4 * EVERY) {
            assert!(pauses.len() < 5, "{ahead} s: ticks are waited for: {pauses:?}");
            set(from);
            rig.changes("A1");
            let before = rig.number("D1").unwrap();
            set(ahead);
            let (begin, asked) = (Instant::now(), tickers(&rig.sandbox).len());
            for _ in 0..5 {
                rig.changes("A1");
            }
            let took = begin.elapsed();
            let fetches = tickers(&rig.sandbox).split_off(asked - 1);
            // The first is from before, and one at each end may belong to another time.
            let most = took.div_duration_f64(EVERY) as usize + 3;
            let count = fetches.len();
            assert!(count <= most, "{ahead} s: {count} fetches in {took:?}");
            assert_ne!(rig.number("D1"), Some(before));
            let mut rhythm = Rhythm::new(EVERY);
            rhythm.hear(&fetches);
            pauses.push(rhythm.pause());
        }
        from = ahead;
    }
    process.signal("TERM");
    let output = process.end();
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{log}");
    assert!(!log.contains("stood still") && !log.contains("restart"), "{log}");
}
