//! What can be measured exactly where time is simulated: how long prices take, and how many
//! requests are made, when one thing goes wrong and nothing else. The checker watches these runs as
//! well.

mod account;
mod beat;
mod delay;
mod outage;
mod pair;
mod tab;

use std::{collections::BTreeMap, ops::Range, thread, time::Duration};

use super::{
    arguments::Arguments,
    plan::{Plan, secs},
    run::run_plan,
    seen::{Kind, Seen},
};

/// What was measured, or how it is not as it should be.
type Measured = Result<String, String>;

/// The scenarios, and their names among the tests.
macro_rules! scenarios {
    ($($name:ident: $scenario:path,)*) => {
        pub(crate) const TESTS: &[(&str, fn(&Arguments) -> Result<(), String>)] =
            &[$((concat!("sim::measured::", stringify!($name)), |_| told($scenario()))),*];
    };
}

scenarios! {
    a_spreadsheet_that_fails_for_ever_delays_no_other: delay::of_others,
    a_spreadsheet_that_fails_for_ever_costs_no_time_where_there_is_budget: delay::with_room,
    a_renamed_tab_costs_one_write_and_one_reading_and_its_own_cells_alone: tab::by_title,
    a_tab_that_is_known_by_its_number_is_written_in_the_tick_in_which_it_is_renamed: tab::by_number,
    a_delisted_pair_costs_one_request_and_its_own_cells_alone: pair::delisted,
    after_every_outage_all_is_fresh_within_the_bound: outage::bounds,
    a_token_that_is_not_taken_is_replaced_in_the_same_tick: account::revoked,
    of_twelve_thousand_ticks_at_twenty_a_second_none_is_skipped_and_none_is_late: beat::of_twelve_thousand,
    ten_thousand_cells_of_fifty_spreadsheets_are_written_with_every_tick: beat::of_ten_thousand_cells,
}

/// How often sheets are written here.
const TICK: Duration = secs(10);

/// When trouble begins here: between two ticks.
const BEGIN: Duration = secs(305);

fn told(measured: Measured) -> Result<(), String> {
    measured.map(|text| println!("{text}"))
}

/// What was seen in a run of a plan; nothing may be broken in it.
fn watch(name: &str, seed: u64, plan: impl FnOnce() -> Plan + Send + 'static) -> Record {
    let outcome = run_plan(seed, plan, None, 60);
    let journal = outcome.journal.join("\n");
    assert!(outcome.verdict.is_none(), "{journal}\n{name}: {:?}", outcome.verdict);
    Record(outcome.seen)
}

/// Does something with each of these, on all cores; in their order.
fn each<I: Sync, O: Send>(all: &[I], each: impl Fn(&I) -> O + Sync) -> Vec<O> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let part = |part: &[I]| part.iter().map(&each).collect::<Vec<O>>();
    thread::scope(|scope| {
        let parts: Vec<_> = all.chunks(all.len().div_ceil(cores).max(1)).collect();
        let running: Vec<_> = parts.into_iter().map(|own| scope.spawn(move || part(own))).collect();
        running.into_iter().flat_map(|part| part.join().unwrap()).collect()
    })
}

/// All requests of a run, in the order of their beginnings.
#[derive(Debug)]
struct Record(Vec<Seen>);

impl Record {
    /// Those that began within some time.
    fn within(&self, time: Range<Duration>) -> impl Iterator<Item = &Seen> {
        self.0.iter().filter(move |seen| time.contains(&seen.at))
    }

    /// When the first fetch after a time began.
    fn tick_after(&self, time: Duration) -> Duration {
        let is_fetch = |seen: &&Seen| matches!(seen.kind, Kind::Fetch(_)) && seen.at >= time;
        self.0.iter().find(is_fetch).expect("it goes on").at
    }

    /// When a fetch began. Prices are of the first fetch that has them; what is measured here are
    /// prices that never stand still.
    fn fetched(&self, fetch: u64) -> Duration {
        let is_it = |seen: &&Seen| seen.kind == Kind::Fetch(fetch);
        self.0.iter().find(is_it).expect("prices are fetched").at
    }

    /// The prices that were written with success: the sheet, the cell, when it was asked for, and
    /// when it was there.
    fn written(&self) -> impl Iterator<Item = (usize, &str, Duration, Duration)> {
        let writes = self.0.iter().filter(|seen| seen.good);
        writes.flat_map(move |seen| {
            let there = seen.ended.unwrap_or(Duration::MAX);
            let prices = seen.prices.iter();
            prices.map(move |(sheet, cell, fetch)| {
                (*sheet, cell.as_str(), self.fetched(*fetch), there)
            })
        })
    }

    /// How long after a time all these cells of a sheet show a price that was asked for since.
    fn fresh(&self, sheet: usize, cells: usize, since: Duration) -> Option<Duration> {
        let mut fresh = BTreeMap::new();
        for (of, cell, asked, there) in self.written() {
            if of == sheet && asked >= since {
                fresh.entry(cell).or_insert(there);
            }
        }
        let last = fresh.values().max().copied().filter(|_| fresh.len() == cells)?;
        Some(last - since)
    }
}

/// The pairs, from so many on, whose prices never stand still.
fn lively(from: usize, count: usize) -> Vec<usize> {
    (0..).filter(|pair| super::kraken::stands(*pair) == 1).skip(from).take(count).collect()
}

/// It is as it should be, or else it is told how.
fn ensure(so: bool, how: impl FnOnce() -> String) -> Result<(), String> {
    if so { Ok(()) } else { Err(how()) }
}
