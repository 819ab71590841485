//! Which cells have begun to stand still, and which go on. Touches: the log.

use slog::{Logger, info, warn};

use crate::messages::{CellReport, Failure, FailureClass};

/// Logs what has changed with single cells. What concerns all of them is logged elsewhere, once.
pub(super) fn log(log: &Logger, before: &[CellReport], now: &[CellReport]) {
    let own = |failure: &&Failure| matches!(failure.class, FailureClass::Cell | FailureClass::Pair);
    for (before, now) in before.iter().zip(now) {
        let failed = before.failing.as_ref().filter(own);
        match (failed, now.failing.as_ref().filter(own)) {
            (None, Some(failure)) => warn!(log, "a cell stands still: {}", failure;
                "cell" => &*now.cell, "content" => %now.content),
            (Some(_), None) => info!(log, "a cell goes on";
                "cell" => &*now.cell, "content" => %now.content),
            _ => {}
        }
    }
}
