//! Which cells have begun to stand still, and which go on. Touches: the log.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::Duration,
};

use slog::{Logger, info, warn};
use tokio::time::Instant;

use crate::messages::{CellReport, Failure, FailureClass};

/// Of a cell that comes and goes, or stands still for one reason after the other, is said that it
/// stands still, and that it goes on, once in so long. For what reason it stands still for longer
/// is said in any case.
const SELDOM: Duration = Duration::from_secs(60);

/// The most reasons that are told one by one.
const MOST_REASONS: usize = 10;

/// The most cells that are named in one line.
const MOST_NAMES: usize = 10;

/// What has been said of each cell.
#[derive(Debug, Default)]
pub(super) struct Changes(Vec<Said>);

#[derive(Debug, Clone, Copy, Default)]
struct Said {
    /// When it was last said that it stands still.
    at: Option<Instant>,
    /// And for what reason, by its hash; that it goes on has not been said since.
    why: Option<u64>,
}

impl Changes {
    /// Logs what has changed with single cells, in one line for all that have the same reason.
    /// What concerns all of them is logged elsewhere, once.
    pub(super) fn log(&mut self, log: &Logger, cells: &[CellReport], now: Instant) {
        self.0.resize(cells.len(), Said::default());
        let mut standing: BTreeMap<String, Vec<&CellReport>> = BTreeMap::new();
        let mut going: Vec<&CellReport> = Vec::new();
        for (said, cell) in self.0.iter_mut().zip(cells) {
            match &cell.failing {
                Some(failure) if is_own(failure) && said.is_news(failure, now) => {
                    *said = Said { at: Some(now), why: Some(hash(failure)) };
                    standing.entry(failure.to_string()).or_default().push(cell);
                }
                None if said.why.take().is_some() => going.push(cell),
                _ => {}
            }
        }
        stand_still(log, &standing);
        match going[..] {
            [] => {}
            [cell] => info!(log, "a cell goes on";
                "cell" => &*cell.cell, "content" => %cell.content),
            _ => info!(log, "{} cells go on", going.len(); "cells" => names(&going)),
        }
    }
}

impl Said {
    fn is_news(&self, failure: &Failure, now: Instant) -> bool {
        let long_ago = |at| now.saturating_duration_since(at) >= SELDOM;
        self.at.is_none_or(long_ago) && self.why != Some(hash(failure))
    }
}

/// Ten thousand cells may stand still: their reasons are not kept.
fn hash(failure: &Failure) -> u64 {
    let mut hasher = DefaultHasher::new();
    failure.reason.hash(&mut hasher);
    hasher.finish()
}

/// Whether a failure is the cell's own.
const fn is_own(failure: &Failure) -> bool {
    matches!(failure.class, FailureClass::Cell | FailureClass::Pair | FailureClass::NoQuote)
}

fn stand_still(log: &Logger, standing: &BTreeMap<String, Vec<&CellReport>>) {
    for (failure, cells) in standing.iter().take(MOST_REASONS) {
        match cells[..] {
            [cell] => warn!(log, "a cell stands still: {}", failure;
                "cell" => &*cell.cell, "content" => %cell.content),
            _ => warn!(log, "{} cells stand still: {}", cells.len(), failure;
                "cells" => names(cells)),
        }
    }
    let rest: Vec<_> = standing.values().skip(MOST_REASONS).flatten().copied().collect();
    if !rest.is_empty() {
        warn!(log, "{} more cells stand still, each for a reason of its own", rest.len();
            "cells" => names(&rest));
    }
}

