//! A month of simulated time: whether anything grows in it, day by day.
//! Touches: what the system tells of this process.

use std::{fs, process::ExitCode};

use tokio::time::Instant;

use super::{
    arguments::Arguments,
    dice::Source,
    plan::{Plan, secs},
    run::run,
};

/// How long it is, and each of its parts.
const DAYS: u64 = 30;
pub(crate) const DAY: u64 = 24 * 3_600;

/// What the process may take more of in the last third than in the second, in KiB. A tick that
/// left two bytes behind would need ten times as much in a month of ticks of five seconds.
const ALLOWANCE: u64 = 100;

/// The memory of its own that this process has, in KiB, all of it: so the seeds come one by one.
pub(crate) fn own_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Runs the seeds, but those that are stopped in the middle.
pub(crate) fn month(arguments: &Arguments) -> ExitCode {
    let length = secs(DAYS * DAY);
    let whole = |seed: &u64| Plan::new(&Source::Seed(*seed), length).stop.is_none();
    let (mut well, mut seen) = (true, false);
    for seed in (arguments.from..arguments.from + arguments.seeds).filter(whole) {
        seen = true;
        let before = Instant::now();
        let outcome = run(&Source::Seed(seed), length, None, 40);
        if let Some((broken, text)) = outcome.verdict {
            println!("{}\nseed {seed}: {broken:?}: {text}", outcome.journal.join("\n"));
            well = false;
            continue;
        }
        let days = outcome.days;
        let least = |from: usize, to: usize| days[from..to].iter().copied().min().unwrap();
        let third = days.len() / 3;
        let [second, last] = [least(third, 2 * third), least(2 * third, days.len())];
        let grows = last > second + ALLOWANCE;
        println!(
            "seed {seed}: {} days, {} requests, at the least {second} KiB in the second third and \
             {last} in the last{}, in {:.0?}",
            days.len(),
            outcome.requests,
            if grows { ": IT GROWS" } else { "" },
            before.elapsed(),
        );
        well &= !grows;
    }
    if !seen {
        println!("all of these seeds are stopped in the middle: try more");
    }
    if well && seen { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
