//! The real process at twenty ticks a second, with faults all the time: whether anything grows.
//!
//! `cargo bench --bench soak` takes ten minutes, 12,000 ticks; `-- --ticks 1000` less, `--every 20`
//! makes fifty ticks of a second, `--calm` is without faults. It prints a line for every thousand
//! ticks, then what it judges, and ends with 1 if that is not well. The first third is left out,
//! and of each thousand ticks the least is what counts, since answers of all sizes come and go:
//! the slope (least squares) of what is alive on the heap must be below 2 KB for a thousand ticks,
//! and below a quarter for descriptors and threads; the peak of the memory may grow by 1 MB.
//!
//! What is alive is counted by `alive.c`, which is built with `cc` and loaded before the C library.
//! The pages that the allocator holds for it are shown and not judged: they are eight times as
//! many, from the largest answers that ever came together, and there is room in them for a leak
//! that would not show for days; and as larger ones come together, some tens of kilobytes more are
//! held in the first ten thousand ticks, and ever fewer later.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for developers")]

use std::{
    fs,
    path::{Path, PathBuf},
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
            ticks: number("--ticks").unwrap_or(12_000),
            every: Duration::from_millis(number("--every").unwrap_or(50).into()),
            calm: arguments.iter().any(|argument| argument == "--calm"),
        }
    }

    fn duration(&self) -> Duration {
        self.every * self.ticks
    }
}

/// A sample every so many ticks.
const SAMPLE: u32 = 50;

/// What is looked at: memory in kilobytes.
#[derive(Debug, Clone, Copy)]
struct Sample {
    ticks: u32,
    /// On the heap.
    alive: f64,
    /// In pages of its own; those of the program that are read from its file are none.
    own: f64,
    rss: f64,
    peak: f64,
    fds: f64,
    threads: f64,
}

