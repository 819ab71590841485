//! Whether all is well. Pure: no I/O, no clock, no randomness: `now` comes in as an argument.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;

use crate::messages::SpreadsheetReport;

/// How each spreadsheet is doing.
#[derive(Debug)]
pub(super) struct Health(BTreeMap<Arc<str>, Spreadsheet>);

#[derive(Debug)]
struct Spreadsheet {
    /// For how long one success is enough.
    patience: Duration,
    /// Its last success that is known.
    last: Option<Timestamp>,
    /// Until when that is enough.
    fresh_until: Option<Instant>,
    /// Whether anything of it fails.
    fails: bool,
}

impl Health {
    /// Nothing is known yet of these spreadsheets. Beside each stands for how long one success
    /// is enough.
    pub(super) fn of(spreadsheets: impl IntoIterator<Item = (Arc<str>, Duration)>) -> Self {
        let unknown =
            |patience| Spreadsheet { patience, last: None, fresh_until: None, fails: false };
        Self(spreadsheets.into_iter().map(|(id, patience)| (id, unknown(patience))).collect())
    }

    /// Takes in a report.
    pub(super) fn note(&mut self, report: &SpreadsheetReport, now: Instant) {
        let Some(known) = self.0.get_mut(&report.spreadsheet) else { return };
        let succeeded = report.last_success.is_some_and(|at| known.last.replace(at) != Some(at));
        if succeeded {
            known.fresh_until = now.checked_add(known.patience);
        }
        known.fails =
            report.failing.is_some() || report.cells.iter().any(|cell| cell.failing.is_some());
    }

    /// Nobody writes this spreadsheet for now: it is good again after its next success.
    pub(super) fn left_alone(&mut self, spreadsheet: &str) {
        if let Some(known) = self.0.get_mut(spreadsheet) {
            known.fresh_until = None;
        }
    }

    /// Whether every spreadsheet has succeeded lately, and nothing fails. Where there is none,
    /// nothing is well.
    pub(super) fn is_good(&self, now: Instant) -> bool {
        let fresh = |known: &Spreadsheet| known.fresh_until.is_some_and(|until| now < until);
        let good = |known: &Spreadsheet| fresh(known) && !known.fails;
        !self.0.is_empty() && self.0.values().all(good)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::{CellContent, CellReport, Failing, Failure, FailureClass, SheetIndex};

    fn report(id: &str, success: i64) -> SpreadsheetReport {
        let last_success = (success > 0).then(|| Timestamp::from_second(success).unwrap());
        SpreadsheetReport { last_success, ..SpreadsheetReport::new(id) }
    }

    fn failure() -> Failure {
        Failure { class: FailureClass::Pair, reason: "no".into(), remedy: String::new() }
    }

    fn failing(id: &str, success: i64) -> SpreadsheetReport {
        let since = Timestamp::UNIX_EPOCH;
        let failing = Some(Failing { failure: failure(), since, attempts: 1 });
        SpreadsheetReport { failing, ..report(id, success) }
    }

    fn partial(id: &str, success: i64) -> SpreadsheetReport {
        let cell = CellReport {
            sheet: SheetIndex(0),
            cell: "A1".into(),
            content: CellContent::Updated,
            written: None,
            failing: Some(failure()),
        };
        SpreadsheetReport { cells: Arc::new([cell]), ..report(id, success) }
    }

    /// Two spreadsheets: of `a` a success is enough for a minute, of `b` for a day.
    struct Bench {
        health: Health,
        start: Instant,
    }

    impl Bench {
        fn new() -> Self {
            let spreadsheets = [("a".into(), MINUTE), ("b".into(), 1_440 * MINUTE)];
            Self { health: Health::of(spreadsheets), start: Instant::now() }
        }

        /// Whether all is well after these reports, so many seconds after the start.
        fn after(&mut self, seconds: u64, reports: &[SpreadsheetReport]) -> bool {
            let now = self.start + Duration::from_secs(seconds);
            reports.iter().for_each(|report| self.health.note(report, now));
            self.health.is_good(now)
        }
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn all_is_well_when_every_spreadsheet_has_succeeded_within_its_patience() {
        let mut bench = Bench::new();
        assert!(!bench.after(0, &[report("a", 0)]), "no success yet");
        assert!(!bench.after(0, &[report("a", 1), report("b", 0), report("stranger", 1)]));
        assert!(bench.after(1, &[report("b", 1)]));
        assert!(bench.after(59, &[report("a", 1)]), "the same success again");
        assert!(!bench.after(60, &[report("a", 1)]), "is good for so long and no longer");
        assert!(bench.after(70, &[report("a", 2)]), "the slow one is good for a day");
        assert!(!bench.after(86_401, &[report("a", 3)]));
    }

    #[test]
    fn nothing_may_fail_meanwhile_not_even_a_cell() {
        for bad in [failing, partial] {
            let mut bench = Bench::new();
            assert!(bench.after(0, &[report("a", 10), report("b", 10)]));
            assert!(!bench.after(1, &[bad("a", 10)]), "it has failed since");
            assert!(!bench.after(2, &[report("b", 11)]));
            assert!(!bench.after(3, &[bad("a", 11)]), "it has succeeded in part");
            // The rest may be a date, which is mended without a price: a daily sheet has its next
            // success tomorrow.
            assert!(bench.after(4, &[report("a", 11)]), "nothing fails any more");
            assert!(bench.after(62, &[report("a", 11)]));
            assert!(!bench.after(63, &[report("a", 11)]), "a success is good for a minute");
        }
    }

    #[test]
    fn one_that_is_left_alone_is_not_well_however_long_its_success_is_good() {
        let mut bench = Bench::new();
        assert!(bench.after(0, &[report("a", 10), report("b", 10)]));
        bench.health.left_alone("b");
        bench.health.left_alone("stranger");
        assert!(!bench.after(1, &[report("a", 11), report("b", 10)]));
        assert!(bench.after(2, &[report("b", 12)]), "it is written again");
    }

    #[test]
    fn where_there_is_nothing_nothing_is_well() {
        let mut health = Health::of([]);
        health.note(&report("a", 1), Instant::now());
        assert!(!health.is_good(Instant::now()));
    }
}
