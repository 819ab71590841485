//! The real process at fifty ticks a second, with faults all the time: whether anything grows.
//!
//! `cargo bench --bench soak` takes ten minutes; `-- --ticks 1000` less, `--every 50` makes fewer
//! ticks of a second, `--calm` is without faults. It prints a line for every thousand ticks, then
//! what it judges, and ends with 1 if that is not well: the first third is left out, of the rest
//! the slope of the memory (least squares) must be below 2 KB for a thousand ticks, its peak may
//! grow by 1 MB, and descriptors and threads must stay as many.
//!
//! The slope is that of its own memory: pages of the program that are read from its file when they
//! are first needed are none. What is alive in it does not grow at all, as valgrind's massif tells;
//! the allocator takes some tens of kilobytes more in the first ten thousand ticks with faults, as
//! answers of all sizes come and go, so that a shorter run is no proof.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for developers")]

use std::{
    fs,
    process::{Child, Command, ExitCode, Stdio},
    thread,
    time::Duration,
};

use ratesheet::sandbox::{Fault, FaultRule, Sandbox, Service};
use tokio::time::Instant;

const ID: &str = "1-the-spreadsheet-that-is-soaked";

/// What is wanted.
struct Order {
    ticks: u32,
    /// The time from tick to tick.
    every: Duration,
    /// No faults.
    calm: bool,
}

impl Order {
    fn read() -> Self {
        let arguments: Vec<String> = std::env::args().collect();
        let number = |flag: &str| -> Option<u32> {
            let at = arguments.iter().position(|argument| argument == flag)?;
            Some(arguments.get(at + 1)?.parse().unwrap())
        };
        Self {
            ticks: number("--ticks").unwrap_or(30_000),
            every: Duration::from_millis(number("--every").unwrap_or(20).into()),
            calm: arguments.iter().any(|argument| argument == "--calm"),
        }
    }

    fn duration(&self) -> Duration {
        self.every * self.ticks
    }
}

/// A sample every so many ticks.
const SAMPLE: u32 = 50;

/// What is looked at, of `/proc`.
#[derive(Debug, Clone, Copy)]
struct Sample {
    ticks: u32,
    own: f64,
    rss: f64,
    peak: f64,
    fds: usize,
    threads: usize,
}

