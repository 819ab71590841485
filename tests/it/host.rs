//! What a host does to a process: it takes its descriptors, its standard streams, its file, its
//! time, and its network for hours.

use std::{
    collections::BTreeSet,
    fs,
    io::ErrorKind,
    net::{SocketAddr, TcpListener},
    process::{Command, Stdio},
    time::Duration,
};

use ratesheet::sandbox::{Fault, FaultRule, Sandbox, Service};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use tokio::time::Instant;

use crate::{
    logged::{Kept, Logged},
    rig::{ONE, Process, Rig, SOON, finish, price_in, ratesheet, tickers, writes},
};

/// The command by way of a shell, which can take things from it first.
fn by_shell(script: &str, config: &str) -> Process {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_ratesheet"), config]).env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Process::of(command)
}

#[test]
fn it_needs_no_standard_streams() {
    for script in [
        "exec \"$1\" -c \"$2\" >&- 2>&-",
        "exec \"$1\" -c \"$2\" <&- >&- 2>&-",
        "exec \"$1\" -c \"$2\" --log-level trace >/dev/full 2>/dev/full",
        "\"$1\" -c \"$2\" --log-level trace 2>&1 & echo $! ; wait",
    ] {
        let rig = Rig::new();
        let file = rig.file(&price_in(ONE, "A1"));
        let process = by_shell(script, file.path().to_str().unwrap());
        for _ in 0..20 {
            rig.changes("A1");
        }
        // The last one's child outlives its shell, unless it is asked.
        if script.ends_with("wait") {
            process.signal_child("TERM");
        } else {
            process.signal("TERM");
        }
        let code = process.end().status.code();
        assert_eq!(code, Some(0), "{script}");
    }
}

