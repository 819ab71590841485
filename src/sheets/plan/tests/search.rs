//! How long good cells wait while bad ones are looked for: under the quota that an account has by
//! default, and all of which this spreadsheet may use.

use super::*;
use crate::{
    gate::bucket::TokenBucket,
    retry::RetryConfig,
    sheets::{config::Tab, plan::search::AT_ONCE},
};

/// From tick to tick, each with a new price.
const TICK: Duration = Duration::from_secs(5);

/// From request to answer.
const LATENCY: Duration = Duration::from_millis(200);

/// From one probe to the next, as [`Bench`] has it.
const BETWEEN_PROBES: Duration = Duration::from_secs(10);

/// A column of cells, some of which Google refuses.
struct Trial {
    bench: Bench,
    /// Which cells Google refuses, and whether it names the first of them.
    bad: Vec<bool>,
    names: bool,
    budget: TokenBucket,
    begun: Instant,
    next_tick: Instant,
    /// When each cell was last written.
    written: Vec<Option<Instant>>,
    /// The longest that a good cell, once it was written, has waited for its next price.
    longest: Duration,
    /// When writes were refused.
    refused: Vec<Instant>,
    /// How often it was no matter of cells.
    failures: u32,
    /// How often there was something to do, or to wait for.
    turns: u32,
}

impl Trial {
    fn new(bad: Vec<bool>, names: bool) -> Self {
        let bench = column(bad.len().try_into().unwrap());
        let begun = bench.now;
        Self {
            budget: TokenBucket::new(5, 50.0 / 60.0, begun),
            written: vec![None; bad.len()],
            next_tick: begun,
            longest: Duration::ZERO,
            refused: Vec::new(),
            failures: 0,
            turns: 0,
            bench,
            bad,
            names,
            begun,
        }
    }

    /// Time passes, and brings its ticks.
    fn pass(&mut self, until: Instant) {
        while self.next_tick <= until {
            self.bench.now = self.next_tick - TICK;
            let price = (self.bench.tick + 1).to_string();
            self.bench.quotes(&[("xbteur", &price)], &[]);
            self.next_tick += TICK;
        }
        self.bench.now = until;
    }

    /// Whatever is due next is written, as soon as the budget allows it, or time passes.
    fn go_on(&mut self) {
        self.turns += 1;
        assert!(self.turns < 10_000, "it never comes to rest");
        let now = self.bench.now;
        if !self.bench.plan.is_due(now) {
            let next = self.bench.plan.next_attempt(now).unwrap_or(self.next_tick);
            self.pass(next.min(self.next_tick));
            return;
        }
        if let Err(wait) = self.budget.take(now) {
            self.pass(now + wait);
            return;
        }
        let write = self.bench.render();
        self.pass(now + LATENCY);
        let until = self.bench.later();
        match write.group.cells.iter().position(|&cell| self.bad[cell]) {
            Some(entry) => {
                self.refused.push(self.bench.now);
                let entry = self.names.then_some(entry);
                self.bench.plan.refused(&write, entry, "protected", until);
                if self.bench.plan.is_hopeless() {
                    // As the actor has it.
                    self.bench.plan.absolve();
                    self.bench.plan.all_afresh();
                    self.failures += 1;
                    let wait = RetryConfig::default().probe_after(self.failures, 0.5);
                    self.pass(self.bench.now + wait);
                }
            }
            None => {
                for &cell in &write.group.cells {
                    if let Some(last) = self.written[cell].replace(self.bench.now) {
                        self.longest = self.longest.max(self.bench.now.duration_since(last));
                    }
                }
                self.bench.plan.confirmed(&write);
            }
        }
    }

    fn is_written(&self) -> bool {
        self.bad.iter().zip(&self.written).all(|(bad, written)| *bad || written.is_some())
    }

    /// Goes on until every good cell has been written, and for a while more; how many writes were
    /// refused until then, and how long it took.
    fn until_written(&mut self) -> (usize, Duration) {
        while !self.is_written() {
            self.go_on();
        }
        let outcome = (self.refused.len(), self.bench.now.duration_since(self.begun));
        let end = self.bench.now + Duration::from_secs(120);
        while self.bench.now < end {
            self.go_on();
        }
        let good = self.bad.iter().zip(&self.written).filter(|(bad, _)| !**bad);
        let last = good.filter_map(|(_, written)| *written).min();
        self.longest = self.longest.max(last.map_or(Duration::MAX, |last| end - last));
        outcome
    }

