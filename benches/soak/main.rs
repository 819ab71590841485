//! The real process at twenty ticks a second, with faults all the time: whether anything grows,
//! whether any tick is skipped, how late they are, and what it takes.
//!
//! `cargo bench --bench soak` takes ten minutes, 12,000 ticks. It prints a line for every thousand
//! ticks, then what it judges, and ends with 1 if that is not well.
//!
//! | after `--` | |
//! |---|---|
//! | `--ticks 1000` | fewer ticks, or more |
//! | `--every 5` | two hundred ticks a second |
//! | `--calm` | no faults: the ticks that lack a fetch, their lateness and the load are judged |
//! | `--asked` | the probes are asked a thousand times a second, and two hundred connections held |
//!
//! **What grows.** The first third is left out, and of each thousand ticks the least is what
//! counts, since answers of all sizes come and go: the slope of what is alive on the heap must be
//! below 2 KB for a thousand ticks, and below a quarter for descriptors and threads; the peak of
//! the memory may grow by 1 MB. A task that is left behind is on the heap, with 160 bytes at the
//! least, so that thirteen in a thousand ticks are seen, and fewer of those that do anything.
//!
//! What is alive is counted by `alive.c`, which is built with `cc` and loaded before the C library.
//! The pages that the allocator holds for it are shown and not judged: they are eight times as
//! many, from the largest answers that ever came together, and there is room in them for a leak
//! that would not show for days; and as larger ones come together, some tens of kilobytes more are
//! held in the first ten thousand ticks, and ever fewer later.
//!
//! **What is skipped.** By the sandbox's journal (`tests/it/rhythm.rs`): after a fetch that was
//! answered well the next tick has its own. Only a fetch that a fault meets, which lasts longer
//! than a tick or is followed by a wait, may cost the ticks meanwhile. Without faults none is
//! skipped at twenty ticks a second, and at two hundred less than one in a hundred.
//!
//! On a machine that has other work to do, build it (`--no-run`), and then let it go before the
//! rest: `chrt -r 5 cargo bench --bench soak`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for developers")]

mod crowd;
#[path = "../../tests/it/rhythm.rs"]
#[allow(dead_code, reason = "its tests run in `it`")]
mod rhythm;
mod sample;
mod service;

use std::{process::ExitCode, thread, time::Duration};

use ratesheet::sandbox::{Fault, FaultRule, Sandbox, Service};
use tokio::time::Instant;

use self::{
    crowd::Crowd,
    rhythm::{Rhythm, percentile},
    sample::{SAMPLE, Sample, growth},
    service::{ID, Soaked},
};

/// Whether it is well, and what it is.
type Verdict = (bool, String);

/// What is wanted.
struct Order {
    ticks: u32,
    /// The time from tick to tick.
    every: Duration,
    /// No faults.
    calm: bool,
    /// A crowd at the probes.
    asked: bool,
}

impl Order {
    /// What the arguments say; one that says nothing ends it.
    fn read() -> Self {
        let mut order =
            Self { ticks: 12_000, every: Duration::from_millis(50), calm: false, asked: false };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut number = || -> u32 {
                let number = arguments.next().and_then(|number| number.parse().ok());
                number.unwrap_or_else(|| panic!("{argument} wants a number"))
            };
            match argument.as_str() {
                "--ticks" => order.ticks = number(),
                "--every" => order.every = Duration::from_millis(number().into()),
                "--calm" => order.calm = true,
                "--asked" => order.asked = true,
                "--bench" => {} // cargo says so
                other => panic!("{other} is not known: --ticks N, --every MS, --calm, --asked"),
            }
        }
        order
    }

    fn duration(&self) -> Duration {
        self.every * self.ticks
    }

    /// The 99th of a hundred ticks may be so late.
    const fn allowance(&self) -> Duration {
        Duration::from_millis(if self.asked { 20 } else { 5 })
    }

    /// So many ticks may lack a fetch where nothing goes wrong. None does at twenty ticks a second;
    /// at two hundred an answer, or a look of the machine's elsewhere, may last longer than a tick.
    fn may_miss(&self, due: usize) -> usize {
        if self.every >= Duration::from_millis(50) { 0 } else { due / 100 }
    }

    /// Whether it may take a quarter of a core: that is for twenty ticks a second.
    fn bounds_load(&self) -> bool {
        self.calm && !self.asked && self.every >= Duration::from_millis(50)
    }
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

