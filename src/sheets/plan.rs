//! What is to be in each cell of one spreadsheet, what is known to be there, and so what to
//! write next. Pure: no I/O, no clock, no randomness.
//!
//! This is conflation: a newer quote takes the place of an older one, and a write is made of
//! whatever is newest when it begins. A write that failed is never sent again; the next one is
//! made anew.

mod search;
mod target;
mod value;

use std::{collections::BTreeSet, ops::Range, sync::Arc, time::Duration};

use jiff::tz::TimeZone;
use tokio::time::Instant;

use self::{
    search::{Due, Group, Search, Suspicion},
    target::Target,
    value::date_time,
};
use super::{
    a1,
    config::{SheetConfig, Tab, one_tab},
    error::cell_failure,
    index::Index,
    locate, problem,
    wire::{Properties, ValueRange},
};
use crate::messages::{CellContent, CellReport, CellValue, Failure, QuoteBatch, SheetIndex};

/// The cells of one spreadsheet.
#[derive(Debug)]
pub(super) struct Plan {
    targets: Vec<Target>,
    /// The sheets, and which of the cells are theirs.
    sheets: Vec<(SheetIndex, Range<usize>)>,
    /// Those that have had quotes since everything was last as it should be.
    news: BTreeSet<SheetIndex>,
    /// The `gid` of the tab that was first when it was first looked for, where sheets name none:
    /// that one is theirs from then on. Should somebody move tabs, no other is written over.
    first: Option<u32>,
    /// The spreadsheet's time zone; no time is told before it is known.
    zone: Option<TimeZone>,
    /// The search for cells that Google refuses.
    search: Search,
}

/// A write: some cells and their values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Write {
    group: Group,
    pub(super) ranges: Vec<ValueRange>,
    sent: Instant,
}

#[expect(clippy::indexing_slicing, reason = "a cell is a place in `targets`, which stays as it is")]
impl Plan {
    /// A plan for these sheets, all of one spreadsheet. However many cells are set aside, the
    /// writes that probe them are so far apart.
    pub(super) fn new(sheets: &[(SheetIndex, SheetConfig)], between_probes: Duration) -> Self {
        let only = one_tab(sheets.iter().map(|(_, sheet)| sheet));
        let mut targets = Vec::new();
        let cells = sheets.iter().map(|(index, sheet)| {
            let (begin, all) = (targets.len(), sheet.targets());
            targets
                .extend(all.map(|(cell, content)| Target::new(*index, sheet, only, cell, content)));
            (*index, begin..targets.len())
        });
        let sheets = cells.collect();
        let search = Search::new(between_probes);
        Self { targets, sheets, news: BTreeSet::new(), first: None, zone: None, search }
    }

    /// Takes in what a fetch brought for the sheets that were due.
    pub(super) fn apply(&mut self, batch: &QuoteBatch, now: Instant) {
        let due: BTreeSet<_> = batch.due.iter().collect();
        let (zone, targets) = (self.zone.as_ref(), &mut self.targets);
        for (sheet, cells) in self.sheets.iter().filter(|(sheet, _)| due.contains(sheet)) {
            self.news.insert(*sheet);
            let cells = &mut targets[cells.clone()];
            for target in &mut *cells {
                target.apply(batch, zone);
                target.age(now);
            }
            derive(cells, zone);
        }
    }

    /// Finds where every cell is, and sets aside those that are nowhere. `until` is when these are
    /// looked for again.
    pub(super) fn locate(&mut self, properties: &Properties, until: Instant) {
        self.zone = properties.zone.as_ref().ok().cloned();
        self.stay_in(properties.tabs.first().map(|tab| tab.gid));
        let sought = self.targets.iter().map(Target::sought);
        let places = locate::place(sought, &mut Index::new(properties).with_first(self.first));
        for (target, place) in self.targets.iter_mut().zip(places) {
            if let Some(zone) = &self.zone {
                target.tell_time(zone);
            }
            target.place(place, until);
        }
        self.derive_all();
    }

    /// Has the sheets that name no tab, if there are any, written into this one, unless they have
    /// one.
    pub(super) fn stay_in(&mut self, first: Option<u32>) {
        let goes_by_place = self.targets.iter().any(|target| target.tab == Tab::First);
        self.first = self.first.or(first.filter(|_| goes_by_place));
    }

    /// The tab of the sheets that name none, if there are any and it has been found.
    pub(super) const fn first(&self) -> Option<u32> {
        self.first
    }

    /// Does without the spreadsheet's properties, which are not to be had because of `failure`,
    /// as far as that goes: with the cells whose tab is given by its title, and that tell no
    /// time. The others stand still until `until`: how many do so for `failure` alone, and not
    /// because there is no such cell.
    pub(super) fn locate_blindly(&mut self, failure: &Failure, until: Instant) -> usize {
        let no_zone = self.zone.is_none();
        let mut lost = 0;
        for target in self.targets.iter_mut().filter(|target| target.range.is_none()) {
            let range = locate::unseen(&target.cell, &target.tab);
            match range.filter(|_| !(no_zone && target.content.tells_time())) {
                Some(range) if target.quarantine.is_none() => target.range = Some(range),
                // It was set aside for a reason of its own, or cannot be written at all.
                Some(_) => {}
                None => lost += usize::from(target.miss(failure, until)),
            }
        }
        self.derive_all();
        lost
    }

