//! What is to be in each cell of one spreadsheet, what is known to be there, and so what to
//! write next. Pure: no I/O, no clock, no randomness.
//!
//! This is conflation: a newer quote takes the place of an older one, and a write is made of
//! whatever is newest when it begins. A write that failed is never sent again; the next one is
//! made anew.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use jiff::{Timestamp, tz::TimeZone};
use tokio::time::Instant;

use super::{
    config::{SheetConfig, Tab},
    error::cell_failure,
    wire::{Properties, ValueRange},
};
use crate::{
    messages::{CellContent, CellReport, CellValue, Failure, FailureClass, QuoteBatch, SheetIndex},
    quote::{AssetPair, Quote, QuoteField},
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
    zone: TimeZone,
    /// Groups of cells that are written by themselves, to find the one that Google refuses.
    suspects: VecDeque<Vec<usize>>,
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
    /// A plan for these sheets, all of one spreadsheet.
    pub(super) fn new(sheets: &[(SheetIndex, SheetConfig)]) -> Self {
        let targets = sheets.iter().flat_map(|(index, sheet)| {
            let quotes = sheet.cells.iter().map(|mapping| {
                (&mapping.cell, CellContent::Quote(mapping.pair.clone(), mapping.field))
            });
            let updated = sheet.updated.iter().map(|cell| (cell, CellContent::Updated));
            let problem = sheet.problem.iter().map(|cell| (cell, CellContent::Problem));
            let all = quotes.chain(updated).chain(problem);
            all.map(|(cell, content)| Target::new(*index, &sheet.tab, cell, content))
        });
        Self {
            targets: targets.collect(),
            every: sheets.iter().map(|(index, sheet)| (*index, sheet.every)).collect(),
            zone: TimeZone::UTC,
            suspects: VecDeque::new(),
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
            target.apply(batch, &zone);
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
        let updated = oldest.map(|at| CellValue::Number(date_time(at, &self.zone)));
        let problem = problem_text(own());
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
        self.zone = properties.zone.clone();
        for target in &mut self.targets {
            target.tell_time(&self.zone);
            match locate::range(&target.cell, &target.tab, properties) {
                Ok(range) => {
                    // What was set aside for want of its tab is well again; what Google refused
                    // stays aside until its time.
                    if target.range.is_none() {
                        target.quarantine = None;
                    }
                    target.range = Some(range);
                }
                Err((text, remedy)) => {
                    let failure = Failure {
                        class: FailureClass::Cell,
                        reason: format!("cell {} cannot be written: {text}", target.cell),
                        remedy,
                    };
                    target.range = None;
                    target.quarantine = Some((failure, until));
                }
            }
        }
        self.derive_all();
    }

    /// Does without the spreadsheet's properties, as far as that goes: with the cells whose tab
    /// is given by its title.
    pub(super) fn locate_blindly(&mut self) {
        for target in self.targets.iter_mut().filter(|target| target.range.is_none()) {
            target.range = match (&target.cell, &target.tab) {
                (cell, Tab::Title(title)) => Some(cell.range(title)),
                (cell @ (CellRef::Named(_) | CellRef::Cell { tab: Some(_), .. }), _) => {
                    Some(cell.range(""))
                }
                _ => None,
            };
        }
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
        self.targets.iter().any(|target| target.is_due(now))
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
        (0..targets.len()).filter(due).collect()
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
        self.derive_all();
    }

    /// A write may have been done or not: its cells are written afresh.
    pub(super) fn ambiguous(&mut self, write: &Write) {
        for &cell in &write.cells {
            self.targets[cell].confirmed = None;
        }
    }

    /// Google has refused a write because of this entry: its cell is set aside until `until`.
    pub(super) fn rejected(&mut self, write: &Write, entry: usize, text: &str, until: Instant) {
        match write.cells.get(entry) {
            Some(&cell) => self.set_aside(cell, text, until),
            None => self.refused(write, text, until),
        }
    }

    /// Google has refused a write without saying why: it is halved, and each half written by
    /// itself, until the cell is found.
    pub(super) fn refused(&mut self, write: &Write, text: &str, until: Instant) {
        match write.cells.as_slice() {
            [] => {}
            [cell] => self.set_aside(*cell, text, until),
            cells => {
                let (left, right) = cells.split_at(cells.len() / 2);
                self.suspects.pop_front(); // it was the group in front, if there is one
                self.suspects.push_front(right.to_vec());
                self.suspects.push_front(left.to_vec());
            }
        }
    }

    fn set_aside(&mut self, cell: usize, text: &str, until: Instant) {
        let target = &mut self.targets[cell];
        let name = target.cell.to_string();
        target.quarantine = Some((cell_failure(&name, text), until));
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
    fn new(sheet: SheetIndex, tab: &Tab, cell: &CellRef, content: CellContent) -> Self {
        let name = match tab {
            Tab::Title(title) => cell.range(title),
            _ => cell.to_string(),
        };
        Self {
            sheet,
            tab: tab.clone(),
            cell: cell.clone(),
            name: name.into(),
            content,
            range: None,
            wanted: None,
            quoted: None,
            confirmed: None,
            afresh: false,
            absent: None,
            quarantine: None,
        }
    }

    fn apply(&mut self, batch: &QuoteBatch, zone: &TimeZone) {
        let CellContent::Quote(pair, field) = &self.content else { return };
        let value = match (batch.quotes.get(pair), batch.missing.get(pair)) {
            (Some(quote), _) => value_of(quote, pair, *field, zone),
            (None, Some(failure)) => Err(failure.clone()),
            (None, None) => return,
        };
        match value {
            Ok(number) => {
                self.wanted = Some(CellValue::Number(number));
                self.quoted = batch.quotes.get(pair).map(|quote| quote.at);
                self.absent = None;
            }
            Err(failure) => self.absent = Some(failure),
        }
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

    fn is_healthy(&self) -> bool {
        self.absent.is_none() && self.quarantine.is_none()
    }

    /// Has it written afresh if it would be too old by the next tick.
    fn age(&mut self, now: Instant, every: Duration) {
        if let Some((_, sent)) = &self.confirmed {
            self.afresh |= now.saturating_duration_since(*sent) + every > AFRESH;
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

/// The number that a field of a quote is in a cell.
fn value_of(
    quote: &Quote,
    pair: &AssetPair,
    field: QuoteField,
    zone: &TimeZone,
) -> Result<f64, Failure> {
    if field == QuoteField::Time {
        return Ok(date_time(quote.at, zone));
    }
    let none = || Failure {
        class: FailureClass::Pair,
        reason: format!("Kraken states no {field} for {pair} at present"),
        remedy: String::new(),
    };
    // By way of its text, a decimal becomes the double that is nearest to it.
    let number = quote.number(field).ok_or_else(none)?;
    number.to_string().parse().ok().filter(|number: &f64| number.is_finite()).ok_or_else(none)
}

/// A moment as a spreadsheet's date-time number: days since 30 December 1899, 00:00, in the
/// spreadsheet's time zone
/// (<https://developers.google.com/workspace/sheets/api/guides/formats#about_date_time_values>).
fn date_time(at: Timestamp, zone: &TimeZone) -> f64 {
    const UNIX_EPOCH: f64 = 25_569.0;
    const SECONDS: f64 = 86_400.0;
    let offset = zone.to_offset(at).seconds();
    #[allow(clippy::cast_precision_loss)] // milliseconds since 1970 fit a double's 53 bits
    let seconds = at.as_millisecond() as f64 / 1_000.0;
    UNIX_EPOCH + (seconds + f64::from(offset)) / SECONDS
}

/// What is wrong with a sheet, in one sentence of a fixed alphabet; nothing while all is well.
fn problem_text<'a>(targets: impl Iterator<Item = &'a Target>) -> Arc<str> {
    let quotes: Vec<&Target> =
        targets.filter(|target| target.content != CellContent::Problem).collect();
    let failing: Vec<(&Target, &Failure)> =
        quotes.iter().filter_map(|target| Some((*target, target.failure()?))).collect();
    let Some((first, failure)) = failing.first() else { return "".into() };
    let all = failing.len() > 1
        && failing.len() == quotes.iter().filter(|t| t.content != CellContent::Updated).count()
        && failing.iter().all(|(_, other)| other == failure);
    let whose = if all { "All cells".to_owned() } else { format!("Cell {}", first.cell) };
    let others = match failing.len() - 1 {
        0 => String::new(),
        _ if all => String::new(),
        1 => " One other cell fails too.".to_owned(),
        more => format!(" {more} other cells fail too."),
    };
    let prefix = format!("cell {} cannot be written: ", first.cell);
    let reason = failure.reason.strip_prefix(&prefix).unwrap_or(&failure.reason);
    let remedy =
        if failure.remedy.is_empty() { String::new() } else { format!(" {}.", failure.remedy) };
    plain(&format!("{whose}: {reason}.{remedy}{others}")).into()
}

/// Everything but letters, digits, blanks and a few marks becomes a question mark.
fn plain(text: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || " .,:;'!?/()-_%&$".contains(c);
    text.chars().map(|c| if allowed(c) { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests;