#[test]
fn a_command_whose_reader_has_gone_ends_as_it_would() {
    let rig = Rig::new();
    // Slow enough that there is nothing to warn of.
    let file = rig.file(&price_in(ONE, "A1").replace("20", "5000"));
    let named = ["-c", file.path().to_str().unwrap()];
    let once = [&["once"], &named[..]].concat();
    let check = [&["check"], &named[..]].concat();
    let demo = ["demo", "--every", "20"];
    for arguments in [&once[..], &check, &["fields"], &["schema"], &["--help"], &demo] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let (code, told) = printed_to(arguments, writer);
        assert_eq!((code, told.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn what_cannot_be_written_to_standard_output_is_told_and_ends_with_74() {
    let rig = Rig::new();
    let file = rig.file(&price_in(ONE, "A1"));
    let named = ["-c", file.path().to_str().unwrap()];
    let once = [&["once", "--output", "json"], &named[..]].concat();
    let check = [&["check"], &named[..]].concat();
    let completions = ["completions", "bash"];
    let demo = ["demo", "--every", "20"];
    for arguments in [
        &once[..],
        &check,
        &completions,
        &["fields"],
        &["schema"],
        &["version"],
        &["--help"],
        &demo,
    ] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let (code, told) = printed_to(arguments, full);
        assert_eq!(code, Some(74), "{arguments:?}: {told}");
        assert!(told.contains("standard output cannot be written: No space left"), "{told}");
        // clap prints its help by Rust's own standard output, which does not mind.
        if arguments != ["--help"] {
            let (code, told) = printed_to(arguments, fs::File::open("/dev/null").unwrap());
            assert_eq!(code, Some(74), "{arguments:?}: {told}");
            assert!(told.contains("standard output cannot be written: Bad file"), "{told}");
        }
    }
}

/// Who closes it does not want to read what is printed, and has the cells written.
#[test]
fn where_standard_output_is_closed_nothing_is_printed_and_all_is_done() {
    let rig = Rig::new();
    let file = rig.file(&price_in(ONE, "A1").replace("20", "5000"));
    let once = by_shell("exec \"$1\" once -c \"$2\" >&-", file.path().to_str().unwrap());
    assert_eq!(once.end().status.code(), Some(0));
    assert!(rig.number("A1").is_some(), "nothing is written");
}

/// How a command ends that prints to this, and what it says elsewhere.
fn printed_to(arguments: &[&str], output: impl Into<Stdio>) -> (Option<i32>, String) {
    let mut command = ratesheet(arguments);
    command.stdout(output);
    let output = finish(command);
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn without_descriptors_it_waits_until_there_are_some() {
    let rig = Rig::new();
    let ids: Vec<_> = (0..20).map(|n| format!("one-of-twenty-spreadsheets-{n:02}")).collect();
    for id in &ids {
        rig.sandbox.create_spreadsheet(id, "One of twenty", &[("Sheet 1", 10, 10)]);
    }
    let sheets: Vec<_> = [ONE].iter().copied().chain(ids.iter().map(String::as_str)).collect();
    let sheets: Vec<_> = sheets.into_iter().map(|id| price_in(id, "A1")).collect();
    let file = rig.file(&format!(r#"{{ "sheets": [{}] }}"#, sheets.join(",")));
    // Google is not spoken to until somebody holds a connection of the probes.
    let no_token = rig.sandbox.fault(Service::Token, Fault::status(503));
    let script = "ulimit -Sn 24; exec \"$1\" -c \"$2\" --listen 127.0.0.1:0";
    let process = by_shell(script, file.path().to_str().unwrap());
    let mut kept = Kept::ask(probes_of(&process), "/livez");
    assert!(kept.hear().starts_with("HTTP/1.1 200 "), "it is not alive");
    // Each of twenty answers is waited for, on a connection of its own.
    let slow = FaultRule::new(Service::Sheets, Fault::Delay(Duration::from_millis(300)));
    let (before, slow) = (rig.last(), rig.sandbox.inject(slow));
    rig.sandbox.clear_fault(no_token);
    let all = || fs::read_dir(format!("/proc/{}/fd", process.id())).unwrap().count();
    let start = Instant::now();
    let mut heard = start;
    while all() < 24 {
        assert!(start.elapsed() < SOON, "it has {} descriptors", all());
        // Who says nothing is not kept for long.
        if heard.elapsed() > Duration::from_secs(1) {
            kept.ask_again("/livez");
            kept.hear();
            heard = Instant::now();
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut waiting = ["/livez", "/readyz"].map(|path| Kept::ask(probes_of(&process), path));
    let (mut asked, slept, start) = (0, rests(process.id(), "status"), Instant::now());
    while start.elapsed() < Duration::from_secs(2) {
        for path in ["/livez", "/readyz"] {
            kept.ask_again(path);
            asked += 1;
            let answer = kept.hear();
            assert!(path == "/readyz" || answer.starts_with("HTTP/1.1 200 "), "{answer}");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    // Whoever looked all the time whether there is room would never rest between two questions.
    let slept = rests(process.id(), "status") - slept;
    assert!((asked..10 * asked).contains(&slept), "it rests {slept} times, asked {asked} times");
    assert!(waiting.iter().all(Kept::hears_nothing), "somebody is heard for whom there is no room");
    rig.met(before, 40, "a slow write");
    rig.sandbox.clear_fault(slow);
    let written =
        |sandbox: &Sandbox| ids.iter().all(|id| sandbox.cell(id, "Sheet 1", "A1").is_some());
    assert!(rig.sandbox.wait_for_blocking(written, SOON).is_ok(), "some are never written");
    rig.changes("A1");
    // As many as all of them need, with whom they were scrambled for so far.
    let enough = Rlimit { current: Some(100), maximum: getrlimit(Resource::Nofile).maximum };
    prlimit(Pid::from_raw(process.id() as i32), Resource::Nofile, enough).unwrap();
    let [alive, ready] = waiting.each_mut().map(Kept::hear);
    assert!(alive.starts_with("HTTP/1.1 200 ") && ready.starts_with("HTTP/1.1 "), "{ready}");
    process.signal("TERM");
    assert_eq!(process.end().status.code(), Some(0));
}

/// Where a process listens, as soon as it does.
fn probes_of(process: &Process) -> SocketAddr {
    let start = Instant::now();
    loop {
        if let Some(place) = listens_at(process.id()).first() {
            let (_, port) = place.split_once(':').unwrap();
            return ([127, 0, 0, 1], u16::from_str_radix(port, 16).unwrap()).into();
        }
        assert!(start.elapsed() < SOON, "it does not listen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// How often a thread of a process had nothing more to do so far, and waited for something.
fn rests(id: u32, thread: &str) -> u64 {
    // Another may end while it is looked at.
    let read = |task: &fs::DirEntry, file| fs::read_to_string(task.path().join(file)).ok();
    let mut tasks = fs::read_dir(format!("/proc/{id}/task")).unwrap().filter_map(Result::ok);
    let named = |task: &fs::DirEntry| read(task, "comm").is_some_and(|name| name.trim() == thread);
    let status = read(&tasks.find(named).unwrap(), "status").unwrap();
    let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn descriptors_and_threads_do_not_grow_in_number() {
    let rig = Rig::new();
    let file = rig.file(&price_in(ONE, "A1"));
    let process = Process::start(&["-c", file.path().to_str().unwrap(), "--log-level", "error"]);
    let count =
        |what: &str| fs::read_dir(format!("/proc/{}/{what}", process.id())).unwrap().count();
    for _ in 0..10 {
        rig.changes("A1");
    }
    let before = (count("fd"), count("task"));
    for fault in [Fault::Reset, Fault::Close, Fault::Truncate, Fault::Hang, Fault::Infinite] {
        let before = rig.last();
        for service in [Service::Kraken, Service::Sheets] {
            rig.sandbox.inject(FaultRule::new(service, fault.clone()).times(3));
        }
        rig.met(before, 6, &format!("{fault:?}"));
        rig.changes("A1");
    }
    for _ in 0..10 {
        rig.changes("A1");
    }
    let after = (count("fd"), count("task"));
    assert!(after.0 <= before.0 + 2 && after.1 <= before.1, "{before:?}, then {after:?}");
}

#[test]
fn after_a_stop_of_the_whole_process_there_is_one_tick_and_no_burst() {
    // A busy machine may disturb one round; who ticks out of turn by himself does so in each.
    let mut rounds = Vec::new();
    loop {
        let at = after_a_stop_of_five_seconds();
        // One at once for all that were missed, and the next in the old rhythm.
        if (5_000..5_900).contains(&at[0]) && (5_900..6_900).contains(&at[1]) {
            return;
        }
        rounds.push(at);
        assert!(rounds.len() < 4, "{rounds:?}");
    }
}

/// How long after the first request, in milliseconds, a process that ticks every two seconds, and
/// is stopped until five are over, makes its next two.
fn after_a_stop_of_five_seconds() -> [u128; 2] {
    let rig = Rig::new();
    let file = rig.file(&price_in(ONE, "A1").replace("20,", "2000,"));
    let process = Process::start(&["-c", file.path().to_str().unwrap()]);
    rig.shows("A1");
    process.signal("STOP");
    // With the first tick its rhythm begins, whether it asks for pairs then or for prices.
    let begin = rig.sandbox.requests(Service::Kraken)[0].at;
    let passed = || jiff::Timestamp::now().duration_since(begin).unsigned_abs();
    // In the middle between the second tick that is missed and the third, which is not.
    std::thread::sleep(Duration::from_secs(5).saturating_sub(passed()));
    let before = rig.sandbox.count(Service::Kraken);
    process.signal("CONT");
    let some = |sandbox: &Sandbox| sandbox.count(Service::Kraken) >= before + 2;
    assert!(rig.sandbox.wait_for_blocking(some, SOON).is_ok(), "it does not go on");
    process.signal("TERM");
    process.end();
    let since = rig.sandbox.requests(Service::Kraken).split_off(before);
    [0, 1].map(|n| since[n].at.duration_since(begin).unsigned_abs().as_millis())
}

#[test]
fn without_its_file_it_goes_on() {
    let rig = Rig::new();
    let file = rig.file(&price_in(ONE, "A1"));
    let path = file.path().to_owned();
    let mut process = Process::start(&["-c", path.to_str().unwrap()]);
    rig.changes("A1");
    fs::write(&path, "{ garbage").unwrap();
    rig.changes("A1");
    file.close().unwrap();
    rig.changes("A1");
    process.signal("HUP");
    process.says("the old one stays");
    rig.changes("A1");
    process.signal("TERM");
    let output = process.end();
    assert_eq!(output.status.code(), Some(0));
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(!log.contains("the old one stays"), "it is told once more: {log}");
}

/// The memory of its own that a process has, in KiB.
fn own_memory(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A service with a thousand ticks a second, in which these servers hang once it writes, does not
/// grow with them. How many requests of each service there have been meanwhile.
fn grows_not_while_some_hang(hanging: &[Service]) -> [usize; 2] {
    const TICKS: usize = 3_000;
    let rig = Rig::new();
    let file = rig.file(&price_in(ONE, "A1").replace("20,", "1,"));
    let text = fs::read_to_string(file.path()).unwrap();
    fs::write(file.path(), text.replace("500,", "60000,").replace("2000,", "60000,")).unwrap();
    // It tells of its ticks, since none of them may lead to anything.
    let service = Logged::start(&file, "json", &[]);
    let ticks = || service.told().matches(r#""msg":"tick""#).count();
    let some_more = || {
        let (wanted, start) = (ticks() + TICKS, Instant::now());
        while ticks() < wanted {
            assert!(start.elapsed() < 2 * SOON, "{} ticks", ticks());
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    rig.changes("A1");
    for service in hanging {
        rig.sandbox.fault(*service, Fault::Hang);
    }
    let hangs = |sandbox: &Sandbox| {
        let all = sandbox.journal();
        all.iter().any(|entry| entry.fault.is_some() && entry.ended.is_none())
    };
    assert!(rig.sandbox.wait_for_blocking(hangs, SOON).is_ok(), "nothing hangs");
    let count = || [Service::Kraken, Service::Sheets].map(|service| rig.sandbox.count(service));
    let (id, asked) = (service.process.id(), count());
    let memory = [(); 4].map(|()| {
        some_more();
        own_memory(id)
    });
    // Whatever waits for a log that is slow to be written has its bounds: it grows once. Of the
    // six thousand ticks beside, a queue would keep more than twenty bytes each.
    let mut growth: Vec<_> = memory.windows(2).map(|two| two[1].saturating_sub(two[0])).collect();
    growth.sort_unstable();
    assert!(growth[0] + growth[1] <= 128, "{memory:?} KiB");
    let now = count();
    [now[0] - asked[0], now[1] - asked[1]]
}

#[test]
fn nothing_grows_while_every_server_hangs() {
    let more = grows_not_while_some_hang(&[Service::Kraken, Service::Token, Service::Sheets]);
    assert!(more[0] <= 1 && more[1] <= 1, "it asks again though it waits: {more:?}");
}

#[test]
fn nothing_grows_while_kraken_answers_and_google_hangs() {
    let more = grows_not_while_some_hang(&[Service::Sheets]);
    assert!(more[0] >= 100, "Kraken is asked {} times", more[0]);
    assert!(more[1] <= 1, "it writes again though it waits: {more:?}");
}

/// The addresses that a process listens at, of all that the kernel knows.
fn listens_at(pid: u32) -> Vec<String> {
    let links = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let links = links.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    let sockets: BTreeSet<String> = links
        .filter_map(|link| {
            Some(link.to_str()?.strip_prefix("socket:[")?.trim_end_matches(']').into())
        })
        .collect();
    let mut found = Vec::new();
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        let text = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        for row in text.lines().skip(1) {
            let columns: Vec<_> = row.split_whitespace().collect();
            // 0A is listening; of UDP there is to be nothing at all.
            let open = table.starts_with("udp") || columns[3] == "0A";
            if open && sockets.contains(columns[9]) {
                found.push(columns[1].to_owned());
            }
        }
    }
    found
}

#[test]
fn it_listens_nowhere_unless_it_is_told_to_and_then_there_alone() {
    let rig = Rig::new();
    let file = rig.file(&price_in(ONE, "A1"));
    let path = file.path().to_str().unwrap();
    let process = Process::start(&["-c", path]);
    rig.changes("A1");
    assert_eq!(listens_at(process.id()), Vec::<String>::new());
    drop(process);
    let process = Process::start(&["-c", path, "--listen", "127.0.0.1:0"]);
    rig.changes("A1");
    let all = listens_at(process.id());
    // 127.0.0.1, as the kernel prints it.
    assert!(all.len() == 1 && all[0].starts_with("0100007F:"), "{all:?}");
}

#[test]
fn a_long_outage_is_told_in_a_few_lines_and_its_end_in_one() {
    let rig = Rig::new();
    let file = rig.file(&price_in(ONE, "A1"));
    let process = Process::start(&["-c", file.path().to_str().unwrap()]);
    rig.changes("A1");
    let outages = [
        (Service::Kraken, Fault::Html(520)),
        (Service::Sheets, Fault::google(503, "UNAVAILABLE", "It is away.")),
    ];
    let mut began = Vec::new();
    for (service, fault) in outages.iter().chain(&outages) {
        let before = rig.last();
        rig.sandbox.fault(*service, fault.clone());
        began.push(jiff::Timestamp::now());
        // Beside these there are lists of pairs and readings, which are no attempts.
        let tried = |s: &Sandbox| {
            let all = if *service == Service::Kraken { tickers(s) } else { writes(s) };
            all.iter().filter(|entry| entry.seq > before && entry.ended.is_some()).count() >= 30
        };
        assert!(rig.sandbox.wait_for_blocking(tried, SOON).is_ok(), "no outage");
        rig.sandbox.clear_faults();
        rig.changes("A1");
    }
    process.signal("TERM");
    let log = String::from_utf8(process.end().stderr).unwrap();
    assert!(log.lines().count() < 20, "{log}");
    for (n, fails, again) in [
        (0, "Kraken gives no quotes", "Kraken answers again"),
        (1, "the spreadsheet is not written", "the spreadsheet is written again"),
    ] {
        let told: Vec<_> =
            log.lines().filter(|line| line.contains(fails) || line.contains(again)).collect();
        assert_eq!(told.len(), 4, "{log}");
        for (told, began) in told.chunks(2).zip(began.iter().skip(n).step_by(2)) {
            assert!(told[0].contains(fails) && told[1].contains(again), "{log}");
            let end: serde_json::Value = serde_json::from_str(told[1]).unwrap();
            assert!(end["attempts"].as_u64().unwrap() >= 29, "{end}");
            let since: jiff::Timestamp = end["failed_since"].as_str().unwrap().parse().unwrap();
            let late = since.duration_since(*began).as_secs_f64();
            assert!((0.0..5.0).contains(&late), "it began {late} s before: {end}");
        }
    }
}

/// Nobody even comes to where the servers would be.
#[test]
fn check_asks_nobody() {
    let rig = Rig::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    rig.set_token_endpoint(&url);
    let file = rig.file(&price_in(ONE, "A1"));
    let text = fs::read_to_string(file.path()).unwrap();
    fs::write(file.path(), text.replace(&rig.sandbox.url(), &url)).unwrap();
    let path = file.path().to_str().unwrap();
    let output = finish(ratesheet(&["check", "-c", path]));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let came = listener.accept();
    assert!(came.is_err_and(|cause| cause.kind() == ErrorKind::WouldBlock), "somebody comes");
    // With --online somebody would.
    let _process = Process::start(&["check", "--online", "-c", path]);
    let start = Instant::now();
    while listener.accept().is_err() {
        assert!(start.elapsed() < SOON, "nobody comes");
        std::thread::sleep(Duration::from_millis(5));
    }
}
