//! Reports in, status out: how everybody is doing. Pure: no I/O, no clock, no randomness.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tokio::time::Instant;

use crate::{
    config::Config,
    messages::{ActorName, Fault, KrakenReport, Next, Report, ScheduleReport, SpreadsheetReport},
};

/// How the whole tree is doing.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Status {
    /// Whether it is at work.
    pub state: State,
    /// What it goes by.
    pub config: Arc<Config>,
    /// How the ScheduleActor is doing.
    pub schedule: ScheduleReport,
    /// How the KrakenActor is doing.
    pub kraken: KrakenReport,
    /// How each spreadsheet is doing, by its id, as soon as it has been dealt with once.
    pub spreadsheets: BTreeMap<Arc<str>, SpreadsheetReport>,
    /// How often each actor has been restarted, if it has; not counted is who is begun anew after
    /// it was left alone.
    pub restarts: BTreeMap<ActorName, u64>,
    /// The actors that have failed too often, and have reported nothing since: each is tried again
    /// after `supervision.park`.
    pub parked: BTreeSet<ActorName>,
}

/// Whether the tree is at work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It is.
    #[default]
    Running,
    /// It has been stopped.
    Stopped,
    /// It has given up, for this reason.
    Escalated(String),
}

/// Collects the reports.
#[derive(Debug, Default)]
pub(super) struct Board {
    status: Status,
    spreadsheets: usize,
    /// Until when nobody tries the actors that are left alone.
    alone_until: BTreeMap<ActorName, Instant>,
}

impl Board {
    /// A board for a tree with so many spreadsheets.
    pub(super) fn new(spreadsheets: usize) -> Self {
        Self { spreadsheets, ..Self::default() }
    }

    /// The board of a tree that goes by `config`.
    pub(super) fn of(self, config: Arc<Config>) -> Self {
        Self { status: Status { config, ..self.status }, ..self }
    }

    pub(super) const fn status(&self) -> &Status {
        &self.status
    }

    pub(super) fn set_state(&mut self, state: State) {
        self.status.state = state;
    }

    /// Takes in a report: it takes the place of the one before.
    pub(super) fn report(&mut self, report: &Report) {
        match report {
            Report::Schedule(report) => self.status.schedule = *report,
            Report::Kraken(report) => self.status.kraken = report.clone(),
            Report::Spreadsheet(report) => {
                // Who reports is not parked any more.
                let actor = ActorName::Sheets(report.spreadsheet.clone());
                self.status.parked.remove(&actor);
                self.alone_until.remove(&actor);
                self.status.spreadsheets.insert(report.spreadsheet.clone(), report.clone());
            }
        }
    }

    /// Takes in a fault. Whether the tree can go on: not without somebody whom nothing works
    /// without, and not when the last spreadsheet is left alone while all others are. Who is tried
    /// again counts as alive: it may have to wait long before it has anything to report.
    pub(super) fn fault(&mut self, fault: &Fault, now: Instant) -> bool {
        match fault.next {
            Next::Restart(_) => {
                *self.status.restarts.entry(fault.actor.clone()).or_default() += 1;
                true
            }
            Next::Park(wait) => {
                self.status.parked.insert(fault.actor.clone());
                self.alone_until.retain(|_, until| now < *until);
                self.alone_until.insert(fault.actor.clone(), now + wait);
                self.alone_until.len() < self.spreadsheets
            }
            Next::GiveUp => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::messages::Exit;

    /// So long an actor is left alone.
    const PARK: Duration = Duration::from_secs(300);

    fn fault(actor: ActorName, next: Next) -> Fault {
        Fault { actor, exit: Exit::Stopped, count: 1, next }
    }

    fn sheets(id: &str) -> ActorName {
        ActorName::Sheets(id.into())
    }

    #[test]
    fn the_tree_goes_on_until_the_last_spreadsheet_is_parked() {
        let park = Next::Park(PARK);
        let now = Instant::now();
        let mut board = Board::new(2);
        assert!(board.fault(&fault(ActorName::Kraken, Next::Restart(Duration::ZERO)), now));
        assert!(board.fault(&fault(sheets("a"), park), now));
        assert!(board.fault(&fault(sheets("a"), park), now));
        assert!(!board.fault(&fault(sheets("b"), park), now));
        assert_eq!(board.status().restarts[&ActorName::Kraken], 1);
    }

    #[test]
    fn whose_park_is_over_is_alive_though_it_has_reported_nothing_yet() {
        let park = Next::Park(PARK);
        let start = Instant::now();
        let mut board = Board::new(2);
        assert!(board.fault(&fault(sheets("a"), park), start));
        let over = start + PARK;
        assert!(board.fault(&fault(sheets("b"), park), over), "a is tried again");
        assert_eq!(board.status().parked.len(), 2, "neither is known to have come to anything");
        assert!(!board.fault(&fault(sheets("a"), park), over + PARK / 2), "both are left alone");
        // Who reports is alive, however long it was to be left alone.
        board.report(&Report::Spreadsheet(SpreadsheetReport::new("b")));
        assert!(board.fault(&fault(sheets("a"), park), over + PARK / 2));
    }

    #[test]
    fn nobody_goes_on_without_kraken() {
        assert!(!Board::new(9).fault(&fault(ActorName::Kraken, Next::GiveUp), Instant::now()));
    }
}
