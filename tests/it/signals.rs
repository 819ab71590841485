//! The process: how it stops, how it reads its configuration again, what it says last.

use std::{
    fs,
    io::Write as _,
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream, process::ExitStatusExt as _},
    },
    thread,
    time::Duration,
};

use ratesheet::sandbox::{Fault, Sandbox, Service};
use regex_lite::Regex;
use tokio::time::Instant;

use crate::{
    logged::page,
    rig::{ONE, Process, Rig, SOON, finish, in_flight, listens, price_in, ratesheet, slow, writes},
};

/// What happens at once, on a busy machine: the grace, unless it is said, is eight seconds.
const AT_ONCE: Duration = Duration::from_secs(3);

/// What happens at once, where the machine has nothing else to do.
const AT_ONCE_AT_REST: Duration = Duration::from_millis(200);

/// As many processes are asked how quick it is at rest.
const TRIES: usize = 5;

/// A service at work.
fn at_work(rig: &Rig) -> (tempfile::NamedTempFile, Process) {
    let file = rig.file(&price_in(ONE, "A1"));
    let process = Process::start(&["-c", file.path().to_str().unwrap()]);
    rig.shows("A1");
    (file, process)
}

#[test]
fn asked_to_stop_it_stops_at_once_and_cleanly() {
    for signal in ["TERM", "INT"] {
        let rig = Rig::new();
        // Its end is not waited for as long as it might take.
        let grace = format!(r#"{{ "shutdown_grace": {},"#, 2 * SOON.as_millis());
        let file = rig.file(&price_in(ONE, "A1").replacen('{', &grace, 1));
        let process = Process::start(&["-c", file.path().to_str().unwrap()]);
        rig.shows("A1");
        process.signal(signal);
        let output = process.end();
        assert_eq!(output.status.code(), Some(0), "{signal}");
        let log = String::from_utf8(output.stderr).unwrap();
        assert!(log.lines().last().unwrap().contains("\"msg\":\"stopped\""), "{log}");
        assert!(!log.contains("abandoned"), "{log}");
    }
}

#[test]
fn a_write_in_flight_is_finished_before_it_stops() {
    let rig = Rig::new();
    let (_file, process) = at_work(&rig);
    rig.sandbox.inject(slow(700));
    rig.is_writing();
    process.signal("TERM");
    let fetches = rig.sandbox.count(Service::Kraken);
    assert_eq!(process.end().status.code(), Some(0));
    let writes = writes(&rig.sandbox);
    let last = writes.last().unwrap();
    assert!(last.applied && last.status == Some(200), "{last:?}");
    assert_eq!(writes.iter().filter(|entry| entry.fault.is_some()).count(), 1);
    // But for one that was on its way, Kraken is asked no more: it would be 35 times.
    let more = rig.sandbox.count(Service::Kraken) - fetches;
    assert!(more <= 1, "{more} fetches since it was asked to stop");
}

#[test]
fn a_write_that_hangs_is_abandoned_when_the_grace_is_over() {
    let rig = Rig::new();
    let text = price_in(ONE, "A1").replacen('{', r#"{ "shutdown_grace": 300,"#, 1);
    let file = rig.file(&text);
    // Whoever waits for the answer waits for longer than the test does.
    let text = fs::read_to_string(file.path()).unwrap();
    fs::write(file.path(), text.replace("2000,", "60000,")).unwrap();
    let process = Process::start(&["-c", file.path().to_str().unwrap()]);
    rig.shows("A1");
    rig.sandbox.fault(Service::Sheets, Fault::Hang);
    rig.is_writing();
    let asked = Instant::now();
    process.signal("TERM");
    let output = process.end();
    assert_eq!(output.status.code(), Some(0));
    let took = asked.elapsed();
    let log = String::from_utf8(output.stderr).unwrap();
    let told = log.lines().rev().nth(1).unwrap();
    assert!(told.contains("is abandoned: if it was writing, Google may yet"), "{log}");
    assert!(told.contains(&format!("\"spreadsheet\":\"{ONE}\"")), "{log}");
    let grace = Duration::from_millis(300);
    assert!(took >= grace && took < grace + AT_ONCE, "{took:?}");
}

/// A busy machine holds up one process or the other, and rarely five in a row, while one that
/// waited for anything, for its write, its log, a thread, would never be quick. So every one is
/// held to the loose bound, and the quickest to the true one.
#[test]
fn a_second_signal_ends_it_at_once() {
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let mut took = Vec::new();
        while took.len() < TRIES && took.iter().all(|took| *took >= AT_ONCE_AT_REST) {
            took.push(ended_by_a_second(signal, code));
        }
        assert!(took.iter().any(|took| *took < AT_ONCE_AT_REST), "{signal}: {took:?}");
        assert!(took.iter().all(|took| *took < AT_ONCE), "{signal}: {took:?}");
    }
}

/// How long a service takes to end that is asked a second time to stop, while it writes. It says
/// what becomes of the write.
fn ended_by_a_second(signal: &str, code: i32) -> Duration {
    let rig = Rig::new();
    let (_file, mut process) = at_work(&rig);
    rig.sandbox.fault(Service::Sheets, Fault::Hang);
    rig.is_writing();
    process.signal("TERM");
    process.says("\"msg\":\"stopping\"");
    let asked = Instant::now();
    process.signal(signal);
    let output = process.end();
    let took = asked.elapsed();
    assert_eq!(output.status.code(), Some(code));
    let log = String::from_utf8(output.stderr).unwrap();
    let last = log.lines().last().unwrap_or_default();
    assert!(last.contains("it ends at once: a write that is under way is abandoned"), "{log}");
    took
}

#[test]
fn a_changed_configuration_takes_effect_and_a_broken_one_does_not() {
    let rig = Rig::new();
    let (file, mut process) = at_work(&rig);
    let new = rig.file(&price_in(ONE, "B1"));
    std::fs::copy(new.path(), file.path()).unwrap();
    process.signal("HUP");
    let told = process.says("no longer written, and keeping the last value: 'Sheet 1'!A1\"");
    assert!(told.contains(&format!("\"spreadsheet\":\"{ONE}\"")), "{told}");
    rig.shows("B1");
    // Of many, every one is named.
    let scattered: Vec<_> = (1..=21).map(|row| format!("\"C{}\"", 2 * row)).collect();
    let many = price_in(ONE, "B1").replace("\"B1\"", &format!("[{}]", scattered.join(", ")));
    std::fs::copy(rig.file(&many).path(), file.path()).unwrap();
    process.signal("HUP");
    rig.shows("C42");
    std::fs::copy(new.path(), file.path()).unwrap();
    process.signal("HUP");
    let told = process.says("the last value: 'Sheet 1'!C2, ");
    assert!(told.contains("!C40\"") && !told.contains("C42"), "{told}");
    process.says("the last value: 'Sheet 1'!C42\"");
    std::fs::write(file.path(), "{ broken").unwrap();
    process.signal("HUP");
    process.says("the old one stays");
    assert!(rig.changed("B1"), "the old configuration no longer works");
    process.signal("TERM");
    assert_eq!(process.end().status.code(), Some(0));
}

#[test]
fn the_probes_move_when_the_tree_goes_by_the_new_configuration_and_not_before() {
    let rig = Rig::new();
    let listening = |address: &str| {
        let status = format!(r#"{{ "status": {{ "listen": "{address}:0" }},"#);
        rig.file(&price_in(ONE, "A1").replacen('{', &status, 1))
    };
    let file = listening("127.0.0.1");
    let mut process = Process::start(&["-c", file.path().to_str().unwrap()]);
    let before = listens(&process.says("the probes listen")).unwrap();
    rig.shows("A1");
    // The tree that is at work takes its time to stop.
    rig.sandbox.fault(Service::Sheets, Fault::Hang);
    assert!(rig.sandbox.wait_for_blocking(in_flight, SOON).is_ok(), "no write hangs");
    fs::copy(listening("127.0.0.2").path(), file.path()).unwrap();
    process.signal("HUP");
    process.says("the configuration is read again");
    assert!(page(before, "/livez").ends_with("alive\n"));
    process.says("at work");
    let moved = process.says("the probes listen");
    assert!(moved.contains("127.0.0.2:"), "{moved}");
    process.signal("TERM");
    assert_eq!(process.end().status.code(), Some(0));
}

#[test]
fn a_configuration_that_is_gone_is_told_by_its_name_and_the_old_one_stays() {
    let rig = Rig::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ratesheet.json");
    fs::copy(rig.file(&price_in(ONE, "A1")).path(), &file).unwrap();
    let mut command = ratesheet(&["run"]);
    command.current_dir(folder.path());
    let mut process = Process::of(command);
    rig.shows("A1");
    fs::remove_file(&file).unwrap();
    process.signal("HUP");
    let told = process.says("the old one stays");
    assert!(told.contains("ratesheet.json: error: the file is gone"), "{told}");
    assert!(told.contains("put one in its place, and send SIGHUP again"), "{told}");
    rig.changes("A1");
    fs::copy(rig.file(&price_in(ONE, "B1")).path(), &file).unwrap();
    process.signal("HUP");
    rig.shows("B1");
    process.signal("TERM");
    assert_eq!(process.end().status.code(), Some(0));
}

#[test]
fn standard_input_is_not_read_again_and_what_it_said_stays() {
    let rig = Rig::new();
    let mut command = ratesheet(&["run", "-c", "-"]);
    command.stdin(fs::File::open(rig.file(&price_in(ONE, "A1")).path()).unwrap());
    let mut process = Process::of(command);
    rig.shows("A1");
    process.signal("HUP");
    let told = process.says("the old one stays");
    assert!(told.contains("standard input can be read only once"), "{told}");
    rig.changes("A1");
    process.signal("TERM");
    assert_eq!(process.end().status.code(), Some(0));
}

#[test]
fn kraken_panicking_for_ever_ends_the_process_with_70_and_says_why_last() {
    let demo = ["demo", "--every", "20", "--log-level", "warn"];
    let arguments = [&demo[..], &["--drill", "kraken:panic:forever"]].concat();
    let output = finish(ratesheet(&arguments));
    assert_eq!(output.status.code(), Some(70));
    let log = String::from_utf8(output.stderr).unwrap();
    let waits = Regex::new(r#""restart_in_ms":(\d+)"#).unwrap();
    let waits: Vec<_> = waits.captures_iter(&log).map(|found| found[1].to_owned()).collect();
    assert_eq!(waits, ["500", "1000", "2000", "2000", "2000"], "{log}");
    let last = log.lines().last().unwrap();
    assert!(last.contains("giving up: KrakenActor failed 6 times: panicked: a drill"), "{log}");
    let place = Regex::new(r#""msg":"a panic at src/[a-z/]+\.rs:\d+:\d+","#).unwrap();
    assert_eq!(place.find_iter(&log).count(), 6, "{log}");
    assert!(log.contains(r#""why":"a drill","thread":"main""#), "{log}");
}

/// As many records may wait for whoever reads the log; each tick makes one.
const WAITING: usize = 1_024;

#[test]
fn it_goes_on_when_nobody_reads_its_log() {
    let rig = Rig::new();
    let file = rig.file(&price_in(ONE, "A1").replace("20,", "1,"));
    let (reader, full) = full();
    let mut command = ratesheet(&["-c", file.path().to_str().unwrap(), "--log-level", "trace"]);
    command.stderr(OwnedFd::from(full));
    let mut child = command.spawn().unwrap();
    // The one is closed, and the other takes nothing.
    drop(child.stdout.take());
    let process = Process::from(child);
    let fetches = |sandbox: &Sandbox| sandbox.count(Service::Kraken) > WAITING + 200;
    assert!(rig.sandbox.wait_for_blocking(fetches, SOON).is_ok(), "it waits for its reader");
    drop(reader);
    rig.changes("A1");
    process.signal("TERM");
    assert_eq!(process.end().status.code(), Some(0));
}

/// A pair of ends, of which the one reads nothing, and the other is full to the last byte.
fn full() -> (UnixStream, UnixStream) {
    let (reader, mut writer) = UnixStream::pair().unwrap();
    writer.set_nonblocking(true).unwrap();
    for size in [4_096, 1] {
        while writer.write(&vec![b'\n'; size]).is_ok() {}
    }
    writer.set_nonblocking(false).unwrap();
    (reader, writer)
}

#[test]
fn a_configuration_with_a_mistake_ends_it_with_78_before_anything_is_asked() {
    let rig = Rig::new();
    let file = rig.file(&price_in(ONE, "A0"));
    for arguments in [&["run"][..], &["once"], &["once", "--dry-run"], &["check"]] {
        let path = file.path().to_str().unwrap();
        let output = finish(ratesheet(&[arguments, &["-c", path]].concat()));
        assert_eq!(output.status.code(), Some(78), "{arguments:?}");
    }
    assert!(rig.sandbox.journal().is_empty());
}

#[test]
fn a_key_of_the_wrong_kind_ends_it_with_77_and_is_named() {
    let rig = Rig::new();
    std::fs::write(rig.key.path(), r#"{"installed":{"client_id":"x","client_secret":"y"}}"#)
        .unwrap();
    let file = rig.file(&price_in(ONE, "A1"));
    let output = finish(ratesheet(&["-c", file.path().to_str().unwrap()]));
    assert_eq!(output.status.code(), Some(77));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("OAuth client"), "{text}");
}

/// Whatever ends the service before it begins, `check` says so with the same exit code.
#[test]
fn check_says_what_run_would_say() {
    let rig = Rig::new();
    let well = price_in(ONE, "A1");
    let with = |text: &str| well.replacen('{', &format!("{{ {text},"), 1);
    let tls = with(r#""tls": { "ca_file": "/does/not/exist.pem" }"#);
    for (text, key, code, words) in [
        (
            &tls,
            None,
            78,
            ": error at $.tls.ca_file: found \"/does/not/exist.pem\", which cannot be",
        ),
        (&tls, Some("/does/not/exist.json"), 78, ".pem\", which cannot be"),
        (&tls, Some("/does/not/exist.json"), 78, "/does/not/exist.json: error: the key cannot be"),
        (&well, Some("/does/not/exist.json"), 77, "the key cannot be read"),
        (&well, Some("Cargo.toml"), 77, "the file is no JSON"),
        (&with(r#""log": 5"#), None, 78, "found 5"),
    ] {
        let file = rig.file(text);
        let key = key.map(|key| ["--credentials", key]);
        let named = ["-c", file.path().to_str().unwrap()];
        for command in [&["run"][..], &["once"], &["check"], &["check", "--online"]] {
            let key = key.as_ref().map_or(&[][..], |key| &key[..]);
            let output = finish(ratesheet(&[command, &named, key].concat()));
            let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert_eq!(output.status.code(), Some(code), "{command:?}\n{told}");
            assert!(told.contains(words), "{command:?}\n{told}");
        }
    }
    assert_eq!(rig.sandbox.count(Service::Sheets), 0);
}

#[test]
fn wrong_usage_ends_it_with_64() {
    for arguments in [&["rnu"][..], &["--colour"], &["demo", "--ticks", "0"], &["once", "x"]] {
        assert_eq!(finish(ratesheet(arguments)).status.code(), Some(64), "{arguments:?}");
    }
    assert_eq!(finish(ratesheet(&["--help"])).status.code(), Some(0));
}

#[test]
fn every_other_command_ends_at_once_by_a_signal_even_as_the_first_process_of_a_container() {
    let rig = Rig::new();
    let file = rig.file(&price_in(ONE, "A1"));
    let path = file.path().to_str().unwrap();
    fs::write(path, fs::read_to_string(path).unwrap().replace("500,", "60000,")).unwrap();
    rig.sandbox.fault(Service::Kraken, Fault::Hang);
    for command in [&["once"][..], &["once", "--dry-run"], &["check", "--online"], &["pairs"]] {
        for (signal, code) in [("TERM", 143), ("INT", 130)] {
            let before = rig.sandbox.count(Service::Kraken);
            let process = Process::start(&[command, &["-c", path]].concat());
            let asked = rig.sandbox.wait_for_blocking(|s| s.count(Service::Kraken) > before, SOON);
            assert!(asked.is_ok(), "{command:?} asks nobody");
            process.signal(signal);
            let status = process.end().status;
            // The kernel would do it too, without a code, to any process but the first one.
            assert_eq!((status.code(), status.signal()), (Some(code), None), "{command:?}");
        }
    }
}

#[test]
fn asked_to_stop_before_it_has_begun_it_ends_at_once_and_with_0() {
    for (signal, number) in [("TERM", 15), ("INT", 2)] {
        let mut command = ratesheet(&["run", "-c", "-"]);
        // It stays open: an end would be a configuration that is empty.
        let (input, _open) = std::io::pipe().unwrap();
        command.stdin(input);
        let process = Process::of(command);
        let start = Instant::now();
        while !catches(&process, number) {
            assert!(start.elapsed() < SOON, "{signal} is not caught while it reads");
            thread::sleep(Duration::from_millis(5));
        }
        // Nobody has told it yet what to do.
        process.signal(signal);
        let status = process.end().status;
        // The kernel would do it too, without a code, to any process but the first one.
        assert_eq!((status.code(), status.signal()), (Some(0), None), "{signal}");
    }
}

/// Whether a process has a handler for the signal with this number.
fn catches(process: &Process, number: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(caught.trim(), 16).unwrap() & (1 << (number - 1)) != 0
}
