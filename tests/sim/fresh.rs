//! Looks at what the spreadsheets show, and whether it is fresh.

use std::{collections::BTreeMap, time::Duration};

use super::{
    broken::Broken,
    sheet::Sheet,
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

/// How often a sheet was looked at, and how often it had to be fresh then.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Looks {
    pub(crate) all: u64,
    pub(crate) judged: u64,
}

impl Looks {
    fn note(&mut self, judged: bool) {
        self.all += 1;
        self.judged += u64::from(judged);
    }
}

impl World {
    /// Every cell must be fresh of a spreadsheet that feels nothing any more of what was wrong
    /// with it, whatever the others are in.
    pub(crate) fn the_well_must_be_fresh(&self) {
        let now = self.now();
        if self.state.borrow().checker.is_stopping() {
            return;
        }
        self.look();
        self.all_must_be_told(now);
        for (index, sheet) in self.plan.sheets.iter().enumerate() {
            let or_else = self.must_be_fresh(sheet, now);
            self.looks.borrow_mut().note(or_else.is_some());
            if let Some(or_else) = or_else {
                let since = now - self.plan.steady_bound(sheet);
                self.sheet_must_be_fresh(index, since, or_else);
            }
        }
    }

    /// What fails must have been told; and that it is over, where every cell must be fresh: of a
    /// spreadsheet for itself, of Kraken for all of them.
    fn all_must_be_told(&self, now: Duration) {
        let fresh = |of: &dyn Fn(&Sheet) -> bool| {
            let mut sheets = self.plan.sheets.iter().filter(|sheet| of(sheet));
            sheets.all(|sheet| self.must_be_fresh(sheet, now).is_some())
        };
        let books = self.plan.spreadsheets.iter().enumerate();
        let mut well: Vec<_> = books
            .filter(|(book, _)| fresh(&|sheet| sheet.spreadsheet == *book))
            .map(|(_, id)| id.as_str())
            .collect();
        if fresh(&|_| true) {
            well.push("");
        }
        let State { checker, told, .. } = &mut *self.state.borrow_mut();
        checker.judge(told.all_is_told(now, &self.plan));
        well.into_iter().for_each(|of| checker.judge(told.is_over(of)));
    }

    /// When every cell must be fresh, if nothing happens any more.
    pub(crate) fn must_all_be_fresh_at(&self) -> Duration {
        let State { troubles, .. } = &*self.state.borrow();
        let sheets = self.plan.sheets.iter();
        let at =
            sheets.map(|sheet| troubles.over(sheet.spreadsheet) + self.plan.steady_bound(sheet));
        at.max().unwrap_or_default()
    }

    /// What is broken if a sheet is not fresh, if it must be.
    fn must_be_fresh(&self, sheet: &Sheet, now: Duration) -> Option<Broken> {
        let State { troubles, .. } = &*self.state.borrow();
        let book = sheet.spreadsheet;
        let must = now > troubles.over(book) + self.plan.steady_bound(sheet);
        let ill = troubles.others_feel(book, now);
        must.then_some(if ill { Broken::Infected } else { Broken::NotFresh })
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
