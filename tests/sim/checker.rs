//! Judges a run by what its servers see, request by request. It knows the configuration and
//! nothing of the product's inside.

use std::{collections::BTreeMap, time::Duration};

use ratesheet::{Drill, Fault};
use serde_json::Value;

use super::{
    bound::{TOKEN_DEADLINE, wait_for_a_token},
    broken::{Broken, Verdict, broken_if},
    excuses::{Excuses, ON_THE_WAY},
    failing::Waits,
    faults::Service,
    fetches::Fetches,
    kraken::{self, decode},
    lately::Lately,
    plan::{Plan, Role},
    request::{Begun, End},
    sheet::Sheet,
    tokens::Tokens,
    writes::Writes,
};

/// When the product was told to stop, and whether it has.
#[derive(Debug, Clone, Copy)]
enum Stop {
    Asked(Duration),
    Done,
}

#[derive(Debug, Default)]
pub(crate) struct Checker {
    in_flight: BTreeMap<u64, Begun>,
    fetches: Fetches,
    writes: Writes,
    tokens: Tokens,
    excuses: Excuses,
    /// When it was told to begin anew, and when to stop: writes in flight are finished then.
    reloads: Lately,
    stop_asked: Option<Duration>,
    stop: Option<Stop>,
    pub(crate) verdict: Option<(Broken, String)>,
}

impl Checker {
    /// The first that is found is what counts.
    pub(crate) fn judge(&mut self, verdict: Verdict) {
        self.verdict = self.verdict.take().or(verdict.err());
    }

    /// A request has arrived.
    pub(crate) fn begins(&mut self, id: u64, begun: Begun, plan: &Plan, open: usize) {
        let verdict = self.begun(&begun, plan, open);
        self.judge(verdict);
        self.in_flight.insert(id, begun);
    }

    fn begun(&mut self, begun: &Begun, plan: &Plan, open: usize) -> Verdict {
        match begun.fetch {
            Some(fetch) => self.fetches.counts(fetch, begun.at)?,
            None => self.fetches.in_time(begun.at)?,
        }
        let allowed = 2 * plan.spreadsheets.len() + 4;
        let flying = self.in_flight.len();
        broken_if(open.max(flying) > allowed, Broken::Growth, || {
            format!("{open} connections, {flying} requests in flight")
        })?;
        let stopped = self.stop.is_some_and(|stop| match stop {
            Stop::Asked(at) => begun.at > at + ON_THE_WAY,
            Stop::Done => true,
        });
        broken_if(stopped, Broken::NotStopped, || format!("{begun:?} begins after the end"))?;
        self.excuses.all_noticed(begun.at)?;
        self.alone(begun)?;
        match begun.service {
            Service::Kraken => self.fetches.begins(begun, &self.excuses, plan),
            Service::Sheets => self.writes.begins(begun, &self.excuses, &self.fetches, plan),
            Service::Token => self.tokens.begins(begun, &self.excuses, plan),
        }
    }

    /// Whether nothing of the kind is in flight.
    fn alone(&self, begun: &Begun) -> Verdict {
        let broken = match begun.service {
            Service::Kraken => Broken::TwoFetches,
            Service::Sheets => Broken::TwoWrites,
            Service::Token => Broken::TokenStorm,
        };
        let twins = self.in_flight.values().filter(|other| other.is_twin_of(begun));
        let trees = match begun.service {
            Service::Token => self.excuses.trees(begun.at), // each has an account of its own
            Service::Kraken | Service::Sheets => 1,
        };
        let since: Vec<_> = twins.map(|twin| twin.at).collect();
        broken_if(since.len() >= trees, broken, || {
            format!("{begun:?} begins while there are some of {since:?}")
        })
    }

    /// A request has ended: with an answer that arrived whole and does what was asked, or not.
    pub(crate) fn ends(&mut self, id: u64, now: Duration, end: &End, plan: &Plan) {
        let Some(begun) = self.in_flight.remove(&id) else { return };
        let verdict = self.ended(&begun, now, end, plan);
        self.judge(verdict);
    }

    fn ended(&mut self, begun: &Begun, now: Duration, end: &End, plan: &Plan) -> Verdict {
        self.not_cut(begun, now, end, plan)?;
        let excuses = &mut self.excuses;
        match begun.service {
            Service::Kraken => self.fetches.ends(begun, now, end, excuses, plan),
            Service::Sheets => {
                if end.whole && end.status == 401 {
                    self.tokens.rejected();
                }
                if end.whole && end.status == 429 {
                    // Whoever goes by this account is told that it is asked for less.
                    excuses.writes_afresh(now + wait_for_a_token(429, plan), None);
                }
                return self.writes.ends(begun, now, end, excuses, &self.fetches, plan);
            }
            Service::Token => {
                let mut books = (0..plan.spreadsheets.len()).map(Role::Sheets);
                let ill = books.any(|role| excuses.is_ill_itself(role, now));
                self.tokens.ends(begun, now, end.good, ill);
                if !end.good {
                    excuses.fails(now);
                    excuses.writes_afresh(now + wait_for_a_token(end.status, plan), None);
                }
            }
        }
        Ok(())
    }

    /// A write may be broken off when its time is over, or the grace of an order, and not before.
    fn not_cut(&self, begun: &Begun, now: Duration, end: &End, plan: &Plan) -> Verdict {
        let time = now + ON_THE_WAY >= begun.at + plan.config.google.deadline;
        let over = |at, grace| begun.at <= at + ON_THE_WAY && at + grace <= now;
        let order = self.stop_asked.is_some_and(|at| over(at, plan.config.shutdown_grace))
            || self.reloads.any(|at| over(at, plan.handover()));
        let ill = self.excuses.is_ill_itself(Role::Sheets(begun.book), now);
        let early = end.cut && begun.write.is_some() && !time && !order && !ill;
        broken_if(early, Broken::Cut, || format!("a write of {:?} is broken off", begun.at))
    }

