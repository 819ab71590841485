//! How soon everything must be fresh: while nothing is wrong, and after the last fault. What is
//! not in a plan is not allowed for, so that most plans have little time.

use std::time::Duration;

use ratesheet::Config;

use super::{
    faults::{Fault, LATEST, LONGEST_ASKED_WAIT, Service},
    plan::{Happening, Plan, secs},
    sheet::Sheet,
};

/// The deadline of a token request.
const TOKEN_DEADLINE: Duration = secs(10);

/// A hang is noticed after three pings of 5 s, and the restart waits up to 30 s.
const RESTART: Duration = secs(50);

impl Plan {
    /// A spreadsheet that nothing is wrong with shows prices of this sheet that were asked for so
    /// long ago at the most, whatever is wrong with others.
    pub(crate) fn steady_bound(&self, sheet: &Sheet) -> Duration {
        // Somebody else's fetch, and ours; somebody else's write, and ours, and a token.
        let answers = 8 * Duration::from_millis(self.latency);
        let turns = self.spreadsheets.len() as u32 + 1;
        let paced = secs(60) * turns / self.config.google.writes_per_minute;
        sheet.every + answers + paced + secs(4)
    }

    /// Bound X of the promises: so long after the last fault every cell shows a quote that was
    /// asked for after it. At the worst the parts follow each other.
    pub(crate) fn freshness_bound(&self) -> Duration {
        let Config { kraken, google, retry, .. } = &self.config;
        let steady = self.sheets.iter().map(|sheet| self.steady_bound(sheet)).max().unwrap();
        let mut bound = steady
            + self.failed(Service::Kraken, kraken.deadline)
            + self.failed(Service::Token, TOKEN_DEADLINE)
            + self.failed(Service::Sheets, google.deadline);
        if self.has(Service::Sheets, &[Fault::LateApply]) {
            bound += LATEST;
        }
        let happenings = || self.happenings.iter().map(|(_, happening)| happening);
        if happenings().any(Happening::restarts) {
            bound += RESTART;
        }
        if happenings().any(Happening::sets_aside) {
            // What only a person can mend is looked at again every `probe` ± 20 %.
            bound += retry.probe.mul_f64(1.2);
        }
        // Cells that were set aside one by one are probed in writes that are a thirtieth of it
        // apart, and each that stays refused halves the rest once more.
        let cells: usize = happenings().map(|happening| self.cells_aside(happening)).sum();
        bound + retry.probe / 30 * cells as u32
    }

    /// How many cells are set aside by something that happens.
    fn cells_aside(&self, happening: &Happening) -> usize {
        match *happening {
            Happening::Rename(sheet) => self.sheets[sheet].cells.len(),
            Happening::Protect(sheet) => self.sheets[sheet].protects().count(),
            Happening::Unname(_) => 1,
            _ => 0,
        }
    }

    /// How long a service is waited for that has been in trouble: for the request that hangs, and
    /// then for the next attempt.
    fn failed(&self, service: Service, deadline: Duration) -> Duration {
        let backoff = self.config.retry.backoff.max;
        if !self.episodes.iter().any(|episode| episode.service == service) {
            Duration::ZERO
        } else if self.has(service, &[Fault::RateLimit, Fault::Status, Fault::Quirk]) {
            deadline + backoff.max(LONGEST_ASKED_WAIT)
        } else {
            deadline + backoff
        }
    }

    fn has(&self, service: Service, faults: &[Fault]) -> bool {
        let mut of = self.episodes.iter().filter(|episode| episode.service == service);
        of.any(|episode| faults.contains(&episode.fault))
    }
}
