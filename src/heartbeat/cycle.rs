//! Whether everything has succeeded. Pure: no I/O, no clock, no randomness.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;

use crate::messages::SpreadsheetReport;

/// A cycle: from one heartbeat until every spreadsheet has succeeded once more.
#[derive(Debug)]
pub(super) struct Cycle {
    all: BTreeSet<Arc<str>>,
    /// Those that have succeeded in this cycle, and of which nothing fails.
    good: BTreeSet<Arc<str>>,
    /// Each one's last success that is known.
    last: BTreeMap<Arc<str>, Timestamp>,
}

impl Cycle {
    pub(super) fn of(spreadsheets: impl IntoIterator<Item = Arc<str>>) -> Self {
        let all = spreadsheets.into_iter().collect();
        Self { all, good: BTreeSet::new(), last: BTreeMap::new() }
    }

    /// Begins another cycle.
    pub(super) fn begin(&mut self) {
        self.good.clear();
    }

    /// Takes in a report. Whether everything has succeeded in this cycle, and nothing fails. Of
    /// nothing at all nothing succeeds.
    pub(super) fn report(&mut self, report: &SpreadsheetReport) -> bool {
        let id = &report.spreadsheet;
        let succeeded = report.last_success.is_some_and(|at| {
            self.last.insert(Arc::clone(id), at).is_none_or(|before| before != at)
        });
        if report.failing.is_some() || report.cells.iter().any(|cell| cell.failing.is_some()) {
            self.good.remove(id);
        } else if succeeded && self.all.contains(id) {
            self.good.insert(Arc::clone(id));
        }
        !self.all.is_empty() && self.good.len() == self.all.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::{CellContent, CellReport, Failing, Failure, FailureClass, SheetIndex};

    fn report(id: &str, success: i64) -> SpreadsheetReport {
        SpreadsheetReport {
            spreadsheet: id.into(),
            settled: 1,
            writes: 1,
            write_failures: 0,
            unchanged: 0,
            cells_written: 1,
            last_success: (success > 0).then(|| Timestamp::from_second(success).unwrap()),
            failing: None,
            cells: Arc::new([]),
        }
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

    #[test]
    fn a_cycle_is_full_when_every_spreadsheet_has_succeeded_anew() {
        let mut cycle = Cycle::of(["a".into(), "b".into()]);
        assert!(!cycle.report(&report("a", 0)), "no success yet");
        assert!(!cycle.report(&report("a", 1)));
        assert!(!cycle.report(&report("b", 0)));
        assert!(!cycle.report(&report("stranger", 1)));
        assert!(cycle.report(&report("b", 1)));
        cycle.begin();
        assert!(!cycle.report(&report("a", 1)), "the same success again");
        assert!(!cycle.report(&report("b", 2)));
        assert!(cycle.report(&report("a", 2)));
    }

    #[test]
    fn nothing_may_fail_meanwhile_not_even_a_cell() {
        for bad in [failing, partial] {
            let mut cycle = Cycle::of(["a".into(), "b".into()]);
            assert!(!cycle.report(&report("a", 10)));
            assert!(!cycle.report(&bad("a", 10)), "it has failed since");
            assert!(!cycle.report(&report("b", 10)));
            assert!(!cycle.report(&bad("a", 11)), "it has succeeded in part");
            assert!(!cycle.report(&report("a", 11)), "which is no success");
            assert!(cycle.report(&report("a", 12)));
        }
    }

    #[test]
    fn where_there_is_nothing_nothing_succeeds() {
        assert!(!Cycle::of([]).report(&report("a", 1)));
    }
}