    fn derive_all(&mut self) {
        for (_, cells) in &self.sheets {
            derive(&mut self.targets[cells.clone()], self.zone.as_ref());
        }
    }

    /// The write that is due now, if any. It must be told what has become of it.
    pub(super) fn render(&mut self, now: Instant) -> Option<Write> {
        let Group { cells, is_probe } = match self.witness() {
            Some(cell) => Group { cells: vec![cell], is_probe: false },
            None => {
                self.keep_aside();
                self.search.next(self.due(now), now)
            }
        };
        let entry = |&cell: &usize| {
            let target = &self.targets[cell];
            let (range, value) = (target.range.clone()?, target.wanted.clone()?);
            Some((cell, ValueRange { range, value }))
        };
        let (cells, ranges): (Vec<_>, Vec<_>) = cells.iter().filter_map(entry).unzip();
        let group = Group { cells, is_probe };
        (!ranges.is_empty()).then_some(Write { group, ranges, sent: now })
    }

    /// Whether there is something to write now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let may_probe = self.search.may_probe(now);
        let due =
            |target: &Target| target.is_due(now) && (may_probe || target.quarantine.is_none());
        self.witness().is_some() || self.targets.iter().any(due)
    }

    fn due(&self, now: Instant) -> Due {
        let target = |cell: &usize| &self.targets[*cell];
        let due = (0..self.targets.len()).filter(|cell| target(cell).is_due(now));
        let (aside, well): (Vec<_>, _) = due.partition(|cell| target(cell).quarantine.is_some());
        let long = self.search.between_probes();
        let is_overdue = aside.iter().any(|cell| target(cell).probe_overdue(now, long));
        Due { well, aside, is_overdue }
    }

    /// A cell to be written by itself, to see whether it is a matter of cells at all: rather one
    /// that Google has taken before.
    fn witness(&self) -> Option<usize> {
        if !self.search.needs_witness() {
            return None;
        }
        let there = (0..self.targets.len()).filter(|&cell| self.targets[cell].can_be_written());
        let (taken, new): (Vec<_>, Vec<_>) = there.partition(|&cell| self.targets[cell].is_taken);
        self.search.witness(new.into_iter().chain(taken))
    }

    /// Google has confirmed a write. A cell that was found elsewhere meanwhile is not written yet.
    pub(super) fn confirmed(&mut self, write: &Write) {
        for (&cell, entry) in write.group.cells.iter().zip(&write.ranges) {
            let target = &mut self.targets[cell];
            if target.range.as_ref() == Some(&entry.range) {
                target.confirm(entry.value.clone(), write.sent);
            }
        }
        self.search.confirmed(&write.group);
        self.derive_all();
    }

    /// Google has refused a write because of this entry, the first bad one, or without saying why:
    /// the bad cell is set aside until `until`, as soon as it is found. When that takes too many
    /// writes, so are all that it is looked for among, and each is tried as soon as a probe may be.
    pub(super) fn refused(
        &mut self,
        write: &Write,
        entry: Option<usize>,
        text: &str,
        until: Instant,
    ) {
        let cells = &write.group.cells;
        let tab = |cell: usize| self.targets[cell].range.as_deref().map(a1::tab_of);
        let bad = entry.and_then(|entry| cells.get(entry)).map(|&cell| tab(cell));
        let suspicion = |cell: usize| Suspicion {
            is_new: !self.targets[cell].is_taken,
            is_near: bad.is_some_and(|bad| bad == tab(cell)),
        };
        let found = self.search.refused(&write.group, entry, text, suspicion);
        let refused = |cell| cells.iter().zip(&write.ranges).find(|(other, _)| **other == cell);
        if let Some((&cell, entry)) = found.and_then(refused)
            && self.targets[cell].range.as_ref() == Some(&entry.range)
        {
            self.set_aside([cell], text, until);
        }
        let mut suspects = self.search.slow_down();
        suspects.retain(|&cell| self.targets[cell].can_be_tried(write.sent));
        self.set_aside(suspects, text, write.sent);
        self.keep_aside();
    }

    /// Has the search forget the cells that are no longer set aside, as those of a tab that was
    /// renamed.
    fn keep_aside(&mut self) {
        let targets = &self.targets;
        self.search.keep_aside(|cell| targets[cell].quarantine.is_some());
    }

    fn set_aside(&mut self, cells: impl IntoIterator<Item = usize>, text: &str, until: Instant) {
        for cell in cells {
            self.targets[cell].set_aside(cell_failure(text), until);
        }
        self.derive_all();
    }

    /// Whether it is a matter of the spreadsheet and not of its cells that Google refuses them.
    pub(super) fn is_hopeless(&self) -> bool {
        self.search.is_hopeless(self.witness())
    }

    /// Takes back that cells were set aside one after the other: it is none of theirs.
    pub(super) fn absolve(&mut self) {
        let (text, cells) = self.search.give_up();
        let failure = cell_failure(&text);
        for cell in cells {
            self.targets[cell].quarantine.take_if(|(why, _)| *why == failure);
        }
        self.derive_all();
    }

    /// Whether there is a price, or another figure of a quote, in a write.
    pub(super) fn has_quotes(&self, write: &Write) -> bool {
        let is_quote = |&cell: &usize| self.targets[cell].standing().is_quote;
        write.group.cells.iter().any(is_quote)
    }

    /// A write may have been done or not, or may be done until `late`: its cells are written
    /// afresh, and go on being so.
    pub(super) fn ambiguous(&mut self, write: &Write, late: Instant) {
        for &cell in &write.group.cells {
            self.targets[cell].confirmed = None;
            self.targets[cell].late = Some(late);
        }
    }

    /// A write of somebody else's, of whichever cells, may be carried out until `late`. What is
    /// written afresh every minute lasts no longer anyway.
    pub(super) fn others_may_come_late(&mut self, late: Instant) {
        let rare = self.targets.iter_mut().filter(|target| target.is_rare());
        rare.for_each(|target| target.late = Some(late));
    }

    /// Some write, of whichever cells, may be carried out until `late`.
    pub(super) fn all_may_come_late(&mut self, late: Instant) {
        self.targets.iter_mut().for_each(|target| target.late = Some(late));
    }

    /// Has every cell written with the next write, changed or not.
    pub(super) fn all_afresh(&mut self) {
        self.targets.iter_mut().for_each(|target| target.afresh = true);
    }

    /// Whether a sheet with news has a cell that is known to have its price, or another figure of a
    /// quote, and that nothing stands in the way of.
    pub(super) fn has_healthy_cell(&self) -> bool {
        let news = self.sheets.iter().filter(|(sheet, _)| self.news.contains(sheet));
        let mut cells = news.flat_map(|(_, cells)| &self.targets[cells.clone()]);
        let is_well = |target: &Target| target.is_healthy() && target.confirmed.is_some();
        cells.any(|target| target.standing().is_quote && is_well(target))
    }

    /// Everything is as it should be, as far as it can be: what has come until now is no news.
    pub(super) fn settled(&mut self) {
        self.news.clear();
    }

    /// Whether Google has confirmed a value of every cell that could be written.
    pub(super) fn is_all_confirmed(&self) -> bool {
        let mut cells = self.targets.iter().filter(|target| target.can_be_written());
        cells.all(|target| target.confirmed.is_some())
    }

    /// Whether there is a cell that could be written as things are.
    pub(super) fn can_go_on(&self) -> bool {
        self.targets.iter().any(Target::can_be_written)
    }

    /// Whether a cell that was set aside is to be tried again.
    pub(super) fn probe_due(&self, now: Instant) -> bool {
        self.next_trial(now).is_some_and(|next| next <= now)
    }

    /// When to look for something to do again, should there be nothing now and no quote come.
    pub(super) fn next_attempt(&self, now: Instant) -> Option<Instant> {
        let trial = self.next_trial(now).map(|then| self.search.next_attempt(then, now));
        let there = self.targets.iter().filter(|target| target.can_be_written());
        let once_more = there.filter_map(Target::written_over).filter(|late| now < *late).min();
        trial.into_iter().chain(once_more).min()
    }

    /// When the first of the cells that were set aside is to be tried again.
    fn next_trial(&self, now: Instant) -> Option<Instant> {
        let wanting = |target: &&Target| target.absent.is_none() || target.is_wanting(now);
        let there = self.targets.iter().filter(wanting);
        there.filter_map(|target| target.quarantine.as_ref().map(|(_, until)| *until)).min()
    }

    /// How every cell is doing.
    pub(super) fn report(&self) -> Arc<[CellReport]> {
        self.targets.iter().map(Target::report).collect()
    }
}

/// Works out the cells of a sheet that follow from its others: when its oldest price was asked
/// for, and what is wrong.
fn derive(cells: &mut [Target], zone: Option<&TimeZone>) {
    let healthy = cells.iter().filter(|target| target.is_healthy());
    let oldest = healthy.filter_map(|target| target.quoted).min();
    let updated = oldest.and_then(|at| Some(CellValue::Number(date_time(at, zone?))));
    let tells = |target: &Target| target.content == CellContent::Problem;
    // Of thousands of sheets hardly any has a cell for it.
    let problem: Option<Arc<str>> = cells.iter().any(tells).then(|| {
        let others = cells.iter().filter(|target| !tells(target));
        problem::text(&others.map(Target::standing).collect::<Vec<_>>()).into()
    });
    for target in cells {
        match target.content {
            CellContent::Updated if updated.is_some() => target.wanted.clone_from(&updated),
            CellContent::Problem => target.wanted = problem.clone().map(CellValue::Text),
            _ => {}
        }
    }
}

#[cfg(any(test, fuzzing))]
pub(super) mod fuzzing;
#[cfg(test)]
mod tests;
