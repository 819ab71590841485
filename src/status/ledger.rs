//! What the status says, and since when it has been so. Pure: no I/O, no clock, no randomness.
//!
//! A status tells times as a wall clock does. Ages are kept by a clock that nobody sets.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;

use crate::{config::Config, patience, supervisor::Status};

/// A moment by both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// To reckon by.
    pub(super) instant: Instant,
    /// To tell.
    pub(super) at: Timestamp,
}

/// A cell: its spreadsheet, and its place in the report.
pub(super) type Cell = (Arc<str>, usize);

/// A status, and since when it has been so.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger {
    status: Status,
    /// How long each configured spreadsheet may go without a success.
    patience: BTreeMap<Arc<str>, Duration>,
    /// When each spreadsheet last succeeded.
    succeeded: BTreeMap<Arc<str>, Moment>,
    /// Since when which cell has been standing still.
    still: BTreeMap<Cell, Moment>,
}

impl Ledger {
    /// Takes in the newest status.
    pub(super) fn note(&mut self, status: Status, now: Moment) {
        if !Arc::ptr_eq(&status.config, &self.status.config) {
            self.follow(&status.config);
        }
        let mut succeeded = BTreeMap::new();
        let mut still = BTreeMap::new();
        for (id, report) in &status.spreadsheets {
            if let Some(at) = report.last_success {
                let known = self.succeeded.get(id).filter(|known| known.at == at);
                let moment = known.copied().unwrap_or_else(|| now.ago(at));
                succeeded.insert(Arc::clone(id), moment);
            }
            for (index, _) in
                report.cells.iter().enumerate().filter(|(_, cell)| cell.failing.is_some())
            {
                let cell = (Arc::clone(id), index);
                let since = self.still.get(&cell).copied().unwrap_or(now);
                still.insert(cell, since);
            }
        }
        *self = Self { status, succeeded, still, ..std::mem::take(self) };
    }

    /// Goes by another configuration: its cells are others.
    fn follow(&mut self, config: &Config) {
        self.patience = patience::of_spreadsheets(config);
        self.still.clear();
    }

    pub(super) const fn status(&self) -> &Status {
        &self.status
    }

    pub(super) const fn patience(&self) -> &BTreeMap<Arc<str>, Duration> {
        &self.patience
    }

    /// When a spreadsheet last succeeded.
    pub(super) fn succeeded(&self, spreadsheet: &str) -> Option<Moment> {
        self.succeeded.get(spreadsheet).copied()
    }

    /// Since when a cell has been standing still.
    pub(super) fn still(&self, cell: &Cell) -> Option<Moment> {
        self.still.get(cell).copied()
    }
}

impl Moment {
    /// The moment that the wall clock showed `at`, and this one at the latest.
    fn ago(self, at: Timestamp) -> Self {
        let ago = Duration::try_from(self.at.duration_since(at)).unwrap_or_default();
        let instant = self.instant.checked_sub(ago).unwrap_or(self.instant);
        Self { instant, at }
    }
}
