//! What is to be in each cell of one spreadsheet, what is known to be there, and so what to
//! write next. Pure: no I/O, no clock, no randomness.
//!
//! This is conflation: a newer quote takes the place of an older one, and a write is made of
//! whatever is newest when it begins. A write that failed is never sent again; the next one is
//! made anew.

mod refusal;
mod target;
mod value;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use jiff::tz::TimeZone;
use tokio::time::Instant;

use self::{refusal::Run, target::Target, value::date_time};
use super::{
    config::{SheetConfig, Tab, one_tab},
    problem,
    wire::{Properties, ValueRange},
};
use crate::{
    messages::{CellContent, CellReport, CellValue, Failure, QuoteBatch, SheetIndex},
    sheets::{CellRef, locate},
};

/// The cells of one spreadsheet.
#[derive(Debug)]
pub(super) struct Plan {
    targets: Vec<Target>,
    every: BTreeMap<SheetIndex, Duration>,
    /// The spreadsheet's time zone; no time is told before it is known.
    zone: Option<TimeZone>,
    /// Groups of cells that are written by themselves, to find the one that Google refuses.
    suspects: VecDeque<Vec<usize>>,
    /// The same, of cells that were set aside before: they are in no hurry.
    probes: VecDeque<Vec<usize>>,
    /// The cells that were set aside last, one after the other and for one reason.
    run: Run,
    /// How far apart the writes are that probe cells that were set aside, and when the next is.
    between_probes: Duration,
    next_probe: Option<Instant>,
}

/// A write: some cells and their values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Write {
    cells: Vec<usize>,
    /// Whether its cells had been set aside.
    is_probe: bool,
    pub(super) ranges: Vec<ValueRange>,
    sent: Instant,
}

impl Plan {
    /// A plan for these sheets, all of one spreadsheet. However many cells are set aside, the
    /// writes that probe them are so far apart.
    pub(super) fn new(sheets: &[(SheetIndex, SheetConfig)], between_probes: Duration) -> Self {
        let only = one_tab(sheets.iter().map(|(_, sheet)| sheet));
        let targets = sheets.iter().flat_map(|(index, sheet)| {
            let all = sheet.contents();
            all.map(move |(cell, content)| Target::new(*index, &sheet.tab, only, cell, content))
        });
        Self {
            targets: targets.collect(),
            every: sheets.iter().map(|(index, sheet)| (*index, sheet.every)).collect(),
            zone: None,
            suspects: VecDeque::new(),
            probes: VecDeque::new(),
            run: Run::default(),
            between_probes,
            next_probe: None,
        }
    }