impl Sample {
    fn of(soaked: &Soaked, ticks: u32) -> Self {
        let pid = soaked.process.id();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = |name: &str| {
            let line = status.lines().find(|line| line.split(':').next() == Some(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1.024
        };
        let count =
            |what: &str| fs::read_dir(format!("/proc/{pid}/{what}")).unwrap().count() as f64;
        let alive = i64::from_ne_bytes(fs::read(&soaked.alive).unwrap().try_into().unwrap());
        assert_ne!(alive, 0, "what is alive is not counted: is the program linked statically?");
        Self {
            ticks,
            alive: alive as f64 / 1_000.0,
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

/// The least of each thousand ticks, by thousands of ticks: what was there all the while.
fn floors(samples: &[Sample], of: fn(&Sample) -> f64) -> Vec<(f64, f64)> {
    let thousands = samples.chunk_by(|a, b| a.ticks / 1_000 == b.ticks / 1_000);
    let least = |part: &[Sample]| part.iter().map(of).fold(f64::INFINITY, f64::min);
    thousands.map(|part| (f64::from(part[0].ticks / 1_000), least(part))).collect()
}

fn faults() -> Vec<Fault> {
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
        Fault::Drip { bytes: 100, every: Duration::from_millis(1) },
        Fault::ContentEncoding("gzip".into()),
        Fault::Redirect { code: 307, to: "http://127.0.0.1:9/".into() },
        Fault::bytes("content-type: application/json\r\n", "[".repeat(50_000).as_bytes()),
    ]
}

/// The service, and the file that shows how much is alive in it.
struct Soaked {
    process: Child,
    alive: PathBuf,
}

/// Builds what counts what is alive.
fn counter(folder: &Path) -> PathBuf {
    let (source, library) = ("benches/alive.c", folder.join("alive.so"));
    let mut cc = Command::new("cc");
    cc.args(["-O2", "-Wall", "-Werror", "-shared", "-fPIC", source, "-o"]).arg(&library);
    assert!(cc.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap().success(), "{cc:?}");
    library
}

/// A service of twenty pairs in a hurry.
fn start(sandbox: &Sandbox, folder: &Path, every: Duration) -> Soaked {
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
    let alive = folder.join("alive");
    fs::write(&alive, [0; 8]).unwrap();
    let process = Command::new(env!("CARGO_BIN_EXE_ratesheet"))
        .env("LD_PRELOAD", counter(folder))
        .env("ALIVE", &alive)
        .arg("-c")
        .arg(config)
        .args(["--log-level", "debug"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Soaked { process, alive }
}

/// Meets the service with something every half of a second, and takes samples.
fn soak(sandbox: &Sandbox, soaked: &Soaked, order: &Order) -> Vec<Sample> {
    let (mut samples, faults) = (Vec::new(), faults());
    let mut dice = fastrand::Rng::with_seed(1);
    println!(
        "{:>8} {:>8} {:>8} {:>8} {:>8} {:>5} {:>8}",
        "ticks", "alive KB", "own KB", "RSS KB", "peak KB", "fds", "threads"
    );
    let begin = Instant::now();
    while begin.elapsed() < order.duration() {
        let tick = (begin.elapsed().as_millis() / order.every.as_millis()) as u32;
        if samples.len() as u32 <= tick / SAMPLE {
            let sample = Sample::of(soaked, tick);
            if samples.len().is_multiple_of((1_000 / SAMPLE) as usize) {
                let Sample { alive, own, rss, peak, fds, threads, .. } = sample;
                let memory = format!("{alive:>8.0} {own:>8.0} {rss:>8.0} {peak:>8.0}");
                println!("{tick:>8} {memory} {fds:>5} {threads:>8}");
            }
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
    let grows = |of| slope(&floors(rest, of));
    let (alive, own, rss) = (grows(|s| s.alive), grows(|s| s.own), grows(|s| s.rss));
    let (fds, threads) = (grows(|s| s.fds), grows(|s| s.threads));
    let peak = rest[rest.len() - 1].peak - rest[0].peak;
    let verdicts = [
        (alive < 2.0, format!("alive on the heap: {alive:+.2} KB for a thousand ticks")),
        (peak < 1_000.0, format!("peak: {peak:+.0} KB in all")),
        (fds < 0.25, format!("descriptors: {fds:+.3} for a thousand ticks")),
        (threads < 0.25, format!("threads: {threads:+.3} for a thousand ticks")),
    ];
    println!();
    for (well, text) in &verdicts {
        println!("{} {text}", if *well { "ok  " } else { "BAD " });
    }
    println!("     pages of its own: {own:+.2}, RSS: {rss:+.2} KB for a thousand ticks");
    verdicts.iter().all(|(well, _)| *well)
}

fn main() -> ExitCode {
    let order = Order::read();
    let sandbox = Sandbox::start().unwrap();
    sandbox.set_quota(None);
    sandbox.set_journal_limit(1_000);
    sandbox.create_spreadsheet(ID, "Soak", &[("Sheet 1", 100, 26)]);
    let folder = tempfile::tempdir().unwrap();
    let mut soaked = start(&sandbox, folder.path(), order.every);
    let there = |s: &Sandbox| s.cell(ID, "Sheet 1", "A1").is_some();
    sandbox.wait_for_blocking(there, Duration::from_secs(30)).unwrap();
    let before = cpu(soaked.process.id());
    let samples = soak(&sandbox, &soaked, &order);
    let load = (cpu(soaked.process.id()) - before) / order.duration().as_secs_f64() * 100.0;
    sandbox.clear_faults();
    let price = sandbox.cell(ID, "Sheet 1", "A1");
    let goes_on = |s: &Sandbox| s.cell(ID, "Sheet 1", "A1") != price;
    let alive = sandbox.wait_for_blocking(goes_on, Duration::from_secs(30)).is_ok();
    let well = judge(&samples);
    let requests = sandbox.journal().last().map_or(0, |entry| entry.seq);
    println!("{} it goes on", if alive { "ok  " } else { "BAD " });
    println!("     {requests} requests, {load:.1} % of a core");
    drop(soaked.process.kill());
    drop(soaked.process.wait());
    if well && alive { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
