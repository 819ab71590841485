//! How soon everything must be fresh: while nothing is wrong, and after something was.

use std::time::Duration;

use ratesheet::{Config, Drill};

use super::{
    faults::{Episode, Fault, LATEST, LONGEST_ASKED_WAIT, Service},
    google::Spreadsheet,
    plan::{Plan, secs},
    sheet::Sheet,
};

/// The deadline of a token request.
pub(crate) const TOKEN_DEADLINE: Duration = secs(10);

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

    /// How long after its end an episode may still be felt: a request that began in it hangs to
    /// its deadline, and then the next attempt is waited for.
    pub(crate) fn wait_after(&self, Episode { service, fault, .. }: &Episode) -> Duration {
        if (*service, *fault) == (Service::Sheets, Fault::Quirk) {
            // Google may have refused each cell.
            let cells = self.sheets.iter().map(|sheet| sheet.cells.len());
            return self.config.google.deadline + self.wait_for_probes(cells.sum());
        }
        let Config { kraken, google, retry, .. } = &self.config;
        let backoff = retry.backoff.max;
        let asks = match service {
            Service::Kraken => matches!(fault, Fault::RateLimit | Fault::Status | Fault::Quirk),
            Service::Sheets | Service::Token => *fault == Fault::RateLimit,
        } || matches!(fault, Fault::Says(_, Some(_)));
        let attempt = if asks { backoff.max(LONGEST_ASKED_WAIT) } else { backoff };
        let wait = attempt
            + match service {
                Service::Kraken => kraken.deadline,
                Service::Sheets => google.deadline,
                Service::Token => TOKEN_DEADLINE,
            };
        if *fault == Fault::LateApply { wait.max(LATEST) } else { wait }
    }

    /// How long after a person has mended it a spreadsheet may still stand still.
    pub(crate) fn wait_for_a_person(&self, spreadsheet: &Spreadsheet) -> Duration {
        self.wait_for_probes(spreadsheet.protected.len() + spreadsheet.unnamed.len())
    }

    /// What only a person can mend is looked at again every `probe` ± 20 %. Cells that were set
    /// aside one by one are probed in writes that are a thirtieth of it apart, and each that stays
    /// refused halves the rest once more.
    fn wait_for_probes(&self, cells: usize) -> Duration {
        let probe = self.config.retry.probe;
        probe.mul_f64(1.2) + probe / 30 * cells as u32
    }

    /// How long after a pair is listed again a spreadsheet may do without it. The list of pairs is
    /// asked for with a tick, missed with the next, and asked for again with one after that.
    pub(crate) fn wait_for_a_list(&self, spreadsheet: usize, pair: usize) -> Duration {
        let sheets = self.sheets.iter().filter(|sheet| sheet.spreadsheet == spreadsheet);
        let showing = sheets.filter(|sheet| sheet.cells.iter().any(|(_, shown, _)| *shown == pair));
        let ticks = showing.map(|sheet| 2 * sheet.every).max().unwrap_or_default();
        self.config.retry.probe.mul_f64(1.2) + ticks
    }

    /// How long it takes until an actor that is made to fail is at work again.
    pub(crate) fn wait_for_a_restart(&self, drill: Drill) -> Duration {
        let supervision = &self.config.supervision;
        noticed(supervision.ping, drill) + supervision.backoff.max + secs(1)
    }

    /// How long a tree that is built afresh waits for the writes of the last one.
    pub(crate) fn handover(&self) -> Duration {
        self.config.shutdown_grace.min(secs(2))
    }

    /// How long it takes until a tree that is built afresh is at work.
    pub(crate) fn wait_for_a_tree(&self) -> Duration {
        self.handover() + secs(2)
    }
}

/// How long after a token was not given, with this status, whoever asks is told so and the
/// endpoint left alone.
pub(crate) fn wait_for_a_token(status: u16, plan: &Plan) -> Duration {
    let backoff = plan.config.retry.backoff.max;
    if status == 429 { backoff.max(LONGEST_ASKED_WAIT) } else { backoff }
}

/// How long it takes until a failure is noticed: at once, or after three pings, of which the first
/// has just been answered.
pub(crate) fn noticed(ping: Duration, drill: Drill) -> Duration {
    match drill {
        Drill::Hang => 4 * ping + secs(1),
        _ => secs(2),
    }
}
