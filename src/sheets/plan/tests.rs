//! Tests of the plan: what is written, when, and what is not.

mod many;
mod outages;
mod search;
mod standing;

use jiff::Timestamp;

use super::*;
use crate::{
    messages::FailureClass,
    quote::{AssetPair, Price, Quote, QuoteField, decimal},
    sheets::{CellMapping, CellRef, wire::TabProperties},
};

const ID: &str = "15CcPNtMZUSYhO99NOiFyHNjZCmgkvWnV5sKrGrtFLOk";
const SHEET: SheetIndex = SheetIndex(0);

/// A plan of one sheet, ticking every five seconds, and the clock of its test.
struct Bench {
    plan: Plan,
    now: Instant,
    tick: u64,
    /// How often it was asked for a write: a test that never ends tells nothing.
    asked: u32,
}

impl Bench {
    fn new(sheet: SheetConfig) -> Self {
        let mut plan = Plan::new(&[(SHEET, sheet)], Duration::from_secs(10));
        let now = Instant::now();
        plan.locate(&properties(&["Sheet 1"]), now + Duration::from_secs(300));
        Self { plan, now, tick: 0, asked: 0 }
    }

    /// Quotes arrive, five seconds after the last.
    fn quotes(&mut self, quotes: &[(&str, &str)], missing: &[&str]) {
        self.quotes_for(SHEET, quotes, missing);
    }

    fn quotes_for(&mut self, sheet: SheetIndex, quotes: &[(&str, &str)], missing: &[&str]) {
        self.tick += 1;
        self.now += Duration::from_secs(5);
        let at = Timestamp::from_second(1_764_000_000 + i64::try_from(self.tick).unwrap()).unwrap();
        let quote = |price: &str| {
            let mut quote = Quote::empty(at);
            quote.bid = decimal(price).and_then(Price::new);
            quote.ask = quote.bid;
            quote
        };
        let pair = |text: &str| AssetPair::parse(text).unwrap();
        let batch = QuoteBatch {
            tick: self.tick,
            due: Arc::new([sheet]),
            quotes: Arc::new(quotes.iter().map(|(p, price)| (pair(p), quote(price))).collect()),
            missing: Arc::new(missing.iter().map(|p| (pair(p), unknown(p))).collect()),
        };
        self.plan.apply(&batch, self.now);
    }

    /// The ranges and values of the write that is due.
    fn due(&mut self) -> Vec<(String, String)> {
        let write = self.next_write();
        let entries = write.into_iter().flat_map(|write| write.ranges);
        entries.map(|entry| (entry.range, entry.value.to_string())).collect()
    }

    fn render(&mut self) -> Write {
        self.next_write().expect("a write is due")
    }

    fn next_write(&mut self) -> Option<Write> {
        self.asked += 1;
        assert!(self.asked < 100_000, "it never comes to rest");
        self.plan.render(self.now)
    }

    fn write(&mut self) {
        let write = self.render();
        self.plan.confirmed(&write);
    }

    fn later(&self) -> Instant {
        self.now + Duration::from_secs(300)
    }
}

fn unknown(pair: &str) -> Failure {
    Failure {
        class: FailureClass::Pair,
        reason: format!("Kraken does not know the pair {pair}"),
        remedy: "Correct it".into(),
    }
}

fn properties(titles: &[&str]) -> Properties {
    let tab = |(gid, title): (u32, &&str)| TabProperties {
        gid,
        title: (*title).into(),
        rows: 1_000,
        columns: 26,
    };
    Properties {
        tabs: (0..).zip(titles).map(tab).collect(),
        names: Vec::new(),
        zone: Ok(TimeZone::UTC),
    }
}

fn sheet() -> SheetConfig {
    SheetConfig::new(ID, "Sheet 1").every(Duration::from_secs(5))
}

fn two_cells() -> Bench {
    Bench::new(sheet().cell("kraken:xbteur:sell", "A1").cell("kraken:etheur:sell", "A2"))
}

