//! Whether every spreadsheet succeeds, and what is told of those that do not.
//! Pure: no I/O, no clock, no randomness.
//!
//! What it takes to be ready: nothing waits for a person, and everything has succeeded lately. A
//! spreadsheet that cannot be written for a reason that only a person can mend is not ready at
//! once, nor is one with such a cell: what was asked for does not happen. Whatever may pass by
//! itself is told from the beginning, and held against it when it has lasted longer than its
//! patience.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::ledger::{Ledger, Moment};
use crate::{
    messages::{ActorName, Failure, SpreadsheetReport},
    supervisor::State,
};

/// The most lines that are told.
const MOST_LINES: usize = 100;

/// The most reasons that are told of why cells of one spreadsheet stand still.
const MOST_REASONS: usize = 10;

/// The most cells that are named in a line.
const MOST_CELLS: usize = 3;

/// The most of a line, in characters.
const LONGEST: usize = 1_000;

/// Whether everything succeeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Readiness {
    pub(super) verdict: Verdict,
    /// What does not succeed, one line each. There may be some even if all is ready: what has
    /// only just begun to fail.
    pub(super) lines: Vec<String>,
}

/// How it stands, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    Ready,
    /// Something has not succeeded yet, and nothing is wrong with it.
    Starting,
    NotReady,
}

impl Readiness {
    /// Not ready, for one reason.
    pub(super) fn not(reason: impl Into<String>) -> Self {
        Self { verdict: Verdict::NotReady, lines: vec![one_line(&reason.into())] }
    }

    fn add(&mut self, verdict: Verdict, line: String) {
        self.verdict = self.verdict.max(verdict);
        self.lines.push(one_line(&line));
    }

    /// All of it, for a person.
    pub(super) fn text(&self) -> String {
        let mut text = String::from(match self.verdict {
            Verdict::Ready if self.lines.is_empty() => "ready\n",
            Verdict::Ready => "ready, though not everything succeeds\n",
            Verdict::Starting => "starting\n",
            Verdict::NotReady => "not ready\n",
        });
        for line in self.lines.iter().take(MOST_LINES) {
            text.push_str(line);
            text.push('\n');
        }
        if let more @ 1.. = self.lines.len().saturating_sub(MOST_LINES) {
            text.push_str(&format!("and {more} more\n"));
        }
        text
    }
}

/// Judges by what is known `now`.
pub(super) fn judge(now: Instant, ledger: &Ledger) -> Readiness {
    match &ledger.status().state {
        State::Running => {}
        State::Stopped => return Readiness::not("the tree has been stopped"),
        State::Escalated(reason) => {
            return Readiness::not(format!("the tree has given up: {reason}"));
        }
    }
    let mut readiness = Readiness { verdict: Verdict::Ready, lines: Vec::new() };
    for (id, &patience) in ledger.patience() {
        Judged { ledger, now, id, patience }.judge(&mut readiness);
    }
    readiness
}

/// One spreadsheet.
struct Judged<'a> {
    ledger: &'a Ledger,
    now: Instant,
    id: &'a Arc<str>,
    patience: Duration,
}

