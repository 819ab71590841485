//! One cell of a plan: what is to be in it, what is known to be there, and why it stands still.
//! Pure: no I/O, no clock, no randomness.

use std::{sync::Arc, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use tokio::time::Instant;

use super::value::{date_time, value_of};
use crate::{
    messages::{CellContent, CellReport, CellValue, Failure, FailureClass, QuoteBatch, SheetIndex},
    quote::QuoteField,
    sheets::{CellRef, SheetConfig, config::Tab, locate::Sought, problem::Standing},
};

/// Every cell is written at least this often, or with every tick of a sheet whose ticks are rarer,
/// changed or not, so that what somebody typed over it does not stay.
const AFRESH: Duration = Duration::from_secs(60);

/// One cell.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) sheet: SheetIndex,
    /// From one tick of its sheet to the next.
    every: Duration,
    pub(super) tab: Tab,
    pub(super) cell: CellRef,
    pub(super) name: Arc<str>,
    pub(super) content: CellContent,
    /// Where it is, in Google's words; unknown until the tab has been found.
    pub(super) range: Option<String>,
    pub(super) wanted: Option<CellValue>,
    /// When the quote behind it was asked for.
    pub(super) quoted: Option<Timestamp>,
    /// What Google has confirmed, and when that was sent. Nothing after an outcome that could be
    /// either.
    pub(super) confirmed: Option<(CellValue, Instant)>,
    /// Whether Google has ever taken it where it is.
    pub(super) is_taken: bool,
    /// Whether it is to be written although it is as wanted.
    pub(super) afresh: bool,
    /// Until when a write that was never answered may still be carried out.
    pub(super) late: Option<Instant>,
    /// Why there is no value for it.
    pub(super) absent: Option<Failure>,
    /// Why it cannot be written, and when to try again.
    pub(super) quarantine: Option<(Failure, Instant)>,
}

impl Target {
    pub(super) fn new(
        index: SheetIndex,
        sheet: &SheetConfig,
        only: bool,
        cell: &CellRef,
        content: CellContent,
    ) -> Self {
        let SheetConfig { tab, every, .. } = sheet;
        Self {
            sheet: index,
            every: *every,
            tab: tab.clone(),
            cell: cell.clone(),
            name: tab.cell_name(cell, only).into(),
            content,
            range: None,
            wanted: None,
            quoted: None,
            confirmed: None,
            is_taken: false,
            afresh: false,
            late: None,
            absent: None,
            quarantine: None,
        }
    }

    pub(super) fn apply(&mut self, batch: &QuoteBatch, zone: Option<&TimeZone>) {
        let CellContent::Quote(pair, field) = &self.content else { return };
        if let Some(quote) = batch.quotes.get(pair) {
            match value_of(quote, pair, *field, zone) {
                Ok(number) => {
                    self.wanted = number.map(CellValue::Number);
                    self.quoted = Some(quote.at);
                    self.absent = None;
                }
                Err(failure) => self.absent = Some(failure),
            }
        }
        // Of a pair that has none any more it may be the last that there was.
        if let Some(failure) = batch.missing.get(pair) {
            self.absent = Some(failure.clone());
        }
    }