    /// The most writes that were refused in any minute but the first two of the search.
    fn refused_in_a_minute(&self) -> usize {
        let Some(first) = self.refused.first() else { return 0 };
        let later = self.refused.iter().copied();
        let later: Vec<_> = later.filter(|at| *at > *first + Duration::from_secs(120)).collect();
        let within = |from: Instant| {
            let minute = from..from + Duration::from_secs(60);
            later.iter().filter(|at| minute.contains(at)).count()
        };
        later.iter().map(|from| within(*from)).max().unwrap_or_default()
    }
}

/// Where the bad ones are among so many cells.
fn layouts(good: usize, bad: usize) -> [Vec<bool>; 3] {
    let all = good + bad;
    [
        (0..all).map(|cell| cell < bad).collect(),
        (0..all).map(|cell| cell >= good).collect(),
        (0..all).map(|cell| cell * bad / all != (cell + 1) * bad / all).collect(),
    ]
}

#[test]
fn however_many_cells_are_bad_the_good_ones_are_found_in_time_and_fresh_from_then_on() {
    let all = [(1, 1), (1, 40), (10, 10), (4, 40), (100, 1), (100, 10)];
    let layouts = all.into_iter().flat_map(|(good, bad)| layouts(good, bad));
    for (bad, names) in layouts.flat_map(|bad| [(bad.clone(), true), (bad, false)]) {
        let told = format!("named {names}: {bad:?}");
        let mut trial = Trial::new(bad, names);
        let (refused, took) = trial.until_written();
        assert_eq!(trial.failures, 0, "{told}");
        // 1.2 s a write: the search's, of which each that is refused may make two more, and as many
        // of the good cells between them.
        let at_once = Duration::from_millis(4 * AT_ONCE as u64 * 1_200);
        let probes = 2 * refused.saturating_sub(AT_ONCE) as u32 + 1;
        let most = at_once + if refused < AT_ONCE { 0 } else { probes } * BETWEEN_PROBES;
        assert!(took <= most, "{took:?}: {told}");
        assert!(trial.longest <= 2 * TICK, "{:?}: {told}", trial.longest);
        assert!(trial.refused_in_a_minute() <= 7, "{told}");
    }
}

#[test]
fn of_a_range_that_becomes_bad_the_good_cells_behind_it_hear_nothing() {
    let mut trial = Trial::new(vec![false; 100], true);
    trial.until_written();
    trial.bad = layouts(1, 99)[0].clone();
    trial.until_written();
    assert!(trial.refused.len() > 20, "the others are looked for");
    assert!(trial.longest <= 2 * TICK, "{:?}", trial.longest);
}

#[test]
fn a_cell_that_becomes_bad_at_any_time_of_the_search_does_not_set_the_good_ones_aside() {
    for turn in 1..2 * AT_ONCE {
        let mut trial = Trial::new(layouts(100, 100)[2].clone(), true);
        while trial.refused.len() < turn {
            trial.go_on();
        }
        let was_well = |cell: &usize| !trial.bad[*cell] && trial.written[*cell].is_some();
        let Some(cell) = (0..trial.bad.len()).find(was_well) else { continue };
        trial.bad[cell] = true;
        // There is news of all, so those that are well come next.
        trial.pass(trial.next_tick);
        let end = trial.bench.now + Duration::from_secs(300);
        while trial.bench.now < end {
            trial.go_on();
        }
        // From one tick to the next, and the writes that come before.
        assert!(trial.longest < 3 * TICK, "{:?}, {turn}", trial.longest);
        let soon = |two: &&[Instant]| two[1] - two[0] < BETWEEN_PROBES;
        let at_once = trial.refused.windows(2).filter(soon).count();
        assert!(at_once < 2 * AT_ONCE, "{at_once}, {turn}: the budget is left to others");
    }
}

#[test]
fn however_often_a_tab_is_renamed_no_cell_waits_twice_to_be_probed() {
    let mut trial = Trial::new(vec![true; 100], true);
    let by_gid = SheetConfig::new(ID, Tab::Gid(0)).every(TICK);
    let cells = (1..=100).map(|row| format!("A{row}"));
    let by_gid = cells.fold(by_gid, |sheet, cell| sheet.cell("kraken:xbteur:sell", &cell));
    trial.bench.plan = Bench::new(by_gid).plan;
    for title in ["Two", "Three", "Four", "Five"] {
        let end = trial.bench.now + Duration::from_secs(240);
        while trial.bench.now < end {
            trial.go_on();
        }
        let plan = &trial.bench.plan;
        let aside = plan.targets.iter().filter(|target| target.quarantine.is_some()).count();
        let waiting = plan.search.waiting();
        assert!(waiting > 0, "there is something to forget");
        assert!(waiting <= aside, "{waiting} wait, {aside} were set aside: before {title}");
        let until = trial.bench.later();
        trial.bench.plan.locate(&properties(&[title]), until);
    }
}
