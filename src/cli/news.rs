//! How the demo's service is doing, gathered from its events, in words. Pure: no I/O; the time
//! comes in as an argument.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use ratesheet::{ActorName, Event, Failing, Fault, Next, Report, SpreadsheetReport};

/// The newest that are shown.
pub(super) const SHOWN: usize = 5;

/// What has happened, and what is wrong now.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) tick: u64,
    pub(super) writes: u64,
    pub(super) cells: u64,
    kraken: Option<Trouble>,
    google: Option<Trouble>,
    /// Who has failed and has not been heard of since.
    down: BTreeSet<ActorName>,
    items: VecDeque<Item>,
    /// How many items there have been.
    pub(super) told: usize,
}

/// Something that has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// How long after the start.
    pub(super) at: Duration,
    pub(super) mood: Mood,
    pub(super) text: String,
}

/// What an item means for whoever reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    Good,
    Bad,
    /// A person did that.
    Done,
}

/// Somebody who does not answer as they should.
#[derive(Debug)]
struct Trouble {
    since: Duration,
    attempts: u32,
}

impl News {
    /// Takes in an event.
    pub(super) fn hear(&mut self, event: &Event, at: Duration) {
        match event {
            Event::Report(Report::Schedule(_)) => self.alive(&ActorName::Schedule, at),
            Event::Report(Report::Kraken(report)) => {
                self.alive(&ActorName::Kraken, at);
                let before = self.kraken.take();
                self.kraken = self.follow("Kraken", before, report.failing.as_ref(), at);
            }
            Event::Report(Report::Spreadsheet(report)) => {
                self.alive(&ActorName::Sheets(report.spreadsheet.clone()), at);
                let before = self.google.take();
                self.google = self.follow("Google", before, report.failing.as_ref(), at);
                self.count(report);
            }
            Event::Fault(fault) => self.fault(fault, at),
            _ => {}
        }
    }

    /// Adds what a person does.
    pub(super) fn done(&mut self, text: String, at: Duration) {
        self.add(at, Mood::Done, text);
    }

    /// The newest that there have been since there were `told`.
    pub(super) fn since(&self, told: usize) -> impl Iterator<Item = &Item> {
        let new = self.told.saturating_sub(told);
        self.items.iter().skip(self.items.len().saturating_sub(new))
    }

    /// What is wrong at this time, in a few words.
    pub(super) fn wrong(&self, at: Duration) -> Option<String> {
        for (who, trouble) in [("Kraken", &self.kraken), ("Google", &self.google)] {
            let Some(Trouble { since, attempts }) = trouble else { continue };
            let seconds = at.saturating_sub(*since).as_secs();
            return Some(format!("{who} in trouble for {seconds} s, {attempts} attempts"));
        }
        let down = self.down.first()?;
        Some(format!("the {down} is down"))
    }

    fn follow(
        &mut self,
        who: &str,
        before: Option<Trouble>,
        failing: Option<&Failing>,
        at: Duration,
    ) -> Option<Trouble> {
        match (before, failing) {
            (None, None) => None,
            (None, Some(failing)) => {
                self.add(at, Mood::Bad, format!("{who}: {}", failing.failure.reason));
                Some(Trouble { since: at, attempts: failing.attempts })
            }
            (Some(before), Some(failing)) => Some(Trouble { attempts: failing.attempts, ..before }),
            (Some(before), None) => {
                let seconds = at.saturating_sub(before.since).as_secs();
                self.add(at, Mood::Good, format!("{who} answers again, after {seconds} s"));
                None
            }
        }
    }

    fn count(&mut self, report: &SpreadsheetReport) {
        // Counters survive a restart of their actor, and the demo has one spreadsheet.
        self.writes = report.writes;
        self.cells = report.cells_written;
        self.tick = self.tick.max(report.settled);
    }

    fn fault(&mut self, fault: &Fault, at: Duration) {
        let next = match fault.next {
            Next::Restart(wait) => format!("it is restarted in {} ms", wait.as_millis()),
            Next::Park(wait) => format!("it is left alone for {} s", wait.as_secs()),
            Next::GiveUp => "there is no use in going on".into(),
        };
        self.down.insert(fault.actor.clone());
        self.add(at, Mood::Bad, format!("{} {}; {next}", fault.actor, fault.exit));
    }

    /// Whoever reports lives.
    fn alive(&mut self, actor: &ActorName, at: Duration) {
        if self.down.remove(actor) {
            self.add(at, Mood::Good, format!("{actor} is at work again"));
        }
    }

    fn add(&mut self, at: Duration, mood: Mood, text: String) {
        self.told += 1;
        self.items.push_back(Item { at, mood, text });
        while self.items.len() > SHOWN {
            self.items.pop_front();
        }
    }
}