/// Meets the service with something every half of a second, takes samples, and hears its rhythm.
fn soak(sandbox: &Sandbox, soaked: &Soaked, order: &Order) -> (Vec<Sample>, Rhythm) {
    let (mut samples, faults) = (Vec::new(), faults());
    let mut dice = fastrand::Rng::with_seed(1);
    let mut rhythm = Rhythm::new(order.every);
    let mut heard = last(sandbox);
    println!("{}", Sample::HEAD);
    let begin = Instant::now();
    while begin.elapsed() < order.duration() {
        let tick = (begin.elapsed().as_millis() / order.every.as_millis()) as u32;
        if samples.len() as u32 <= tick / SAMPLE {
            let sample = Sample::of(soaked, tick);
            if samples.len().is_multiple_of((1_000 / SAMPLE) as usize) {
                println!("{}", sample.row());
            }
            samples.push(sample);
            let journal = sandbox.journal_since(heard);
            heard = journal.last().map_or(heard, |entry| entry.seq);
            rhythm.hear(&journal);
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
    sandbox.clear_faults();
    println!();
    (samples, rhythm)
}

/// The number of the newest request.
fn last(sandbox: &Sandbox) -> u64 {
    sandbox.journal().last().map_or(0, |entry| entry.seq)
}

fn what_grows(samples: &[Sample]) -> Vec<Verdict> {
    let rest = &samples[samples.len() / 3..];
    let (alive, own, rss) =
        (growth(rest, |s| s.alive), growth(rest, |s| s.own), growth(rest, |s| s.rss));
    let (fds, threads) = (growth(rest, |s| s.fds), growth(rest, |s| s.threads));
    let peak = rest[rest.len() - 1].peak - rest[0].peak;
    if !alive.is_finite() {
        println!("     too short to say what grows, which is not judged");
        return Vec::new();
    }
    println!("     pages of its own: {own:+.2}, RSS: {rss:+.2} KB for a thousand ticks");
    vec![
        (alive < 2.0, format!("alive on the heap: {alive:+.2} KB for a thousand ticks")),
        (peak < 1_000.0, format!("peak: {peak:+.0} KB in all")),
        (fds < 0.25, format!("descriptors: {fds:+.3} for a thousand ticks")),
        (threads < 0.25, format!("threads: {threads:+.3} for a thousand ticks")),
    ]
}

fn what_is_kept(rhythm: &Rhythm, order: &Order) -> Vec<Verdict> {
    let (due, fetches, skipped) = (rhythm.due(), rhythm.fetches(), rhythm.skipped());
    let missing = due.saturating_sub(fetches);
    let rate = 1.0 / order.every.as_secs_f64();
    let pause = rhythm.pause();
    println!(
        "     {fetches} fetches in {due} ticks, {rate:.0} a second; the longest pause: {pause:.1?}"
    );
    let late = rhythm.lateness();
    let [middle, most, longest] = [50, 99, 100].map(|of| percentile(&late, of));
    let lateness = format!("late by {most:.1?} (99 of 100), {middle:.1?} (half), {longest:.1?}");
    if order.calm {
        let well = missing <= order.may_miss(due);
        vec![
            (well, format!("{missing} ticks without a fetch")),
            (most <= order.allowance(), lateness),
        ]
    } else {
        println!("     {lateness}");
        vec![(
            skipped == 0,
            format!("{skipped} ticks skipped after a fetch that was answered well"),
        )]
    }
}

fn main() -> ExitCode {
    let order = Order::read();
    let sandbox = Sandbox::start().unwrap();
    sandbox.set_quota(None);
    sandbox.set_journal_limit(1_000);
    sandbox.create_spreadsheet(ID, "Soak", &[("Sheet 1", 100, 26)]);
    let folder = tempfile::tempdir().unwrap();
    let soaked = Soaked::start(&sandbox, folder.path(), order.every);
    let there = |s: &Sandbox| s.cell(ID, "Sheet 1", "A1").is_some();
    sandbox.wait_for_blocking(there, Duration::from_secs(30)).unwrap();
    let crowd = order.asked.then(|| Crowd::come(soaked.probes));
    let before = soaked.cpu();
    let (samples, rhythm) = soak(&sandbox, &soaked, &order);
    let load = (soaked.cpu() - before) / order.duration().as_secs_f64() * 100.0;
    let mut verdicts = what_grows(&samples);
    verdicts.extend(what_is_kept(&rhythm, &order));
    let bounded = !order.bounds_load() || load <= 25.0;
    verdicts.push((bounded, format!("{load:.1} % of a core, {} requests", last(&sandbox))));
    if let Some(crowd) = crowd {
        let (answers, slowest) = crowd.go();
        let text =
            format!("{answers:.0} answers a second of the probes, after {slowest:.1?} at the most");
        verdicts.push((answers >= 990.0, text));
    }
    let price = sandbox.cell(ID, "Sheet 1", "A1");
    let goes_on = |s: &Sandbox| s.cell(ID, "Sheet 1", "A1") != price;
    let alive = sandbox.wait_for_blocking(goes_on, Duration::from_secs(30)).is_ok();
    verdicts.push((alive, "it goes on".into()));
    for (well, text) in &verdicts {
        println!("{} {text}", if *well { "ok  " } else { "BAD " });
    }
    if verdicts.iter().all(|(well, _)| *well) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
