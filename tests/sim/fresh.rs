//! Looks at what the spreadsheets show, and whether it is fresh.

use std::{collections::BTreeMap, time::Duration};

use super::{
    broken::Broken,
    world::{State, World},
    writes::AFRESH,
};

/// The cells that somebody has typed over: the sheet and the cell, by their places in the plan,
/// and when.
#[derive(Debug, Default)]
pub(crate) struct Typed(BTreeMap<(usize, usize), Duration>);

impl Typed {
    pub(crate) fn note(&mut self, now: Duration, cell: (usize, usize)) {
        self.0.insert(cell, now);
    }
}

impl World {
    /// Every cell must show a price that was asked for after `since`.
    pub(crate) fn must_be_fresh(&self, since: Duration) {
        for sheet in 0..self.plan.sheets.len() {
            self.sheet_must_be_fresh(sheet, since, Broken::NotFresh);
        }
    }

    /// Every cell of a spreadsheet that has been well for long must be fresh, whatever the others
    /// are in.
    pub(crate) fn the_well_must_be_fresh(&self) {
        let now = self.now();
        if self.state.borrow().checker.is_stopping() {
            return;
        }
        for (index, sheet) in self.plan.sheets.iter().enumerate() {
            if self.is_well(sheet.spreadsheet) {
                let since = now.saturating_sub(self.plan.steady_bound(sheet));
                self.sheet_must_be_fresh(index, since, Broken::Infected);
            }
        }
    }

    fn is_well(&self, spreadsheet: usize) -> bool {
        let State { google, kraken, troubles, .. } = &mut *self.state.borrow_mut();
        troubles.look(self.now(), &self.plan, google, kraken);
        troubles.is_well(spreadsheet, self.now(), &self.plan)
    }

    fn sheet_must_be_fresh(&self, index: usize, since: Duration, or_else: Broken) {
        let now = self.now();
        let State { google, checker, typed, .. } = &mut *self.state.borrow_mut();
        let sheet = &self.plan.sheets[index];
        let spreadsheet = &google.spreadsheets[self.plan.spreadsheet_of(sheet)];
        for (number, (cell, ..)) in sheet.cells.iter().enumerate() {
            let or_else = match typed.0.get(&(index, number)) {
                Some(at) if now < *at + AFRESH + self.plan.steady_bound(sheet) => continue,
                Some(_) => Broken::TypedOver,
                None => or_else,
            };
            let shown = spreadsheet.cells.get(&(sheet.gid, cell.clone()));
            checker.fresh(shown, sheet, number, since, or_else);
            typed.0.remove(&(index, number));
        }
        if checker.verdict.is_some() {
            self.broken.notify_one();
        }
    }
}
