//! Many seeds, on all cores.

use std::{
    fs,
    path::Path,
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use tokio::time::Instant;

use super::{
    arguments::Arguments,
    broken::Broken,
    dice::Source,
    failing::Waits,
    fuzzed,
    planted::Bug,
    run::{Outcome, run},
};

type Test = fn(&Arguments) -> Result<(), String>;

pub(crate) const TESTS: [(&str, Test); 4] = [
    ("simulation::what_the_fuzzer_thought_of_does_no_harm", corpus),
    ("simulation::whatever_goes_wrong_every_promise_is_kept", promises),
    ("simulation::one_seed_is_one_journal", one_journal),
    ("simulation::planted_bugs_are_found", planted_bugs),
];

/// Seeds that have failed once.
const FAILED_ONCE: &str = include_str!("seeds.txt");

/// A planted bug must be found within so many seeds.
const SEEDS_FOR_A_BUG: u64 = 200;

/// Of a hundred looks at a sheet so many must judge it: otherwise it is excused too easily.
const LOOKS_THAT_JUDGE: u64 = 45;

/// How much of a journal is shown of a seed that fails.
const SHOWN: usize = 40;

/// Shows one seed.
pub(crate) fn replay(seed: u64, arguments: &Arguments) -> ExitCode {
    let outcome = run(&Source::Seed(seed), arguments.length, None, usize::MAX);
    for line in &outcome.journal {
        println!("{line}");
    }
    let Outcome { hash, requests, verdict, .. } = outcome;
    let judged =
        verdict.as_ref().map_or("nothing is broken".into(), |broken| format!("{broken:?}"));
    println!("seed {seed}: {requests} requests, journal {hash:016x}, {judged}");
    if verdict.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn promises(arguments: &Arguments) -> Result<(), String> {
    let before = Instant::now();
    let once = FAILED_ONCE.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok());
    let others = arguments.from..arguments.from + arguments.seeds;
    let seeds: Vec<u64> = once.chain(others).collect();
    let [requests, looks, judged, broke] = [(); 4].map(|()| AtomicU64::new(0));
    let waits = Mutex::new(Waits::default());
    let failed = first(&seeds, |seed| {
        let outcome = run(&Source::Seed(seed), arguments.length, None, SHOWN);
        for (sum, of) in [
            (&requests, outcome.requests),
            (&looks, outcome.looks.all),
            (&judged, outcome.looks.judged),
        ] {
            sum.fetch_add(of, Ordering::Relaxed);
        }
        waits.lock().unwrap().add(&outcome.waits);
        let (broken, text) = outcome.verdict?;
        if arguments.goes_on {
            println!("seed {seed}: {broken:?}: {text}");
            broke.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(report(seed, arguments, broken, &text, &outcome.journal))
    });
    println!("{} seeds, {requests:?} requests, {:?}", seeds.len(), before.elapsed());
    if let Some((_, text)) = failed {
        return Err(text);
    }
    let [looks, judged, broke] = [looks, judged, broke].map(AtomicU64::into_inner);
    if broke > 0 {
        return Err(format!("{broke} seeds have failed"));
    }
    println!("{judged} of {looks} looks at a sheet judged it");
    if judged < looks / 100 * LOOKS_THAT_JUDGE {
        return Err("too few: hardly anything has to be fresh".into());
    }
    let waits = waits.into_inner().unwrap();
    println!("of the longest wait after each failure in a row, on the mean: {:.2?}", waits.means());
    waits.are_long_enough().map_err(|(_, text)| text)
}

/// The plans that the fuzzer has found new ways by.
fn corpus(_: &Arguments) -> Result<(), String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/simulation");
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files.iter().try_for_each(|file| {
        fuzzed(&fs::read(file).unwrap()).map_err(|text| format!("{}: {text}", file.display()))
    })
}

fn report(seed: u64, arguments: &Arguments, broken: Broken, text: &str, end: &[String]) -> String {
    let hours = arguments.length.as_secs() / 3_600;
    format!(
        "{}\nseed {seed}: {broken:?}: {text}\nagain: cargo test --test sim -- --seed {seed} \
         --hours {hours}\nand keep the seed in tests/sim/seeds.txt",
        end.join("\n")
    )
}

fn one_journal(arguments: &Arguments) -> Result<(), String> {
    let seeds: Vec<u64> = (0..8).collect();
    let differs = first(&seeds, |seed| {
        let [one, other] =
            [(); 2].map(|()| run(&Source::Seed(seed), arguments.length, None, usize::MAX));
        let lines = one.journal.iter().zip(&other.journal);
        let differing = lines.clone().find(|(one, other)| one != other);
        (one.hash != other.hash).then(|| format!("seed {seed}: {differing:#?}"))
    });
    let [one, other] = [0, 1].map(|seed| run(&Source::Seed(seed), arguments.length, None, 1).hash);
    match differs {
        Some((_, text)) => Err(text),
        None if one == other => Err("two seeds have one journal".into()),
        None => Ok(()),
    }
}

fn planted_bugs(arguments: &Arguments) -> Result<(), String> {
    let seeds: Vec<u64> = (0..SEEDS_FOR_A_BUG).collect();
    let unbroken = Broken::ALL.iter().find(|what| !Bug::ALL.iter().any(|b| b.breaks() == **what));
    if let Some(what) = unbroken {
        return Err(format!("no bug breaks {what:?}"));
    }
    for &bug in Bug::ALL {
        let broken = bug.breaks();
        let found = first(&seeds, |seed| {
            let (found, _) = run(&Source::Seed(seed), arguments.length, Some(bug), 1).verdict?;
            (found == broken).then_some(())
        });
        match found {
            Some((seed, ())) => println!("{bug:?} is found by seed {seed}: {broken:?}"),
            None => {
                return Err(format!(
                    "{bug:?} does not break {broken:?} within {} seeds",
                    seeds.len()
                ));
            }
        }
    }
    Ok(())
}

/// The first of the seeds, in their order, that something comes of.
fn first<T: Send>(seeds: &[u64], run: impl Fn(u64) -> Option<T> + Sync) -> Option<(u64, T)> {
    let next = AtomicU64::new(0);
    let found: Mutex<Option<(usize, T)>> = Mutex::new(None);
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed) as usize;
            let earlier = |found: &Option<(usize, T)>| found.as_ref().is_some_and(|(f, _)| *f < at);
            if at >= seeds.len() || earlier(&found.lock().unwrap()) {
                return;
            }
            if let Some(outcome) = run(seeds[at]) {
                let mut found = found.lock().unwrap();
                if !earlier(&found) {
                    *found = Some((at, outcome));
                }
            }
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| (0..cores).for_each(|_| drop(scope.spawn(work))));
    let (at, outcome) = found.into_inner().unwrap()?;
    Some((seeds[at], outcome))
}
