//! What a process has at a time, and whether it grows. Touches: `/proc`.

use std::fs;

use super::service::Soaked;

/// A sample every so many ticks.
pub(crate) const SAMPLE: u32 = 50;

/// What is looked at: memory in kilobytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) ticks: u32,
    /// On the heap.
    pub(crate) alive: f64,
    /// In pages of its own; those of the program that are read from its file are none.
    pub(crate) own: f64,
    pub(crate) rss: f64,
    pub(crate) peak: f64,
    pub(crate) fds: f64,
    pub(crate) threads: f64,
}

impl Sample {
    /// What the first line of the table says.
    pub(crate) const HEAD: &str = "   ticks alive KB   own KB   RSS KB  peak KB   fds  threads";

    pub(crate) fn of(soaked: &Soaked, ticks: u32) -> Self {
        let pid = soaked.id();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = |name: &str| {
            let line = status.lines().find(|line| line.split(':').next() == Some(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1.024
        };
        let count =
            |what: &str| fs::read_dir(format!("/proc/{pid}/{what}")).unwrap().count() as f64;
        Self {
            ticks,
            alive: soaked.alive() as f64 / 1_000.0,
            own: line("RssAnon"),
            rss: line("VmRSS"),
            peak: line("VmHWM"),
            fds: count("fd"),
            threads: count("task"),
        }
    }

    pub(crate) fn row(&self) -> String {
        let Self { ticks, alive, own, rss, peak, fds, threads } = self;
        format!("{ticks:>8} {alive:>8.0} {own:>8.0} {rss:>8.0} {peak:>8.0} {fds:>5} {threads:>8}")
    }
}

/// How much something grows in a thousand ticks: the slope of the line nearest to the least of
/// each thousand, which was there all the while.
pub(crate) fn growth(samples: &[Sample], of: fn(&Sample) -> f64) -> f64 {
    let thousands = samples.chunk_by(|a, b| a.ticks / 1_000 == b.ticks / 1_000);
    let least = |part: &[Sample]| part.iter().map(of).fold(f64::INFINITY, f64::min);
    let floors: Vec<_> =
        thousands.map(|part| (f64::from(part[0].ticks / 1_000), least(part))).collect();
    slope(&floors)
}

/// The slope of the line nearest to these points (least squares).
fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let above: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    let below: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
    above / below
}