    /// The process stands still from now on for so long.
    pub(crate) fn stalls(&mut self, now: Duration, long: Duration, plan: &Plan) {
        let busy = self.in_flight.values().any(|begun| begun.service == Service::Kraken);
        self.fetches.stalls(now, long, busy, &self.excuses, plan);
        self.excuses.stalls(now, long);
        self.tokens.rejected();
        // What is answered meanwhile may have come too late.
        let then = now + long;
        for begun in self.in_flight.values() {
            match (begun.service, &begun.write) {
                (Service::Kraken, _) => {}
                (Service::Token, _) => {
                    self.excuses.writes_afresh(then + wait_for_a_token(0, plan), None);
                }
                (Service::Sheets, write) => {
                    self.excuses.writes_afresh(then + ON_THE_WAY, Some(begun.book));
                    if write.is_some() {
                        self.writes.may_come_late(then, begun.book);
                    }
                }
            }
        }
        // … or is being asked: it takes so long to connect.
        self.excuses.writes_afresh(then + ON_THE_WAY, None);
    }

    /// A connection is not to be had.
    pub(crate) fn unreachable(&mut self, now: Duration, service: Service, plan: &Plan) {
        // It is waited for, by whichever spreadsheet it is.
        let wait = match service {
            Service::Kraken => return self.fetches.fails(now),
            Service::Sheets => ON_THE_WAY,
            Service::Token => TOKEN_DEADLINE + wait_for_a_token(0, plan),
        };
        self.excuses.fails(now);
        self.excuses.writes_afresh(now + wait, None);
    }

    /// The cells of a sheet come to be elsewhere.
    pub(crate) fn moves(&mut self, now: Duration, sheet: usize) {
        self.writes.moves(now, sheet);
    }

    pub(crate) fn drills(&mut self, now: Duration, role: Role, drill: Drill, plan: &Plan) {
        self.begins_anew(role);
        self.excuses.drills(now, role, drill, plan);
    }

    /// Whether there was such an actor just then.
    pub(crate) fn drilled(&mut self, role: Role, met: bool) {
        self.excuses.drilled(role, met);
    }

    /// The tree is built afresh.
    pub(crate) fn reloads(&mut self, now: Duration, plan: &Plan) {
        let books = (0..plan.spreadsheets.len()).map(Role::Sheets);
        books.chain([Role::Kraken]).for_each(|role| self.begins_anew(role));
        self.writes.is_built(now + plan.handover());
        self.tokens.begin_anew();
        self.reloads.note(now);
        self.excuses.reloads(now, plan);
    }

    /// An actor does not know any more how often something has failed.
    fn begins_anew(&mut self, role: Role) {
        match role {
            Role::Schedule => self.fetches.ticks_anew(),
            Role::Kraken => self.fetches.begin_anew(),
            Role::Sheets(book) => self.writes.begin_anew(book),
        }
    }

    /// An actor has failed.
    pub(crate) fn fault(&mut self, now: Duration, role: Role, fault: &Fault) {
        self.begins_anew(role);
        if let Role::Sheets(book) = role {
            // What it has written it knows no more, nor whether a write of its was carried out.
            self.excuses.writes_afresh(now, Some(book));
            self.writes.may_come_late(now, book);
        }
        let verdict = self.excuses.fault(now, role, fault);
        self.judge(verdict);
    }

    /// How long was waited for what had failed.
    pub(crate) fn waits(&self) -> Waits {
        let Self { fetches, writes, tokens, .. } = self;
        let of = fetches.failing.values().chain(writes.failing.values()).chain([&tokens.failing]);
        let mut all = Waits::default();
        of.for_each(|failing| all.add(&failing.waits));
        all
    }

    /// It is told to stop.
    pub(crate) fn stops(&mut self, now: Duration) {
        self.stop_asked = Some(now);
        self.stop = Some(Stop::Asked(now));
    }

    /// It says that it has.
    pub(crate) fn stopped(&mut self, now: Duration, plan: &Plan) {
        let Some(Stop::Asked(at)) = self.stop.replace(Stop::Done) else { return };
        let took = now - at;
        let late = took > plan.config.shutdown_grace;
        self.judge(broken_if(late, Broken::NotStopped, || format!("it took {took:?} to stop")));
    }

    /// Some time after it has stopped nothing is left of it.
    pub(crate) fn nothing_is_left(&mut self, open: usize) {
        let left = open > 0 || !self.in_flight.is_empty();
        let how = || format!("{open} connections and {:?} are left", self.in_flight);
        let verdict = broken_if(left, Broken::Growth, how);
        self.judge(verdict);
    }

    /// Whether it has been told to stop.
    pub(crate) const fn is_stopping(&self) -> bool {
        self.stop.is_some()
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
        let fetched =
            price.and_then(|(pair, _, fetch)| self.fetches.last_with_price_of(pair, fetch));
        let stale = fetched.is_none_or(|at| at < since);
        self.judge(broken_if(stale, or_else, || {
            let (name, title) = (&kraken::names(*pair)[2], sheet.title());
            format!(
                "{title}!{cell} of {} ({name}) has {shown:?}, fetched at {fetched:?}, and must be \
                 of {since:?} or later",
                sheet.spreadsheet
            )
        }));
    }
}
