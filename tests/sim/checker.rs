//! Judges a run by what its servers see, request by request. It knows the configuration and
//! nothing of the product's inside.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use ratesheet::{Fault, Next};
use serde_json::Value;

use crate::{
    faults::Service,
    kraken::{self, decode},
    plan::{Plan, Role, secs},
    request::{Begun, End, Entry},
    sheet::{Sheet, requests_for},
};

/// An enum all of whose variants can be had, so that none of them is forgotten.
macro_rules! listed {
    ($(#[$about:meta])* pub(crate) enum $name:ident { $($(#[$doc:meta])* $one:ident,)* }) => {
        $(#[$about])* pub(crate) enum $name { $($(#[$doc])* $one,)* }
        impl $name { pub(crate) const ALL: &[Self] = &[$(Self::$one),*]; }
    };
}

listed! {
/// What must not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Broken {
    /// Two writes of one spreadsheet in flight.
    TwoWrites,
    /// Two fetches in flight.
    TwoFetches,
    /// A cell goes back to an older price.
    Backwards,
    /// A write carries an older price than there was when it began.
    OldPayload,
    /// One price of one cell is written twice with success.
    WrittenTwice,
    /// What was not configured is touched.
    Foreign,
    /// What is neither a price of the cell's nor a plain text gets into a cell.
    WrongValue,
    /// More fetches than ticks and failures account for.
    Burst,
    /// No fetch after a standstill.
    LostTick,
    /// A token that was rejected is used again and again.
    RejectedToken,
    /// More requests to Kraken than its pace allows.
    KrakenPace,
    /// More writes than the budget allows.
    WriteBudget,
    /// More reads than the budget allows.
    ReadBudget,
    /// Connections or requests pile up.
    Growth,
    /// An actor fails that nobody has made fail.
    Fault,
    /// A cell is not fresh when it must be.
    NotFresh,
    /// A cell is not fresh because of the trouble of another spreadsheet.
    Infected,
    /// What somebody has typed over a price stays.
    TypedOver,
    /// It does not stop in time.
    NotStopped,
}
}

/// Requests may be on the way for so long between their making and their arrival: connecting
/// takes 3 s at the most.
const ON_THE_WAY: Duration = secs(4);

/// After a drill it may take so long until the fault is noticed: three pings of 5 s, and a stop or
/// a panic that waits behind what else is in the mailbox.
const NOTICED: Duration = secs(30);

/// An actor that has been restarted, or built, is well again after so long.
const RECOVERED: Duration = secs(2);

/// A price that stands still is written again after this long, in case somebody has typed over it.
pub(crate) const AFRESH: Duration = secs(60);

/// A failure makes all cells be written afresh. It may be told so late: after the account's
/// backoff, by a spreadsheet that has a backoff of its own; and for a minute more a write that was
/// never answered may be carried out.
const AFTERMATH: Duration = secs(240);

#[derive(Debug, Default)]
struct Cell {
    sent: u64,
    acked: Option<Success>,
}

/// A write that has succeeded: its price's fetch, how many failures there had been by then, and
/// when it began.
#[derive(Debug)]
struct Success {
    fetch: u64,
    failures: u64,
    at: Duration,
}

#[derive(Debug, Default)]
pub(crate) struct Checker {
    in_flight: BTreeMap<u64, Begun>,
    /// By spreadsheet and range: what it is, and how it stands.
    cells: BTreeMap<(usize, String), Cell>,
    /// By pair: the fetches that brought a good price of it, and when they had.
    brought: BTreeMap<usize, VecDeque<(Duration, u64)>>,
    /// When each fetch began.
    fetches: Vec<Duration>,
    fetch_times: VecDeque<Duration>,
    read_times: VecDeque<Duration>,
    write_times: VecDeque<Duration>,
    kraken_times: VecDeque<Duration>,
    /// Failures of Google's, and when the last was; and those of Kraken's.
    failures: u64,
    failed: Duration,
    kraken_failures: VecDeque<Duration>,
    rejections: BTreeMap<String, usize>,
    drills: BTreeMap<Role, Duration>,
    /// Until when an actor is excused.
    ill: BTreeMap<Role, Duration>,
    drilled: usize,
    reloads: VecDeque<Duration>,
    faults: usize,
    stalled: Duration,
    /// Until when a fetch must begin, after a standstill.
    tick_due: Option<Duration>,
    kraken_ill: bool,
    pub(crate) verdict: Option<(Broken, String)>,
}

impl Checker {
    pub(crate) fn broken(&mut self, what: Broken, text: String) {
        self.verdict.get_or_insert((what, text));
    }

    /// A request has arrived.
    pub(crate) fn begins(&mut self, id: u64, begun: Begun, plan: &Plan, open: usize) {
        let now = begun.at;
        self.late_tick(now);
        let allowed = 2 * plan.spreadsheets.len() + 4;
        if open > allowed || self.in_flight.len() > allowed {
            let text = format!("{open} connections, {} requests in flight", self.in_flight.len());
            self.broken(Broken::Growth, text);
        }
        match begun.service {
            Service::Kraken => self.kraken_begins(&begun, plan),
            Service::Sheets => self.sheets_begins(&begun, plan),
            Service::Token => {}
        }
        self.in_flight.insert(id, begun);
    }

    fn kraken_begins(&mut self, begun: &Begun, plan: &Plan) {
        let twin = |other: &&Begun| other.service == Service::Kraken && other.list == begun.list;
        if let Some(other) = self.in_flight.values().find(twin) {
            let text = format!("a fetch begins while one of {:?} is in flight", other.at);
            self.broken(Broken::TwoFetches, text);
        }
        let now = begun.at;
        count(&mut self.kraken_times, now);
        let most =
            (60.0 * plan.config.kraken.requests_per_second) as usize + 2 * self.trees(now) + 4;
        if self.kraken_times.len() > most {
            let text = format!("{} requests to Kraken in a minute", self.kraken_times.len());
            self.broken(Broken::KrakenPace, text);
        }
        let Some(fetch) = begun.fetch else { return };
        self.tick_due = None;
        self.fetches.push(now);
        assert_eq!(self.fetches.len() as u64, fetch, "fetches are counted from one");
        count(&mut self.fetch_times, now);
        forget(&mut self.kraken_failures, now, 2 * secs(60));
        let ticks: u64 = plan.sheets.iter().map(|sheet| 60 / sheet.every.as_secs() + 1).sum();
        let ticks = ticks as usize * requests_for(plan.pairs);
        let excuses =
            2 * self.kraken_failures.len() + 2 * self.recent_drills(now) + 2 * self.trees(now);
        if self.fetch_times.len() > ticks + excuses {
            let (fetches, excuses) = (self.fetch_times.len(), excuses);
            let text = format!("{fetches} fetches in a minute, {ticks} ticks, {excuses} excuses");
            self.broken(Broken::Burst, text);
        }
    }

    fn recent_drills(&self, now: Duration) -> usize {
        self.drills.values().filter(|at| now < **at + 3 * secs(60)).count()
    }

    fn sheets_begins(&mut self, begun: &Begun, plan: &Plan) {
        let rejected = self.rejections.get(&begun.token).copied().unwrap_or_default();
        if rejected > plan.spreadsheets.len() + self.drilled {
            let text = format!("{} has been rejected {rejected} times", begun.token);
            self.broken(Broken::RejectedToken, text);
        }
        let now = begun.at;
        // Google counts reads and writes apart, and the budget is the same for both.
        let most = plan.config.google.writes_per_minute as usize + 5 * self.trees(now) + 4;
        let (times, broken) = match begun.write {
            None => (&mut self.read_times, Broken::ReadBudget),
            Some(_) => (&mut self.write_times, Broken::WriteBudget),
        };
        count(times, now);
        if times.len() > most {
            let text = format!("{} of them in a minute", times.len());
            self.broken(broken, text);
        }
        let Some((book, cells)) = &begun.write else { return };
        let twin = |other: &&Begun| other.write.as_ref().is_some_and(|(own, _)| own == book);
        if let Some(other) = self.in_flight.values().find(twin) {
            let text = format!("a write of {book} begins, one of {:?} is in flight", other.at);
            self.broken(Broken::TwoWrites, text);
        }
        let excused = self.is_ill(Role::Sheets(*book), now);
        for Entry { range, sheet, pair, fetch } in cells {
            let fetch = *fetch;
            let cell = self.cells.entry((*book, range.clone())).or_default();
            let before = cell.sent;
            cell.sent = before.max(fetch);
            if fetch < before {
                let text = format!("{range} of {book}: fetch {fetch} after {before}");
                self.broken(Broken::Backwards, text);
            }
            if excused {
                continue;
            }
            // In a fetch of many requests a price waits for the last of them.
            let own = Some(*pair).filter(|pair| plan.sheets[*sheet].own.contains(pair));
            let own = own.filter(|_| requests_for(plan.pairs) == 1);
            let newer = self.newest(own, now).map(|newer| kraken::first_of(*pair, newer));
            let newer = newer.filter(|newer| fetch < *newer);
            if let Some(newer) = newer {
                let text = format!("{range} of {book}: fetch {fetch}, though {newer} was there");
                self.broken(Broken::OldPayload, text);
            }
        }
    }

    /// The newest fetch that had brought a price of this pair when a request was made that
    /// arrives now, if the pair is one sheet's alone.
    fn newest(&self, pair: Option<usize>, now: Duration) -> Option<u64> {
        let by = now.checked_sub(self.stalled + ON_THE_WAY)?;
        let brought = self.brought.get(&pair?)?;
        brought.iter().rev().find(|(at, _)| *at <= by).map(|(_, fetch)| *fetch)
    }

    /// A request has ended: with an answer that arrived whole and does what was asked, or not.
    pub(crate) fn ends(&mut self, id: u64, now: Duration, end: &End, plan: &Plan) {
        let Some(begun) = self.in_flight.remove(&id) else { return };
        match begun.service {
            Service::Kraken => {
                self.kraken_ill = !end.good;
                if !end.good {
                    self.kraken_failures.push_back(now);
                }
                let Some(fetch) = begun.fetch.filter(|_| !self.is_ill(Role::Kraken, now)) else {
                    return;
                };
                for pair in &end.pairs {
                    let brought = self.brought.entry(*pair).or_default();
                    // In the time of a process that never stands still.
                    brought.push_back((now.saturating_sub(self.stalled), fetch));
                    if brought.len() > 64 {
                        brought.pop_front();
                    }
                }
            }
            Service::Sheets => self.sheets_ends(&begun, now, end, plan),
            // The account remembers that there was none, and tells whoever asks next.
            Service::Token if !end.good => self.fails(now),
            Service::Token => {}
        }
    }

    fn sheets_ends(&mut self, begun: &Begun, now: Duration, end: &End, plan: &Plan) {
        if end.whole && end.status == 401 {
            *self.rejections.entry(begun.token.clone()).or_default() += 1;
        }
        if !end.good {
            // A token or a read that fails is everybody's trouble.
            self.fails(now);
        }
        let Some((book, cells)) = &begun.write else { return };
        let (failures, at) = (self.failures, begun.at);
        let upset = now < self.failed + AFTERMATH;
        for Entry { range, sheet, pair, fetch } in cells.iter().filter(|_| end.good) {
            let cell = self.cells.entry((*book, range.clone())).or_default();
            let Some(before) = cell.acked.replace(Success { fetch: *fetch, failures, at }) else {
                continue;
            };
            let aged = at + plan.sheets[*sheet].every + ON_THE_WAY >= before.at + AFRESH;
            let may = kraken::stands(*pair) > 1 && (upset || aged);
            if (before.fetch, before.failures) == (*fetch, failures) && !may {
                let text = format!("{range} of {book}: fetch {fetch}");
                self.broken(Broken::WrittenTwice, text);
            }
        }
    }

    /// Something has failed that all spreadsheets may feel.
    fn fails(&mut self, now: Duration) {
        self.failures += 1;
        self.failed = now;
    }

    /// The process stands still from now on for so long.
    pub(crate) fn stalls(&mut self, now: Duration, long: Duration, plan: &Plan) {
        let fastest = plan.sheets.iter().map(|sheet| sheet.every).min().unwrap();
        let busy = self.in_flight.values().any(|begun| begun.service == Service::Kraken);
        let ill = self.kraken_ill || busy || self.recent_drills(now) > 0;
        if !ill && long > fastest && now > secs(60) {
            // Kraken's pace may hold it up for two seconds, connecting for three.
            self.tick_due = Some(now + ON_THE_WAY);
        }
        // One standstill may follow the other before anything else happens.
        self.tick_due = self.tick_due.map(|due| due + long);
        self.stalled += long;
    }

    fn late_tick(&mut self, now: Duration) {
        if let Some(due) = self.tick_due.filter(|due| now > *due) {
            self.tick_due = None;
            self.broken(Broken::LostTick, format!("there is no fetch by {due:?}"));
        }
    }

    /// Something went wrong with Kraken that is no request's end.
    pub(crate) fn kraken_unreachable(&mut self, now: Duration) {
        self.kraken_ill = true;
        self.tick_due = None;
        self.kraken_failures.push_back(now);
    }

    pub(crate) fn sheets_unreachable(&mut self, now: Duration) {
        self.fails(now);
    }

    pub(crate) fn drills(&mut self, now: Duration, role: Role) {
        self.drills.insert(role, now);
        self.ill.insert(role, now + NOTICED);
        self.drilled += 1;
        self.tick_due = None;
        self.fails(now);
    }

    /// The tree is built afresh, with full budgets.
    pub(crate) fn reloads(&mut self, now: Duration, plan: &Plan) {
        let books = (0..plan.spreadsheets.len()).map(Role::Sheets);
        for role in books.chain([Role::Kraken]) {
            self.drills.insert(role, now);
            self.ill.insert(role, now + plan.config.shutdown_grace + RECOVERED);
        }
        self.tick_due = None;
        self.reloads.push_back(now);
        self.fails(now);
    }

    /// How many trees have been built lately.
    fn trees(&mut self, now: Duration) -> usize {
        forget(&mut self.reloads, now, 2 * secs(60));
        self.reloads.len() + 1
    }

    /// An actor has failed.
    pub(crate) fn fault(&mut self, now: Duration, role: Role, fault: &Fault) {
        self.faults += 1;
        let Next::Restart(wait) = fault.next else {
            return self.broken(Broken::Fault, format!("{fault:?}"));
        };
        self.ill.insert(role, now + wait + RECOVERED);
        if self.faults > self.drilled {
            self.broken(Broken::Fault, format!("{fault:?}"));
        }
    }

    fn is_ill(&self, role: Role, now: Duration) -> bool {
        let lately = |role: &Role| self.ill.get(role).is_some_and(|until| now < *until);
        lately(&role) || lately(&Role::Kraken)
    }

    /// A cell of a sheet must show a price that was asked for after `since`.
    pub(crate) fn fresh(
        &mut self,
        shown: Option<&Value>,
        sheet: &Sheet,
        cell: usize,
        since: Duration,
        or_else: Broken,
    ) {
        let (cell, pair, field) = &sheet.cells[cell];
        let price = shown.and_then(Value::as_f64).and_then(decode);
        let price = price.filter(|(p, f, _)| (p, f) == (pair, field));
        let fetched = price.and_then(|(pair, _, fetch)| self.last_fetch(pair, fetch));
        if fetched.is_none_or(|at| at < since) {
            let (name, title) = (&kraken::names(*pair)[2], sheet.title());
            let text = format!(
                "{title}!{cell} of {} ({name}) has {shown:?}, fetched at {fetched:?}, and must be \
                 of {since:?} or later",
                sheet.spreadsheet
            );
            self.broken(or_else, text);
        }
    }

    /// When the last fetch began in which a pair had the price that it had in this one.
    fn last_fetch(&self, pair: usize, fetch: u64) -> Option<Duration> {
        let last = kraken::last_of(pair, fetch).min(self.fetches.len() as u64);
        self.fetches.get((last as usize).checked_sub(1)?).copied()
    }
}

/// Counts an event, and forgets those of more than a minute ago.
fn count(times: &mut VecDeque<Duration>, now: Duration) {
    times.push_back(now);
    forget(times, now, secs(60));
}

fn forget(times: &mut VecDeque<Duration>, now: Duration, after: Duration) {
    while times.front().is_some_and(|at| *at + after <= now) {
        times.pop_front();
    }
}