    /// The sheets in it.
    pub(super) fn sheets(&self) -> impl Iterator<Item = SheetIndex> + '_ {
        self.every.keys().copied()
    }

    /// Takes in what a fetch brought for the sheets that were due.
    pub(super) fn apply(&mut self, batch: &QuoteBatch, now: Instant) {
        let due: Vec<_> = self.sheets().filter(|sheet| batch.due.contains(sheet)).collect();
        let zone = self.zone.clone();
        for target in self.targets.iter_mut().filter(|target| due.contains(&target.sheet)) {
            let every = self.every.get(&target.sheet).copied().unwrap_or_default();
            target.apply(batch, zone.as_ref());
            target.age(now, every);
        }
        for sheet in due {
            self.derive(sheet);
        }
    }

    /// Works out the cells that follow from the sheet's others: when its oldest price was asked
    /// for, and what is wrong.
    fn derive(&mut self, sheet: SheetIndex) {
        let own = || self.targets.iter().filter(move |target| target.sheet == sheet);
        let oldest = own().filter(|target| target.is_healthy()).filter_map(|t| t.quoted).min();
        let zone = self.zone.as_ref();
        let updated = oldest.and_then(|at| Some(CellValue::Number(date_time(at, zone?))));
        let standing = own().filter(|target| target.content != CellContent::Problem);
        let standing: Vec<_> = standing.map(Target::standing).collect();
        let problem: Arc<str> = problem::text(&standing).into();
        for target in self.targets.iter_mut().filter(|target| target.sheet == sheet) {
            match target.content {
                CellContent::Updated if updated.is_some() => target.wanted.clone_from(&updated),
                CellContent::Problem => {
                    target.wanted = Some(CellValue::Text(Arc::clone(&problem)));
                }
                _ => {}
            }
        }
    }

    /// Finds where every cell is, and sets aside those that are nowhere. `until` is when these are
    /// looked for again.
    pub(super) fn locate(&mut self, properties: &Properties, until: Instant) {
        self.zone = properties.zone.as_ref().ok().cloned();
        let places = locate::place(self.targets.iter().map(Target::sought), properties);
        for (target, place) in self.targets.iter_mut().zip(places) {
            if let Some(zone) = &self.zone {
                target.tell_time(zone);
            }
            target.place(place, until);
        }
        self.derive_all();
    }

    /// Does without the spreadsheet's properties, which are not to be had because of `failure`,
    /// as far as that goes: with the cells whose tab is given by its title, and that tell no
    /// time. The others stand still until `until`: how many they are.
    pub(super) fn locate_blindly(&mut self, failure: &Failure, until: Instant) -> usize {
        let no_zone = self.zone.is_none();
        let mut lost = 0;
        for target in self.targets.iter_mut().filter(|target| target.range.is_none()) {
            let range = match (&target.cell, &target.tab) {
                (cell, Tab::Title(title)) => Some(cell.range(title)),
                (cell @ (CellRef::Named(_) | CellRef::Cell { tab: Some(_), .. }), _) => {
                    Some(cell.range(""))
                }
                _ => None,
            };
            match range.filter(|_| !(no_zone && target.content.tells_time())) {
                Some(range) if target.quarantine.is_none() => target.range = Some(range),
                // It was set aside for a reason of its own, or cannot be written at all.
                Some(_) => {}
                None => {
                    target.quarantine = Some((failure.clone(), until));
                    lost += 1;
                }
            }
        }
        self.derive_all();
        lost
    }

    fn derive_all(&mut self) {
        let sheets: Vec<_> = self.sheets().collect();
        sheets.into_iter().for_each(|sheet| self.derive(sheet));
    }

    /// The write that is due now, if any. It must be told what has become of it.
    pub(super) fn render(&mut self, now: Instant) -> Option<Write> {
        let (cells, is_probe) = self.due_cells(now);
        let entry = |&cell: &usize| {
            let target = &self.targets[cell];
            let (range, value) = (target.range.clone()?, target.wanted.clone()?);
            Some((cell, ValueRange { range, value }))
        };
        let (cells, ranges): (Vec<_>, Vec<_>) = cells.iter().filter_map(entry).unzip();
        (!cells.is_empty()).then_some(Write { cells, is_probe, ranges, sent: now })
    }

    /// Whether there is something to write now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let may_probe = self.may_probe(now);
        let due =
            |target: &Target| target.is_due(now) && (may_probe || target.quarantine.is_none());
        self.witness().is_some() || self.targets.iter().any(due)
    }

    fn may_probe(&self, now: Instant) -> bool {
        self.next_probe.is_none_or(|next| next <= now)
    }

    /// Which cells to write now, and whether they are such as were set aside. These are tried by
    /// themselves, so that they hold up nothing else. Where the budget is so small that something
    /// else is always due, their turn comes all the same.
    fn due_cells(&mut self, now: Instant) -> (Vec<usize>, bool) {
        if let Some(cell) = self.witness() {
            return (vec![cell], false);
        }
        let targets = &self.targets;
        let due = |cell: &usize| targets[*cell].is_due(now);
        let is_aside = |cell: &usize| targets[*cell].quarantine.is_some();
        let all = 0..targets.len();
        let (aside, well): (Vec<_>, Vec<_>) = all.filter(due).partition(is_aside);
        let overdue = |cell: &usize| targets[*cell].probe_overdue(now, self.between_probes);
        let their_turn = well.is_empty() || aside.iter().any(overdue);
        if !aside.is_empty() && their_turn && self.may_probe(now) {
            self.next_probe = Some(now + self.between_probes);
            let group = next_group(&mut self.probes, |cell| due(cell) && is_aside(cell));
            return (group.unwrap_or(aside), true);
        }
        let group = next_group(&mut self.suspects, |cell| due(cell) && !is_aside(cell));
        (group.unwrap_or(well), false)
    }

    /// Google has confirmed a write.
    pub(super) fn confirmed(&mut self, write: &Write) {
        for (&cell, entry) in write.cells.iter().zip(&write.ranges) {
            let target = &mut self.targets[cell];
            target.confirmed = Some((entry.value.clone(), write.sent));
            target.afresh = false;
            target.quarantine = None;
        }
        if !write.is_probe {
            self.run.end();
        }
        self.derive_all();
    }

    /// Whether there is a price, or another figure of a quote, in a write.
    pub(super) fn has_quotes(&self, write: &Write) -> bool {
        let is_quote = |&cell: &usize| self.targets[cell].standing().is_quote;
        write.cells.iter().any(is_quote)
    }

    /// A write may have been done or not, or may be done until `late`: its cells are written
    /// afresh, and go on being so.
    pub(super) fn ambiguous(&mut self, write: &Write, late: Instant) {
        for &cell in &write.cells {
            self.targets[cell].confirmed = None;
            self.targets[cell].late = Some(late);
        }
    }

    /// Has every cell written with the next write, changed or not.
    pub(super) fn all_afresh(&mut self) {
        self.targets.iter_mut().for_each(|target| target.afresh = true);
    }

    /// Whether there is a cell that nothing stands in the way of.
    pub(super) fn has_healthy_cell(&self) -> bool {
        self.targets.iter().any(|t| t.is_healthy() && t.content != CellContent::Problem)
    }

    /// Whether there is a cell that could be written as things are.
    pub(super) fn can_go_on(&self) -> bool {
        self.targets.iter().any(Target::can_be_written)
    }

    /// Whether a cell that was set aside is to be tried again.
    pub(super) fn probe_due(&self, now: Instant) -> bool {
        self.next_trial().is_some_and(|next| next <= now)
    }

    /// When to look for something to do again, should there be nothing now and no quote come. A
    /// cell whose time has come all the same lacks its tab, which cannot be looked for just now.
    pub(super) fn next_attempt(&self, now: Instant) -> Option<Instant> {
        let next = self.next_trial()?;
        let next = if next <= now { now + self.between_probes } else { next };
        Some(self.next_probe.map_or(next, |probe| next.max(probe)))
    }

    /// When the first of the cells that were set aside is to be tried again.
    fn next_trial(&self) -> Option<Instant> {
        let there = self.targets.iter().filter(|target| target.absent.is_none());
        there.filter_map(|target| target.quarantine.as_ref().map(|(_, until)| *until)).min()
    }

    /// How every cell is doing.
    pub(super) fn report(&self) -> Arc<[CellReport]> {
        self.targets.iter().map(Target::report).collect()
    }
}

/// Takes the next of these groups out that has cells like that in it, and these cells.
fn next_group(
    groups: &mut VecDeque<Vec<usize>>,
    like: impl Fn(&usize) -> bool,
) -> Option<Vec<usize>> {
    while let Some(mut group) = groups.pop_front() {
        group.retain(&like);
        if !group.is_empty() {
            return Some(group);
        }
    }
    None
}

#[cfg(any(test, fuzzing))]
pub(super) mod fuzzing;
#[cfg(test)]
mod tests;