impl Judged<'_> {
    fn judge(&self, readiness: &mut Readiness) {
        let status = self.ledger.status();
        if status.parked.contains(&ActorName::Sheets(Arc::clone(self.id))) {
            let told = "is left alone: its actor has failed too often, and is tried again later";
            readiness.add(Verdict::NotReady, format!("{} {told}", self.name()));
        }
        let before = readiness.lines.len();
        if let Some(report) = status.spreadsheets.get(self.id) {
            if let Some(failing) = &report.failing {
                let (name, since, attempts) = (self.name(), failing.since, failing.attempts);
                let what =
                    format!("{name} has not been written since {since:.0} (attempt {attempts})");
                self.add(readiness, &what, &failing.failure, false);
            }
            self.judge_cells(report, readiness);
        }
        let told = readiness.lines.get(before..).unwrap_or_default();
        let is_silent = told.is_empty();
        // What keeps the prices away is told, unless a cell's reason says so already.
        let kraken = status.kraken.failing.as_ref().map(|failing| &failing.failure);
        let kraken = kraken.filter(|why| !told.iter().any(|line| line.contains(&why.reason)));
        let why = kraken.map(|failure| format!(": {failure}")).unwrap_or_default();
        let name = self.name();
        match self.ledger.succeeded(self.id) {
            None if is_silent => readiness.add(Verdict::Starting, format!("{name}: starting{why}")),
            None if why.is_empty() => readiness.verdict = readiness.verdict.max(Verdict::Starting),
            None => readiness.add(Verdict::Starting, format!("{name}: no success yet{why}")),
            last @ Some(Moment { at, .. }) if self.lasts_too_long(last) => {
                readiness.add(Verdict::NotReady, format!("{name}: no success since {at:.0}{why}"));
            }
            Some(_) => {}
        }
    }

    /// The cells that stand still: those for one reason in one line.
    fn judge_cells(&self, report: &SpreadsheetReport, readiness: &mut Readiness) {
        let mut reasons: Vec<(&Failure, Vec<usize>)> = Vec::new();
        let mut places: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for (index, cell) in report.cells.iter().enumerate() {
            let Some(failure) = &cell.failing else { continue };
            let key = (failure.class.name(), failure.reason.as_str());
            let place = *places.entry(key).or_insert(reasons.len());
            match reasons.get_mut(place) {
                Some((_, cells)) => cells.push(index),
                None => reasons.push((failure, vec![index])),
            }
        }
        // What needs a person is told first.
        reasons.sort_by_key(|(failure, _)| !failure.class.is_permanent());
        for (failure, cells) in reasons.iter().take(MOST_REASONS) {
            let since = self.since(cells);
            let told = since.map(|since| format!(" since {:.0}", since.at)).unwrap_or_default();
            let cells = cell_names(report, cells);
            let what = format!("{}, {cells} not written{told}", self.name());
            self.add(readiness, &what, failure, self.lasts_too_long(since));
        }
        let rest = reasons.get(MOST_REASONS..).unwrap_or_default();
        if rest.is_empty() {
            return;
        }
        let bad = |(failure, cells): &(&Failure, Vec<usize>)| {
            failure.class.is_permanent() || self.lasts_too_long(self.since(cells))
        };
        let verdict = if rest.iter().any(bad) { Verdict::NotReady } else { Verdict::Ready };
        let cells: usize = rest.iter().map(|(_, cells)| cells.len()).sum();
        readiness.add(verdict, format!("{}: {cells} more cells stand still", self.name()));
    }

    /// Since when the first of some cells has been standing still.
    fn since(&self, cells: &[usize]) -> Option<Moment> {
        let since = |&index| self.ledger.still(&(Arc::clone(self.id), index));
        cells.iter().filter_map(since).min_by_key(|since| since.instant)
    }

    fn lasts_too_long(&self, since: Option<Moment>) -> bool {
        let lasts = since.map(|since| self.now.saturating_duration_since(since.instant));
        lasts.is_some_and(|lasts| lasts > self.patience)
    }

    /// Tells of a failure: what fails, since when, why, and what to do. Whole ids are nobody's
    /// business here.
    fn add(&self, readiness: &mut Readiness, what: &str, failure: &Failure, too_long: bool) {
        let permanent = failure.class.is_permanent();
        let verdict = if permanent || too_long { Verdict::NotReady } else { Verdict::Ready };
        let line = format!("{what}: {failure}");
        readiness.add(verdict, line.replace(&**self.id, &short(self.id)));
    }

    fn name(&self) -> String {
        format!("spreadsheet {}", short(self.id))
    }
}

/// The beginning of an id: enough to tell one's own apart.
fn short(id: &str) -> String {
    let short: String = id.chars().take(8).collect();
    format!("{short}…")
}

/// The first of some cells, and how many more there are.
fn cell_names(report: &SpreadsheetReport, cells: &[usize]) -> String {
    let named = cells.iter().take(MOST_CELLS).filter_map(|&index| report.cells.get(index));
    let named: Vec<&str> = named.map(|cell| &*cell.cell).collect();
    match (cells.len().saturating_sub(MOST_CELLS), named.as_slice()) {
        (0, [first @ .., last]) if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        (0, _) => named.concat(),
        (more, _) => format!("{} and {more} more", named.join(", ")),
    }
}

/// A text of whatever origin, on one line.
fn one_line(text: &str) -> String {
    let cut = text.char_indices().nth(LONGEST).map_or(text.len(), |(at, _)| at);
    text[..cut].chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests;
