//! What is to be in each cell of one spreadsheet, what is known to be there, and so what to
//! write next. Pure: no I/O, no clock, no randomness.
//!
//! This is conflation: a newer quote takes the place of an older one, and a write is made of
//! whatever is newest when it begins. A write that failed is never sent again; the next one is
//! made anew.

mod value;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use jiff::{Timestamp, tz::TimeZone};
use tokio::time::Instant;

use self::value::{date_time, value_of};
use super::{
    a1,
    config::{SheetConfig, Tab, one_tab},
    error::cell_failure,
    problem::{self, Standing},
    wire::{self, Properties, ValueRange},
};
use crate::{
    messages::{CellContent, CellReport, CellValue, Failure, FailureClass, QuoteBatch, SheetIndex},
    quote::QuoteField,
    sheets::{CellRef, locate},
};

/// Every cell is written at least this often, changed or not, so that what somebody typed over
/// it does not stay.
const AFRESH: Duration = Duration::from_secs(60);

/// The cells of one spreadsheet.
#[derive(Debug)]
pub(super) struct Plan {
    targets: Vec<Target>,
    every: BTreeMap<SheetIndex, Duration>,
    /// The spreadsheet's time zone; no time is told before it is known.
    zone: Option<TimeZone>,
    /// Groups of cells that are written by themselves, to find the one that Google refuses.
    suspects: VecDeque<Vec<usize>>,
    /// Why the last cells were set aside, one after the other, and how many they were.
    alike: Option<(String, u32)>,
    /// How far apart the writes are that probe cells that were set aside, and when the next is.
    between_probes: Duration,
    next_probe: Option<Instant>,
}

/// One cell.
#[derive(Debug)]
struct Target {
    sheet: SheetIndex,
    tab: Tab,
    cell: CellRef,
    name: Arc<str>,
    content: CellContent,
    /// Where it is, in Google's words; unknown until the tab has been found.
    range: Option<String>,
    wanted: Option<CellValue>,
    /// When the quote behind it was asked for.
    quoted: Option<Timestamp>,
    /// What Google has confirmed, and when that was sent. Nothing after an outcome that could be
    /// either.
    confirmed: Option<(CellValue, Instant)>,
    /// Whether it is to be written although it is as wanted.
    afresh: bool,
    /// Until when a write that was never answered may still be carried out.
    late: Option<Instant>,
    /// Why there is no value for it.
    absent: Option<Failure>,
    /// Why it cannot be written, and when to try again.
    quarantine: Option<(Failure, Instant)>,
}

/// A write: some cells and their values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Write {
    cells: Vec<usize>,
    pub(super) ranges: Vec<ValueRange>,
    sent: Instant,
}