/// The first of some cells.
fn names(cells: &[&CellReport]) -> String {
    let mut names: Vec<_> = cells.iter().take(MOST_NAMES).map(|cell| &*cell.cell).collect();
    if cells.len() > MOST_NAMES {
        names.push("…");
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        journal::Journal,
        messages::{CellContent, SheetIndex},
    };

    /// A reason that is not a cell's own.
    const OUTAGE: &str = "Kraken is in trouble";

    #[derive(Default)]
    struct Bench {
        changes: Changes,
        journal: Journal,
    }

    impl Bench {
        /// What is logged of cells with these reasons to stand still.
        fn log(&mut self, reasons: &[Option<&str>], now: Instant) -> Vec<String> {
            let cell = |(row, reason): (usize, &Option<&str>)| {
                let class = |reason| match reason {
                    OUTAGE => FailureClass::Transient,
                    "no bid" => FailureClass::NoQuote,
                    _ => FailureClass::Cell,
                };
                let failing = reason.map(|reason| Failure::new(class(reason), reason, ""));
                let name = format!("A{row}");
                CellReport {
                    failing,
                    ..CellReport::new(SheetIndex(0), &name, CellContent::Updated)
                }
            };
            let cells: Vec<_> = reasons.iter().enumerate().map(cell).collect();
            self.changes.log(&self.journal.logger(), &cells, now);
            self.journal.take()
        }
    }

    #[test]
    fn a_cell_that_comes_and_goes_is_spoken_of_once_a_minute() {
        let (mut bench, start) = (Bench::default(), Instant::now());
        let mut lines = Vec::new();
        for second in 0..120 {
            let reason = (second % 2 == 0).then_some("no bid");
            lines.extend(bench.log(&[reason], start + Duration::from_secs(second)));
        }
        let once = ["WARN a cell stands still: no bid", "INFO a cell goes on"];
        assert_eq!(lines, [once, once].concat());
    }

    #[test]
    fn that_a_cell_stands_still_after_all_is_said_when_its_minute_is_over() {
        let (mut bench, start) = (Bench::default(), Instant::now());
        let at = |second| start + Duration::from_secs(second);
        assert_eq!(bench.log(&[Some("no bid")], at(0)).len(), 1);
        assert_eq!(bench.log(&[None], at(1)).len(), 1);
        assert!((2..60).all(|second| bench.log(&[Some("no bid")], at(second)).is_empty()));
        assert_eq!(bench.log(&[Some("no bid")], at(60)), ["WARN a cell stands still: no bid"]);
        assert!(bench.log(&[Some("no bid")], at(600)).is_empty());
    }

    #[test]
    fn another_reason_is_said_when_the_minute_of_the_first_is_over() {
        let (mut bench, start) = (Bench::default(), Instant::now());
        let at = |second| start + Duration::from_secs(second);
        assert_eq!(bench.log(&[Some("no bid")], at(0)).len(), 1);
        assert!((1..60).all(|second| bench.log(&[Some("no tab")], at(second)).is_empty()));
        assert_eq!(bench.log(&[Some("no tab")], at(60)), ["WARN a cell stands still: no tab"]);
        assert!(bench.log(&[Some("no tab")], at(600)).is_empty());
    }

    #[test]
    fn a_cell_that_stands_still_for_everybody_s_reason_does_not_go_on() {
        let (mut bench, now) = (Bench::default(), Instant::now());
        assert!(bench.log(&[Some(OUTAGE)], now).is_empty(), "that is told elsewhere");
        assert_eq!(bench.log(&[Some("no bid")], now), ["WARN a cell stands still: no bid"]);
        assert!(bench.log(&[Some(OUTAGE)], now).is_empty());
        assert!(bench.log(&[Some("no bid")], now).is_empty());
        assert_eq!(bench.log(&[None], now), ["INFO a cell goes on"]);
    }

    #[test]
    fn many_cells_take_one_line_for_a_reason_and_few_lines_in_all() {
        let (mut bench, now) = (Bench::default(), Instant::now());
        let many = vec![Some("no bid"); 20_000];
        assert_eq!(bench.log(&many, now), ["WARN 20000 cells stand still: no bid"]);
        assert_eq!(bench.log(&vec![None; 20_000], now), ["INFO 20000 cells go on"]);
        let reasons: Vec<_> = (0..1_000).map(|n| n.to_string()).collect();
        let reasons: Vec<_> = reasons.iter().map(|reason| Some(reason.as_str())).collect();
        let lines = Bench::default().log(&reasons, now);
        assert_eq!(lines.len(), MOST_REASONS + 1);
        assert!(lines[MOST_REASONS].starts_with("WARN 990 more cells stand still"), "{lines:?}");
    }

    #[test]
    fn of_many_cells_the_first_ten_are_named() {
        let cell = |row| CellReport::new(SheetIndex(0), &format!("A{row}"), CellContent::Updated);
        let cells: Vec<_> = (0..11).map(cell).collect();
        let cells: Vec<_> = cells.iter().collect();
        let ten = "A0, A1, A2, A3, A4, A5, A6, A7, A8, A9";
        assert_eq!(names(&cells[..10]), ten);
        assert_eq!(names(&cells), format!("{ten}, …"));
    }
}