impl Sample {
    fn of(pid: u32, ticks: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = |name: &str| {
            let line = status.lines().find(|line| line.split(':').next() == Some(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap()
        };
        let count = |what: &str| fs::read_dir(format!("/proc/{pid}/{what}")).unwrap().count();
        Self {
            ticks,
            own: line("RssAnon"),
            rss: line("VmRSS"),
            peak: line("VmHWM"),
            fds: count("fd"),
            threads: count("task"),
        }
    }
}

/// Processor time so far, in seconds: a clock tick of Linux's is a hundredth.
fn cpu(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after = stat.rsplit_once(") ").unwrap().1;
    let fields: Vec<&str> = after.split(' ').collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

/// The slope of the line nearest to these points.
fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let above: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    let below: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
    above / below
}

fn faults() -> Vec<Fault> {
    let second = Duration::from_millis(1);
    vec![
        Fault::Reset,
        Fault::Close,
        Fault::Truncate,
        Fault::ChunkedNoEnd,
        Fault::CloseDelimited,
        Fault::Hang,
        Fault::Infinite,
        Fault::GarbageJson,
        Fault::EmptyBody,
        Fault::Html(520),
        Fault::status(503),
        Fault::Quota429,
        Fault::ApplyThenDrop,
        Fault::Drip { bytes: 100, every: second },
        Fault::ContentEncoding("gzip".into()),
        Fault::Redirect { code: 307, to: "http://127.0.0.1:9/".into() },
        Fault::bytes("content-type: application/json\r\n", "[".repeat(50_000).as_bytes()),
    ]
}

/// A service of twenty pairs in a hurry.
fn start(sandbox: &Sandbox, folder: &std::path::Path, every: Duration) -> Child {
    let pairs = [
        "xbteur", "xbtusd", "etheur", "ethusd", "soleur", "adaeur", "xrpeur", "doteur", "ltceur",
        "linkeur",
    ];
    let data: Vec<_> = pairs
        .iter()
        .zip(1..)
        .flat_map(|(pair, row)| {
            [
                format!("\"kraken:{pair}:buy\": \"A{row}\""),
                format!("\"kraken:{pair}:sell\": \"B{row}\""),
            ]
        })
        .collect();
    let (url, key, config) = (sandbox.url(), folder.join("key.json"), folder.join("config.json"));
    fs::write(&key, sandbox.service_account_key()).unwrap();
    let text = format!(
        r#"{{ "sheet": "{ID}:Sheet 1", "timeout": {}, "data": {{ {} }}, "updated": "D1", "problem": "E1",
              "credentials": {key:?},
              "kraken": {{ "url": "{url}", "deadline": 300, "requests_per_second": 500 }},
              "google": {{ "url": "{url}", "deadline": 300, "writes_per_minute": 60000 }},
              "retry": {{ "backoff_min": 10, "backoff_max": 200, "probe": 500 }} }}"#,
        every.as_millis(),
        data.join(", ")
    );
    fs::write(&config, text).unwrap();
    Command::new(env!("CARGO_BIN_EXE_ratesheet"))
        .arg("-c")
        .arg(config)
        .args(["--log-level", "debug"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Meets the service with something every half of a second, and takes samples.
fn soak(sandbox: &Sandbox, pid: u32, order: &Order) -> Vec<Sample> {
    let (mut samples, faults) = (Vec::new(), faults());
    let mut dice = fastrand::Rng::with_seed(1);
    println!(
        "{:>8} {:>8} {:>8} {:>8} {:>5} {:>8}",
        "ticks", "own KiB", "RSS KiB", "peak KiB", "fds", "threads"
    );
    let begin = Instant::now();
    while begin.elapsed() < order.duration() {
        let tick = (begin.elapsed().as_millis() / order.every.as_millis()) as u32;
        if samples.len() as u32 <= tick / SAMPLE {
            let sample = Sample::of(pid, tick);
            if samples.len().is_multiple_of((1_000 / SAMPLE) as usize) {
                let Sample { own, rss, peak, fds, threads, .. } = sample;
                println!("{tick:>8} {own:>8} {rss:>8} {peak:>8} {fds:>5} {threads:>8}");
            }
            if std::env::var_os("SOAK_RAW").is_some() { eprintln!("raw {} {} {} {} {}", sample.ticks, sample.own, sample.rss, sample.fds, sample.threads); }
            samples.push(sample);
            sandbox.clear_faults();
        } else if !order.calm && tick.is_multiple_of(10) {
            let service = match dice.u8(..10) {
                0..5 => Service::Kraken,
                5..9 => Service::Sheets,
                _ => Service::Token,
            };
            if service == Service::Token {
                sandbox.revoke_tokens();
            }
            let fault = faults[dice.usize(..faults.len())].clone();
            sandbox.inject(FaultRule::new(service, fault).times(dice.u64(1..4)));
        }
        thread::sleep(order.every);
    }
    samples
}

fn judge(samples: &[Sample]) -> bool {
    let rest = &samples[samples.len() / 3..];
    let points: Vec<_> = rest.iter().map(|s| (f64::from(s.ticks) / 1_000.0, s.own)).collect();
    let (first, last) = (rest[0], rest[rest.len() - 1]);
    let slope = slope(&points) * 1.024;
    let peak = (last.peak - first.peak) * 1.024;
    let most = |of: fn(&Sample) -> usize| rest.iter().map(of).max().unwrap();
    let half = &rest[rest.len() / 2..];
    // Connections come and go with the faults: what must not happen is that there are ever more.
    let fds = (most(|s| s.fds), half.iter().map(|s| s.fds).min().unwrap());
    let least = rest.iter().map(|s| s.fds).min().unwrap();
    let threads = (most(|s| s.threads), rest.iter().map(|s| s.threads).min().unwrap());
    let verdicts = [
        (slope < 2.0, format!("memory: {slope:+.2} KB for a thousand ticks")),
        (peak < 1_000.0, format!("peak: {peak:+.0} KB")),
        (
            fds.1 <= least + 1,
            format!("descriptors: {least} at the least, then {}, {} at the most", fds.1, fds.0),
        ),
        (threads.0 == threads.1, format!("threads: {} to {}", threads.1, threads.0)),
    ];
    println!();
    for (well, text) in &verdicts {
        println!("{} {text}", if *well { "ok  " } else { "BAD " });
    }
    verdicts.iter().all(|(well, _)| *well)
}

fn main() -> ExitCode {
    let order = Order::read();
    let sandbox = Sandbox::start().unwrap();
    sandbox.set_quota(None);
    sandbox.set_journal_limit(1_000);
    sandbox.create_spreadsheet(ID, "Soak", &[("Sheet 1", 100, 26)]);
    let folder = tempfile::tempdir().unwrap();
    let mut child = start(&sandbox, folder.path(), order.every);
    let there = |s: &Sandbox| s.cell(ID, "Sheet 1", "A1").is_some();
    sandbox.wait_for_blocking(there, Duration::from_secs(30)).unwrap();
    let before = cpu(child.id());
    let samples = soak(&sandbox, child.id(), &order);
    let load = (cpu(child.id()) - before) / order.duration().as_secs_f64() * 100.0;
    sandbox.clear_faults();
    let price = sandbox.cell(ID, "Sheet 1", "A1");
    let goes_on = |s: &Sandbox| s.cell(ID, "Sheet 1", "A1") != price;
    let alive = sandbox.wait_for_blocking(goes_on, Duration::from_secs(30)).is_ok();
    let well = judge(&samples);
    let requests = sandbox.journal().last().map_or(0, |entry| entry.seq);
    println!("{} it goes on", if alive { "ok  " } else { "BAD " });
    println!("     {requests} requests, {load:.1} % of a core");
    drop(child.kill());
    drop(child.wait());
    if well && alive { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