impl Plan {
    /// A plan for these sheets, all of one spreadsheet. However many cells are set aside, the
    /// writes that probe them are so far apart.
    pub(super) fn new(sheets: &[(SheetIndex, SheetConfig)], between_probes: Duration) -> Self {
        let only = one_tab(sheets.iter().map(|(_, sheet)| sheet));
        let targets = sheets.iter().flat_map(|(index, sheet)| {
            let quotes = sheet.cells.iter().map(|mapping| {
                (&mapping.cell, CellContent::Quote(mapping.pair.clone(), mapping.field))
            });
            let updated = sheet.updated.iter().map(|cell| (cell, CellContent::Updated));
            let problem = sheet.problem.iter().map(|cell| (cell, CellContent::Problem));
            let all = quotes.chain(updated).chain(problem);
            all.map(move |(cell, content)| Target::new(*index, &sheet.tab, only, cell, content))
        });
        Self {
            targets: targets.collect(),
            every: sheets.iter().map(|(index, sheet)| (*index, sheet.every)).collect(),
            zone: None,
            suspects: VecDeque::new(),
            alike: None,
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

    /// Finds every cell's tab, and sets aside the cells that have none. `until` is when those are
    /// looked for again.
    pub(super) fn locate(&mut self, properties: &Properties, until: Instant) {
        let zone = locate::zone(properties);
        self.zone = zone.as_ref().ok().map(|&zone| zone.clone());
        let mut taken = BTreeMap::new();
        for target in &mut self.targets {
            if let Ok(zone) = &zone {
                target.tell_time(zone);
            }
            let told = if target.tells_time() { zone.clone().map(drop) } else { Ok(()) };
            let found = told
                .and_then(|()| locate::range(&target.cell, &target.tab, properties))
                .and_then(|range| match taken.insert(range.clone(), Arc::clone(&target.name)) {
                    None => Ok(range),
                    Some(other) => {
                        let text = format!("it is the same cell as {other}");
                        Err((text, "Give each price a cell of its own".into()))
                    }
                });
            match found {
                Ok(range) => {
                    // What was set aside for want of its tab is well again; what Google refused
                    // stays aside until its time.
                    if target.range.is_none() {
                        target.quarantine = None;
                    }
                    target.range = Some(range);
                }
                Err((reason, remedy)) => {
                    let failure = Failure { class: FailureClass::Cell, reason, remedy };
                    target.range = None;
                    target.quarantine = Some((failure, until));
                }
            }
        }
        self.derive_all();
    }

    /// Does without the spreadsheet's properties, which are not to be had because of `failure`,
    /// as far as that goes: with the cells whose tab is given by its title, and that tell no
    /// time. The others stand still until `until`.
    pub(super) fn locate_blindly(&mut self, failure: &Failure, until: Instant) {
        let no_zone = self.zone.is_none();
        for target in self.targets.iter_mut().filter(|target| target.range.is_none()) {
            let range = match (&target.cell, &target.tab) {
                (cell, Tab::Title(title)) => Some(cell.range(title)),
                (cell @ (CellRef::Named(_) | CellRef::Cell { tab: Some(_), .. }), _) => {
                    Some(cell.range(""))
                }
                _ => None,
            };
            match range.filter(|_| !(no_zone && target.tells_time())) {
                Some(range) if target.quarantine.is_none() => target.range = Some(range),
                // It was set aside for a reason of its own, or cannot be written at all.
                Some(_) => {}
                None => target.quarantine = Some((failure.clone(), until)),
            }
        }
        self.derive_all();
    }

    fn derive_all(&mut self) {
        let sheets: Vec<_> = self.sheets().collect();
        sheets.into_iter().for_each(|sheet| self.derive(sheet));
    }

    /// The write that is due now, if any.
    pub(super) fn render(&mut self, now: Instant) -> Option<Write> {
        let cells = self.due_cells(now);
        let entry = |&cell: &usize| {
            let target = &self.targets[cell];
            let (range, value) = (target.range.clone()?, target.wanted.clone()?);
            Some((cell, ValueRange { range, value }))
        };
        let (cells, ranges): (Vec<_>, Vec<_>) = cells.iter().filter_map(entry).unzip();
        (!cells.is_empty()).then_some(Write { cells, ranges, sent: now })
    }

    /// Whether there is something to write now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let may_probe = self.may_probe(now);
        let due =
            |target: &Target| target.is_due(now) && (may_probe || target.quarantine.is_none());
        self.targets.iter().any(due)
    }

    fn may_probe(&self, now: Instant) -> bool {
        self.next_probe.is_none_or(|next| next <= now)
    }

    fn due_cells(&mut self, now: Instant) -> Vec<usize> {
        let targets = &self.targets;
        let due = |cell: &usize| targets[*cell].is_due(now);
        while let Some(group) = self.suspects.front() {
            let cells: Vec<usize> = group.iter().copied().filter(due).collect();
            if !cells.is_empty() {
                return cells;
            }
            self.suspects.pop_front();
        }
        // What was set aside is tried by itself, so that it holds up nothing else. Where the budget
        // is so small that something else is always due, its turn comes all the same.
        let (aside, well): (Vec<_>, Vec<_>) =
            (0..targets.len()).filter(due).partition(|&cell| targets[cell].quarantine.is_some());
        let overdue = |cell: &usize| targets[*cell].probe_overdue(now, self.between_probes);
        let its_turn = well.is_empty() || aside.iter().any(overdue);
        if aside.is_empty() || !its_turn || !self.may_probe(now) {
            return well;
        }
        self.next_probe = Some(now + self.between_probes);
        aside
    }

    /// Google has confirmed a write.
    pub(super) fn confirmed(&mut self, write: &Write) {
        for (&cell, entry) in write.cells.iter().zip(&write.ranges) {
            let target = &mut self.targets[cell];
            target.confirmed = Some((entry.value.clone(), write.sent));
            target.afresh = false;
            target.quarantine = None;
        }
        self.suspects.pop_front();
        self.alike = None;
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

    /// Google has refused a write because of this entry, the first bad one: its cell is set aside
    /// until `until`, and those before it, which are good, are written before those behind it.
    pub(super) fn rejected(&mut self, write: &Write, entry: usize, text: &str, until: Instant) {
        let Some(&cell) = write.cells.get(entry) else {
            self.refused(write, text, until);
            return;
        };
        self.set_aside(cell, text, until);
        self.suspects.pop_front(); // it was the group in front, if there is one
        // What is wrong with a cell is often wrong with its tab: the other tabs go first.
        let (before, behind) = write.cells.split_at(entry);
        let tab = |cell: usize| self.targets[cell].range.as_deref().map(a1::tab_of);
        let (same, other): (Vec<usize>, Vec<usize>) =
            behind[1..].iter().partition(|&&other| tab(other) == tab(cell));
        for group in [same, other, before.to_vec()] {
            if !group.is_empty() {
                self.suspects.push_front(group);
            }
        }
    }

    /// Google has refused a write without saying why: it is halved, and each half written by
    /// itself, until the cell is found.
    pub(super) fn refused(&mut self, write: &Write, text: &str, until: Instant) {
        match write.cells.as_slice() {
            [] => {}
            [cell] => {
                let alike = self.alike.take().filter(|(last, _)| last == text);
                self.alike = Some((text.to_owned(), alike.map_or(1, |(_, count)| count + 1)));
                self.set_aside(*cell, text, until);
            }
            cells => {
                let (left, right) = cells.split_at(cells.len() / 2);
                self.suspects.pop_front(); // it was the group in front, if there is one
                self.suspects.push_front(right.to_vec());
                self.suspects.push_front(left.to_vec());
            }
        }
    }

    /// Whether Google refuses one cell after the other for this same reason: then it is a matter
    /// of the spreadsheet and not of the cells.
    pub(super) fn is_hopeless(&self, text: &str) -> bool {
        /// So many in a row are no accident.
        const IN_A_ROW: u32 = 4;
        self.alike.as_ref().is_some_and(|(last, count)| last == text && *count >= IN_A_ROW)
    }

    /// Takes back that cells were set aside for this reason.
    pub(super) fn absolve(&mut self, text: &str) {
        self.alike = None;
        self.suspects.clear();
        for target in &mut self.targets {
            let text = wire::without_entry(text);
            let same = |(failure, _): &mut (Failure, Instant)| failure.reason.ends_with(text);
            target.quarantine.take_if(same);
        }
        self.derive_all();
    }

    fn set_aside(&mut self, cell: usize, text: &str, until: Instant) {
        let target = &mut self.targets[cell];
        target.quarantine = Some((cell_failure(text), until));
        let sheet = target.sheet;
        self.derive(sheet);
    }

    /// Whether there is a cell that nothing stands in the way of.
    pub(super) fn has_healthy_cell(&self) -> bool {
        self.targets.iter().any(|t| t.is_healthy() && t.content != CellContent::Problem)
    }

    /// Whether a cell that was set aside is to be tried again.
    pub(super) fn probe_due(&self, now: Instant) -> bool {
        let due = |target: &Target| {
            target.absent.is_none()
                && target.quarantine.as_ref().is_some_and(|(_, until)| *until <= now)
        };
        self.targets.iter().any(due)
    }

    /// How every cell is doing.
    pub(super) fn report(&self) -> Arc<[CellReport]> {
        let report = |target: &Target| CellReport {
            sheet: target.sheet,
            cell: Arc::clone(&target.name),
            content: target.content.clone(),
            written: target.confirmed.as_ref().map(|(value, _)| value.clone()),
            failing: target.failure().cloned(),
        };
        self.targets.iter().map(report).collect()
    }
}

impl Target {
    fn new(sheet: SheetIndex, tab: &Tab, only: bool, cell: &CellRef, content: CellContent) -> Self {
        Self {
            sheet,
            tab: tab.clone(),
            cell: cell.clone(),
            name: tab.cell_name(cell, only).into(),
            content,
            range: None,
            wanted: None,
            quoted: None,
            confirmed: None,
            afresh: false,
            late: None,
            absent: None,
            quarantine: None,
        }
    }

    fn apply(&mut self, batch: &QuoteBatch, zone: Option<&TimeZone>) {
        let CellContent::Quote(pair, field) = &self.content else { return };
        let value = match (batch.quotes.get(pair), batch.missing.get(pair)) {
            (Some(quote), _) => value_of(quote, pair, *field, zone),
            (None, Some(failure)) => Err(failure.clone()),
            (None, None) => return,
        };
        match value {
            Ok(number) => {
                self.wanted = number.map(CellValue::Number);
                self.quoted = batch.quotes.get(pair).map(|quote| quote.at);
                self.absent = None;
            }
            Err(failure) => self.absent = Some(failure),
        }
    }

    fn tells_time(&self) -> bool {
        matches!(self.content, CellContent::Updated | CellContent::Quote(_, QuoteField::Time))
    }

    /// Tells the time of its quote in the time zone that the spreadsheet is now known to have.
    fn tell_time(&mut self, zone: &TimeZone) {
        if let (CellContent::Quote(_, QuoteField::Time), Some(at)) = (&self.content, self.quoted) {
            self.wanted = Some(CellValue::Number(date_time(at, zone)));
        }
    }

    fn failure(&self) -> Option<&Failure> {
        self.quarantine.as_ref().map(|(failure, _)| failure).or(self.absent.as_ref())
    }

    fn standing(&self) -> Standing<'_> {
        let is_quote = matches!(self.content, CellContent::Quote(..));
        Standing { cell: &self.cell, is_quote, failure: self.failure() }
    }

    fn is_healthy(&self) -> bool {
        self.absent.is_none() && self.quarantine.is_none()
    }

    /// Whether it was to be tried again so long ago.
    fn probe_overdue(&self, now: Instant, long: Duration) -> bool {
        self.quarantine.as_ref().is_some_and(|(_, until)| *until + long <= now)
    }

    /// Has it written afresh if it would be too old by the next tick.
    fn age(&mut self, now: Instant, every: Duration) {
        if let Some((_, sent)) = &self.confirmed {
            let late = self.late.is_some_and(|late| now < late);
            self.afresh |= late || now.saturating_duration_since(*sent) + every > AFRESH;
        }
    }

    /// Whether it is to be written now: it has a value that Google has not confirmed, or is to
    /// be written afresh.
    fn is_due(&self, now: Instant) -> bool {
        let set_aside = self.quarantine.as_ref().is_some_and(|(_, until)| now < *until);
        if set_aside || self.absent.is_some() || self.range.is_none() {
            return false;
        }
        match (&self.wanted, &self.confirmed) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(wanted), Some((value, _))) => self.afresh || wanted != value,
        }
    }
}

#[cfg(any(test, fuzzing))]
pub(super) mod fuzzing;
#[cfg(test)]
mod tests;