    /// What to look for.
    pub(super) fn sought(&self) -> Sought<'_> {
        Sought { cell: &self.cell, tab: &self.tab, name: &self.name, content: &self.content }
    }

    /// Takes in where it is, or why it is nowhere, which is looked at again at `until`.
    pub(super) fn place(&mut self, place: Result<String, Failure>, until: Instant) {
        match place {
            Ok(range) => {
                // What was nowhere, or elsewhere, is well again; what Google refused where it is
                // stays aside until its time.
                if self.range.as_ref() != Some(&range) {
                    self.quarantine = None;
                    // What is known to be there is where it was.
                    self.confirmed = None;
                    self.is_taken = false;
                }
                self.range = Some(range);
            }
            Err(failure) => {
                self.range = None;
                self.quarantine = Some((failure, until));
            }
        }
    }

    /// Takes in that Google has confirmed this, which was sent then.
    pub(super) fn confirm(&mut self, value: CellValue, sent: Instant) {
        self.confirmed = Some((value, sent));
        self.is_taken = true;
        self.afresh = false;
        self.quarantine = None;
    }

    /// Takes in that Google refuses it where it is, which is looked at again at `until`.
    pub(super) fn set_aside(&mut self, failure: Failure, until: Instant) {
        self.quarantine = Some((failure, until));
        self.is_taken = false;
    }

    /// Takes in that it is not to be had for now where it is, because of `failure`, which is
    /// looked at again at `until`. Whether that is why it stands still: what an earlier reading
    /// found to be wrong with the cell itself says more.
    pub(super) fn miss(&mut self, failure: &Failure, until: Instant) -> bool {
        let known = self.quarantine.take().filter(|(why, _)| why.class == FailureClass::Cell);
        let is_lost = known.is_none();
        let why = known.map_or_else(|| failure.clone(), |(why, _)| why);
        self.quarantine = Some((why, until));
        is_lost
    }

    /// Tells the time of its quote in the time zone that the spreadsheet is now known to have.
    pub(super) fn tell_time(&mut self, zone: &TimeZone) {
        if let (CellContent::Quote(_, QuoteField::Time), Some(at)) = (&self.content, self.quoted) {
            self.wanted = Some(CellValue::Number(date_time(at, zone)));
        }
    }

    /// How it is doing.
    pub(super) fn report(&self) -> CellReport {
        CellReport {
            sheet: self.sheet,
            cell: Arc::clone(&self.name),
            content: self.content.clone(),
            written: self.confirmed.as_ref().map(|(value, _)| value.clone()),
            failing: self.failure().cloned(),
        }
    }

    pub(super) fn failure(&self) -> Option<&Failure> {
        self.quarantine.as_ref().map(|(failure, _)| failure).or(self.absent.as_ref())
    }

    pub(super) fn standing(&self) -> Standing<'_> {
        let is_quote = matches!(self.content, CellContent::Quote(..));
        Standing { cell: &self.cell, is_quote, failure: self.failure() }
    }

    pub(super) fn is_healthy(&self) -> bool {
        self.absent.is_none() && self.quarantine.is_none()
    }

    /// Whether it could be written, changed or not: nothing stands in the way.
    pub(super) fn can_be_written(&self) -> bool {
        self.quarantine.is_none() && self.range.is_some() && self.wanted.is_some()
    }

    /// Whether it could be written, and has something to be written for.
    pub(super) fn can_be_tried(&self, now: Instant) -> bool {
        self.can_be_written() && (self.absent.is_none() || self.is_wanting(now))
    }

    /// Whether it was to be tried again so long ago.
    pub(super) fn probe_overdue(&self, now: Instant, long: Duration) -> bool {
        self.quarantine.as_ref().is_some_and(|(_, until)| *until + long <= now)
    }

    /// Until when a write that was never answered may be carried out after the one that was
    /// confirmed.
    fn overtaken(&self) -> Option<Instant> {
        let (_, sent) = self.confirmed.as_ref()?;
        self.late.filter(|late| sent < late)
    }

    /// When it is to be written once more for that, unless there is a tick before long.
    pub(super) fn written_over(&self) -> Option<Instant> {
        self.overtaken().filter(|_| self.is_rare())
    }

    /// Whether its ticks alone do not have it written afresh often enough.
    pub(super) fn is_rare(&self) -> bool {
        self.every > AFRESH
    }

    /// Has it written afresh if it would be too old by the next tick.
    pub(super) fn age(&mut self, now: Instant) {
        if let Some((_, sent)) = &self.confirmed {
            self.afresh |= self.overtaken().is_some()
                || now.saturating_duration_since(*sent) + self.every > AFRESH;
        }
    }

    /// Whether it is to be written now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let set_aside = self.quarantine.as_ref().is_some_and(|(_, until)| now < *until);
        !set_aside && self.range.is_some() && self.is_wanting(now)
    }

    /// Whether it has a value that Google has not confirmed, or is to be written afresh. While
    /// there is no newer value for it, that is done for nothing but a write that may come late.
    pub(super) fn is_wanting(&self, now: Instant) -> bool {
        match (&self.wanted, &self.confirmed) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(wanted), Some((value, _))) => {
                let once_more = self.written_over().is_some_and(|late| late <= now);
                let afresh = self.afresh && (self.absent.is_none() || self.overtaken().is_some());
                afresh || once_more || wanted != value
            }
        }
    }
}