fn entries(entries: &[(&str, &str)]) -> Vec<(String, String)> {
    entries.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[test]
fn only_what_has_changed_is_written_and_the_rest_once_a_minute() {
    let mut bench = two_cells();
    assert_eq!(bench.due(), []);
    bench.quotes(&[("xbteur", "30300.10000"), ("etheur", "0.000002502000")], &[]);
    assert_eq!(
        bench.due(),
        entries(&[("'Sheet 1'!A1", "30300.1"), ("'Sheet 1'!A2", "0.000002502")])
    );
    bench.write();
    bench.quotes(&[("xbteur", "30300.1"), ("etheur", "7")], &[]);
    assert_eq!(bench.due(), entries(&[("'Sheet 1'!A2", "7")]));
    bench.write();
    let mut quiet = 0;
    while bench.due().is_empty() {
        bench.quotes(&[("xbteur", "30300.1"), ("etheur", "7")], &[]);
        quiet += 1;
    }
    // 5 + 5·n more than 55: each cell is written again before its minute is over.
    assert_eq!(quiet, 11);
    assert_eq!(bench.due(), entries(&[("'Sheet 1'!A1", "30300.1")]));
}

#[test]
fn a_sheet_of_a_slow_cadence_is_written_once_a_tick() {
    let slow = SheetConfig::new(ID, "Sheet 1").every(Duration::from_secs(600));
    let mut bench = Bench::new(slow.cell("kraken:xbteur:sell", "A1"));
    for _ in 0..3 {
        bench.quotes(&[("xbteur", "1")], &[]);
        bench.write();
        assert_eq!(bench.due(), []);
    }
}

#[test]
fn a_write_carries_the_newest_value_and_an_old_one_is_never_sent_again() {
    let mut bench = two_cells();
    bench.quotes(&[("xbteur", "1"), ("etheur", "1")], &[]);
    let write = bench.render();
    bench.quotes(&[("xbteur", "2"), ("etheur", "1")], &[]);
    bench.quotes(&[("xbteur", "3"), ("etheur", "1")], &[]);
    bench.plan.confirmed(&write);
    assert_eq!(bench.due(), entries(&[("'Sheet 1'!A1", "3")]));
}

#[test]
fn after_an_outcome_that_could_be_either_everything_is_written_afresh() {
    let mut bench = two_cells();
    bench.quotes(&[("xbteur", "1"), ("etheur", "1")], &[]);
    bench.write();
    bench.quotes(&[("xbteur", "2"), ("etheur", "1")], &[]);
    let write = bench.render();
    let late = bench.later();
    bench.plan.ambiguous(&write, late);
    // The old value is back: it must be written all the same, for the cell may show 2.
    bench.quotes(&[("xbteur", "1"), ("etheur", "1")], &[]);
    assert_eq!(bench.due(), entries(&[("'Sheet 1'!A1", "1")]));
}

#[test]
fn a_missing_pair_leaves_its_own_cell_alone() {
    let mut bench = two_cells();
    bench.quotes(&[("xbteur", "1"), ("etheur", "1")], &[]);
    bench.write();
    bench.quotes(&[("xbteur", "2")], &["etheur"]);
    assert_eq!(bench.due(), entries(&[("'Sheet 1'!A1", "2")]));
    bench.write();
    assert_eq!(bench.plan.report()[1].failing, Some(unknown("etheur")));
    // An empty side of the book is no price either.
    bench.quotes(&[("xbteur", "0.0000"), ("etheur", "5")], &[]);
    assert_eq!(bench.due(), entries(&[("'Sheet 1'!A2", "5")]));
}

#[test]
fn a_cell_that_google_names_is_set_aside_and_the_rest_is_written() {
    let mut bench = two_cells();
    bench.quotes(&[("xbteur", "1"), ("etheur", "1")], &[]);
    let (write, later) = (bench.render(), bench.later());
    bench.plan.refused(&write, Some(0), "You are trying to edit a protected cell", later);
    assert_eq!(bench.due(), entries(&[("'Sheet 1'!A2", "1")]));
    bench.write();
    assert!(bench.plan.has_healthy_cell());
    assert!(!bench.plan.probe_due(bench.now));
    bench.now = later;
    assert!(bench.plan.probe_due(bench.now));
    let write = bench.render();
    assert_eq!(write.ranges[0].range, "'Sheet 1'!A1");
    bench.plan.confirmed(&write);
    assert_eq!(bench.plan.report()[0].failing, None);
}

#[test]
fn a_cell_that_was_set_aside_gets_its_turn_even_if_something_else_is_always_due() {
    let mut bench = two_cells();
    bench.quotes(&[("xbteur", "1"), ("etheur", "1")], &[]);
    let (write, until) = (bench.render(), bench.now + Duration::from_secs(20));
    bench.plan.refused(&write, Some(0), "You are trying to edit a protected cell", until);
    let mut waited = Duration::ZERO;
    for price in 2..20 {
        // At each write there is a new price of the other cell.
        bench.quotes(&[("xbteur", "1"), ("etheur", &price.to_string())], &[]);
        let write = bench.render();
        bench.plan.confirmed(&write);
        if write.ranges[0].range == "'Sheet 1'!A1" {
            waited = bench.now.duration_since(until);
            break;
        }
    }
    assert_eq!(waited.as_secs(), 10, "the time between two probes");
}

#[test]
fn a_cell_that_google_does_not_name_is_found_by_halving() {
    let cells = (1..=9).map(|row| format!("A{row}"));
    let sheet = cells.fold(sheet(), |sheet, cell| sheet.cell("kraken:xbteur:sell", &cell));
    let mut bench = Bench::new(sheet);
    bench.quotes(&[("xbteur", "1")], &[]);
    let later = bench.later();
    let (mut writes, mut written) = (0, Vec::new());
    while let Some(write) = bench.next_write() {
        writes += 1;
        assert!(writes <= 9, "it is not found by halving");
        let ranges: Vec<_> = write.ranges.iter().map(|entry| entry.range.clone()).collect();
        if ranges.iter().any(|range| range.ends_with("!A7")) {
            bench.plan.refused(&write, None, "no", later);
        } else {
            bench.plan.confirmed(&write);
            written.extend(ranges);
        }
    }
    assert_eq!(written.len(), 8, "{written:?}");
    let failing: Vec<_> = bench.plan.report().iter().map(|cell| cell.failing.is_some()).collect();
    assert_eq!(failing.iter().filter(|failing| **failing).count(), 1);
    assert!(failing[6]);
}

/// A column of cells that show one pair.
fn column(rows: u32) -> Bench {
    let cells = (1..=rows).map(|row| format!("A{row}"));
    Bench::new(cells.fold(sheet(), |sheet, cell| sheet.cell("kraken:xbteur:sell", &cell)))
}

impl Bench {
    /// Writes all that is due, and Google refuses these cells without naming any. How many writes
    /// it took, and whether it was found to be no matter of cells.
    fn write_all_but(&mut self, bad: impl Fn(&str) -> bool) -> (u32, bool) {
        let (later, mut writes) = (self.later(), 0);
        while let Some(write) = self.next_write() {
            writes += 1;
            if write.ranges.iter().any(|entry| bad(&entry.range)) {
                self.plan.refused(&write, None, "", later);
            } else {
                self.plan.confirmed(&write);
            }
            if self.plan.is_hopeless() {
                self.plan.absolve();
                return (writes, true);
            }
        }
        (writes, false)
    }

    fn failing(&self) -> Vec<usize> {
        let report = self.plan.report();
        (0..report.len()).filter(|&cell| report[cell].failing.is_some()).collect()
    }
}

#[test]
fn four_bad_cells_in_a_row_do_not_stop_the_good_ones() {
    let mut bench = column(8);
    bench.quotes(&[("xbteur", "1")], &[]);
    let bad = |range: &str| ["!A1", "!A2", "!A3", "!A4"].iter().any(|cell| range.ends_with(cell));
    let (_, hopeless) = bench.write_all_but(bad);
    assert!(!hopeless);
    assert_eq!(bench.failing(), [0, 1, 2, 3]);
    assert!(bench.plan.report()[4..].iter().all(|cell| cell.written.is_some()));
}

#[test]
fn a_bad_witness_is_not_asked_for_ever() {
    let mut bench = column(8);
    bench.quotes(&[("xbteur", "1")], &[]);
    // Of the last cells the last is bad.
    let bad = |range: &str| !["!A6", "!A7"].iter().any(|cell| range.ends_with(cell));
    assert!(bench.write_all_but(bad).1);
    assert!(bench.failing().is_empty(), "nobody is blamed");
    bench.plan.all_afresh();
    assert!(!bench.write_all_but(bad).1);
    assert_eq!(bench.failing(), [0, 1, 2, 3, 4, 7]);
}

#[test]
fn when_every_cell_is_refused_alike_it_is_none_of_theirs() {
    for rows in [4, 5, 100] {
        let mut bench = column(rows);
        bench.quotes(&[("xbteur", "1"), ("etheur", "1")], &[]);
        let (writes, hopeless) = bench.write_all_but(|_| true);
        assert!(hopeless && writes <= 15, "{writes}");
        assert!(bench.failing().is_empty());
        assert!(bench.plan.is_due(bench.now));
    }
}

#[test]
fn cells_that_were_set_aside_for_a_reason_of_their_own_are_not_absolved() {
    let mut bench = column(9);
    bench.quotes(&[("xbteur", "1")], &[]);
    let (write, later) = (bench.render(), bench.later());
    bench.plan.refused(&write, Some(8), "You are trying to edit a protected cell", later);
    assert!(bench.write_all_but(|_| true).1);
    assert_eq!(bench.failing(), [8]);
}

#[test]
fn probes_of_any_number_of_bad_cells_are_far_apart_and_hold_up_no_good_one() {
    let mut bench = column(100);
    let good = |range: &str| range.ends_with("!A100");
    let (mut refused, mut waited) = (0, 0);
    for tick in 1..=200 {
        bench.quotes(&[("xbteur", &tick.to_string())], &[]);
        let begun = tick > 60; // five minutes
        let mut is_written = false;
        while let Some(write) = bench.next_write() {
            match write.ranges.iter().position(|entry| !good(&entry.range)) {
                Some(entry) => {
                    let later = bench.later();
                    bench.plan.refused(&write, Some(entry), "protected", later);
                    refused += u32::from(begun);
                    waited += u32::from(begun && !is_written);
                }
                None => {
                    bench.plan.confirmed(&write);
                    is_written = true;
                }
            }
        }
        assert!(is_written, "tick {tick}");
    }
    // 700 s, and 10 s from one to the next.
    assert!((60..=71).contains(&refused), "{refused}");
    assert!(waited <= refused, "{waited}");
}

#[test]
fn cells_that_were_set_aside_are_found_again_without_a_single_quote() {
    let mut bench = column(16);
    bench.quotes(&[("xbteur", "1")], &[]);
    assert_eq!(bench.plan.next_attempt(bench.now), None, "nothing is set aside");
    while let Some(write) = bench.next_write() {
        let later = bench.later();
        bench.plan.refused(&write, Some(0), "protected", later);
    }
    let begin = bench.later();
    assert_eq!(bench.plan.next_attempt(bench.now), Some(begin));
    let bad = |range: &str| ["!A7", "!A13"].iter().any(|cell| range.ends_with(cell));
    while bench.failing() != [6, 12] {
        let next = bench.plan.next_attempt(bench.now).unwrap();
        assert!(next > bench.now, "it would turn for ever");
        bench.now = next;
        bench.write_all_but(bad);
        assert!(next.duration_since(begin).as_secs() < 900, "it is never over");
    }
    let waited = bench.now.duration_since(begin).as_secs();
    assert!(waited <= 2 * 4 * 2 * 10, "half of them is good, or a quarter, …: {waited} s");
}

#[test]
fn whatever_happens_good_cells_are_written() {
    for seed in 0..300 {
        let mut dice = fastrand::Rng::with_seed(seed);
        let bytes: Vec<u8> = (0..dice.usize(..300)).map(|_| dice.u8(..)).collect();
        let outcome = std::panic::catch_unwind(|| fuzzing::plan(&bytes));
        assert!(outcome.is_ok(), "seed {seed}");
    }
}

#[test]
fn cells_of_a_missing_tab_wait_until_it_is_back() {
    let mut bench =
        Bench::new(sheet().cell("kraken:xbteur:sell", "A1").cell("kraken:xbteur:buy", "Other!A1"));
    bench.quotes(&[("xbteur", "1")], &[]);
    assert_eq!(bench.due(), entries(&[("'Sheet 1'!A1", "1")]));
    let failure = bench.plan.report()[1].failing.clone().unwrap();
    assert!(failure.to_string().contains("there is no tab 'Other'"), "{failure}");
    let later = bench.later();
    bench.plan.locate(&properties(&["Sheet 1", "Other"]), later);
    assert_eq!(bench.due(), entries(&[("'Sheet 1'!A1", "1"), ("'Other'!A1", "1")]));
}

#[test]
fn updated_is_the_age_of_the_oldest_healthy_price_and_writing_does_not_move_it() {
    let mut bench = Bench::new(
        sheet().cell("kraken:xbteur:sell", "A1").cell("kraken:etheur:sell", "A2").updated("D1"),
    );
    bench.quotes(&[("xbteur", "1"), ("etheur", "1")], &[]);
    let first = bench.due()[2].1.clone();
    bench.write();
    // 2025-11-24 16:00:01 UTC.
    let expected = 45_985.0 + (16.0 * 3_600.0 + 1.0) / 86_400.0;
    assert!((first.parse::<f64>().unwrap() - expected).abs() < 1e-9, "{first}");
    // Only the failing one is older: it no longer counts.
    bench.quotes(&[("xbteur", "1")], &["etheur"]);
    assert_eq!(bench.due().len(), 1);
    assert_ne!(bench.due()[0].1, first);
}

#[test]
fn the_time_of_a_spreadsheet_is_in_its_own_zone() {
    let at: Timestamp = "2026-07-01T00:30:00Z".parse().unwrap();
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    assert!((date_time(at, &TimeZone::UTC) - (46_204.0 + 0.5 / 24.0)).abs() < 1e-9);
    assert!((date_time(at, &berlin) - (46_204.0 + 2.5 / 24.0)).abs() < 1e-9);
}

#[test]
fn quotes_that_came_before_the_zone_was_known_are_told_in_it_all_the_same() {
    let mut bench = Bench::new(sheet().cell("kraken:xbteur:time", "A1").updated("D1"));
    bench.quotes(&[("xbteur", "1")], &[]);
    let in_utc: Vec<f64> = bench.due().iter().map(|(_, text)| text.parse().unwrap()).collect();
    let mut there = properties(&["Sheet 1"]);
    there.zone = Ok(TimeZone::fixed(jiff::tz::offset(6)));
    let later = bench.later();
    bench.plan.locate(&there, later);
    let in_zone: Vec<f64> = bench.due().iter().map(|(_, text)| text.parse().unwrap()).collect();
    for (utc, zone) in in_utc.iter().zip(&in_zone) {
        assert!((zone - utc - 0.25).abs() < 1e-9, "{utc} {zone}");
    }
    assert_eq!(in_zone.len(), 2);
}

#[test]
fn in_a_zone_that_nobody_knows_no_time_is_told_and_all_else_is() {
    let cells = sheet().cell("kraken:xbteur:time", "A1").cell("kraken:xbteur:sell", "A2");
    let mut bench = Bench::new(cells.updated("D1"));
    let mut there = properties(&["Sheet 1"]);
    there.zone = Err("Mars/Olympus".into());
    let later = bench.later();
    bench.plan.locate(&there, later);
    bench.quotes(&[("xbteur", "1")], &[]);
    assert_eq!(bench.due(), entries(&[("'Sheet 1'!A2", "1")]));
    bench.write();
    let failing: Vec<_> = bench.plan.report().iter().map(|cell| cell.failing.clone()).collect();
    for cell in [&failing[0], &failing[2]] {
        let failure = cell.as_ref().unwrap();
        assert_eq!(failure.class, FailureClass::Cell);
        assert!(failure.to_string().contains("time zone Mars/Olympus is not known"), "{failure}");
    }
    assert_eq!(failing[1], None);
    bench.plan.locate(&properties(&["Sheet 1"]), later);
    assert_eq!(bench.due().len(), 2, "both times");
    assert!(bench.plan.report().iter().all(|cell| cell.failing.is_none()));
}

#[test]
fn problem_names_the_first_failing_cell_and_the_remedy() {
    let mut bench = Bench::new(
        sheet().cell("kraken:xbteur:sell", "A1").cell("kraken:etheur:sell", "A2").problem("E1"),
    );
    let problem = |bench: &mut Bench| {
        let due = bench.due();
        due.iter().find(|(range, _)| range.ends_with("!E1")).map(|(_, text)| text.clone())
    };
    bench.quotes(&[("xbteur", "1"), ("etheur", "1")], &[]);
    assert_eq!(problem(&mut bench).as_deref(), Some(""));
    bench.write();
    bench.quotes(&[("xbteur", "1")], &["etheur"]);
    let expected = "Cell A2: Kraken does not know the pair etheur. Correct it.";
    assert_eq!(problem(&mut bench).as_deref(), Some(expected));
    bench.write();
    bench.quotes(&[("xbteur", "1")], &["etheur"]);
    assert_eq!(problem(&mut bench), None, "the same text is not written again");
    bench.quotes(&[("xbteur", "1"), ("etheur", "1")], &[]);
    assert_eq!(problem(&mut bench).as_deref(), Some(""));
}
