//! Judges what Kraken sees.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use ratesheet::RetryConfig;

use super::{
    broken::{Broken, Verdict, broken_if},
    excuses::{Excuses, ON_THE_WAY},
    failing::Failing,
    kraken,
    lately::{Lately, MINUTE},
    plan::{Plan, Role},
    request::{Begun, End},
    sheet::{Sheet, requests_for},
};

/// So many fetches of each pair are remembered.
const KEPT: usize = 64;

/// The beginnings of so many fetches are remembered: those of hours, and no price is fresh for so
/// long.
const BEGINNINGS: usize = 4_096;

/// The requests of one fetch: they ask for one name after the other.
#[derive(Debug, Default)]
struct Chunks {
    names: BTreeSet<String>,
    /// What they have brought, which is passed on when all of them have ended.
    brought: Vec<(usize, u64)>,
    ended: Duration,
    /// Until when some pairs may not be asked for, since Kraken has said that it does not know
    /// them, or since their request has failed while others' were answered.
    doubtful: Duration,
}

impl Chunks {
    /// Whether a request is one more of them: they come in the order of their names, but for those
    /// whose request has failed before, which come last.
    fn go_on(&self, names: &[String], plan: &Plan) -> bool {
        let (Some(first), Some(last)) = (names.first(), self.names.last()) else { return false };
        let is_new = names.iter().all(|name| !self.names.contains(name));
        last < first || is_new && self.lacks(plan).is_some()
    }

    /// The sheet of which only some pairs have been asked for.
    fn lacks(&self, plan: &Plan) -> Option<usize> {
        let asked = |pair: &usize| {
            kraken::names(*pair).iter().any(|name| self.names.contains(&name.replace('/', "")))
        };
        let half = |sheet: &Sheet| sheet.own.iter().any(asked) && !sheet.own.iter().all(asked);
        plan.sheets.iter().position(half)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Fetches {
    /// How many there were, and when each of the last ones began.
    count: u64,
    began: VecDeque<Duration>,
    lately: Lately,
    requests: Lately,
    /// By pair: the fetches that brought a good price of it, and when they had.
    brought: BTreeMap<usize, VecDeque<(Duration, u64)>>,
    chunks: Chunks,
    failures: Lately,
    /// Attempts after a failure. How many there may be is the backoff's business.
    repeats: Lately,
    /// Of the list of pairs, and of tickers.
    pub(crate) failing: BTreeMap<bool, Failing>,
    /// The last request has failed.
    ill: bool,
    /// … and its fetch was cut short: an answer in which something is odd does not do that.
    cut: bool,
    /// Until when a fetch must begin, after a standstill.
    due: Option<Duration>,
}

impl Fetches {
    /// A fetch begins. They are counted from one.
    pub(crate) fn counts(&mut self, fetch: u64, now: Duration) -> Verdict {
        let verdict = self.in_time(now);
        self.due = None;
        self.lately.note(now);
        self.count += 1;
        self.began.push_back(now);
        if self.began.len() > BEGINNINGS {
            self.began.pop_front();
        }
        assert_eq!(self.count, fetch, "a fetch is not counted");
        verdict
    }

    /// A request begins.
    pub(crate) fn begins(&mut self, begun: &Begun, excuses: &Excuses, plan: &Plan) -> Verdict {
        let now = begun.at;
        let failing = self.failing.entry(begun.fetch.is_some()).or_default();
        failing.begins(now, &plan.config.retry.backoff)?;
        if begun.fetch.is_some() {
            if self.ill {
                self.repeats.note(now);
            }
            self.follows(begun, excuses, plan)?;
        }
        self.requests.note(now);
        let requests = self.requests.within(now, MINUTE);
        let pace = (60.0 * plan.config.kraken.requests_per_second) as usize;
        let most = pace + 2 * excuses.trees(now) + 4;
        broken_if(requests > most, Broken::KrakenPace, || format!("{requests} in a minute"))?;
        let fetches = self.lately.within(now, MINUTE);
        // All of a fetch is made again when some of it has failed.
        let requests = requests_for(plan.pairs);
        let ticks = ticks_a_minute(plan) * requests;
        // What has failed is asked for again by itself, after a backoff, beside what its sheets
        // show.
        let felt = MINUTE + plan.config.retry.backoff.max;
        let excused = self.repeats.within(now, felt) * (requests + 1)
            + excuses.stalls_since(now, now)
            + 2 * excuses.stirred(now)
            + 2 * (excuses.trees(now) - 1);
        broken_if(fetches > ticks + excused, Broken::Burst, || {
            format!("{fetches} fetches in a minute, {ticks} ticks, {excused} excused")
        })
    }

    /// A fetch goes on with its next request, or another begins: then all of this one were made.
    fn follows(&mut self, begun: &Begun, excuses: &Excuses, plan: &Plan) -> Verdict {
        let now = begun.at;
        if self.cut || !self.chunks.go_on(&begun.names, plan) {
            let excused = self.ill || now < self.chunks.doubtful || plan.delists();
            let excused = excused || excuses.stirred(now) > 0;
            let lacks = self.chunks.lacks(plan).filter(|_| !excused);
            broken_if(lacks.is_some(), Broken::TwoFetches, || {
                format!("another fetch begins, and of sheet {lacks:?} not all pairs are asked for")
            })?;
            self.pass_on(excuses);
            self.chunks.names.clear();
        }
        self.chunks.names.extend(begun.names.iter().cloned());
        Ok(())
    }

    /// The prices of a fetch are passed on, as soon as its last request has ended.
    fn pass_on(&mut self, excuses: &Excuses) {
        for (pair, fetch) in self.chunks.brought.drain(..) {
            let brought = self.brought.entry(pair).or_default();
            // In the time of a process that never stands still.
            brought.push_back((self.chunks.ended.saturating_sub(excuses.stalled), fetch));
            if brought.len() > KEPT {
                brought.pop_front();
            }
        }
    }

    /// A request has ended.
    pub(crate) fn ends(
        &mut self,
        begun: &Begun,
        now: Duration,
        end: &End,
        excuses: &Excuses,
        plan: &Plan,
    ) {
        if let Some(fetch) = begun.fetch.filter(|_| !excuses.is_ill(Role::Kraken, now)) {
            self.chunks.brought.extend(end.pairs.iter().map(|pair| (*pair, fetch)));
        }
        self.chunks.ended = now;
        if begun.fetch.is_some() && !end.good {
            let RetryConfig { probe, backoff, .. } = &plan.config.retry;
            // They are held back for a probe and a fifth, and asked for with the tick after that;
            // or for a backoff, and asked for after it.
            let long = if end.own { 2 * *probe } else { backoff.max + ON_THE_WAY };
            self.chunks.doubtful = self.chunks.doubtful.max(now + long);
        }
        if requests_for(plan.pairs) == 1 {
            self.pass_on(excuses);
        }
        let failing = self.failing.entry(begun.fetch.is_some()).or_default();
        let ill = excuses.is_ill_itself(Role::Kraken, now);
        if end.good || end.odd || end.own || ill {
            failing.ends();
        } else {
            failing.fails(now);
        }
        if !end.good {
            self.fails(now);
        } else if begun.fetch.is_some() {
            self.ill = false;
        }
        self.cut = self.ill && !end.odd;
    }

    /// Something has gone wrong.
    pub(crate) fn fails(&mut self, now: Duration) {
        (self.ill, self.cut, self.due) = (true, true, None);
        self.failures.note(now);
    }

    /// Who fetches begins anew.
    pub(crate) fn begin_anew(&mut self) {
        self.ticks_anew();
        self.failing.values_mut().for_each(Failing::ends);
        self.chunks.names.clear();
    }

    /// Who ticks begins anew.
    pub(crate) const fn ticks_anew(&mut self) {
        self.due = None;
    }

    /// Whether another fetch has begun after this one.
    pub(crate) const fn is_followed(&self, fetch: u64) -> bool {
        self.count > fetch
    }

    /// Whether something has gone wrong since then.
    pub(crate) fn failed_since(&self, then: Duration) -> bool {
        self.failures.last().is_some_and(|at| at >= then)
    }

    /// The process stands still from now on for so long. `busy` is whether it is fetching.
    pub(crate) fn stalls(
        &mut self,
        now: Duration,
        long: Duration,
        busy: bool,
        excuses: &Excuses,
        plan: &Plan,
    ) {
        let fastest = plan.sheets.iter().map(|sheet| sheet.every).min().unwrap();
        // With every pair that is due unknown nothing is asked for.
        let ill = self.ill || busy || plan.delists() || excuses.stirred(now) > 0;
        if !ill && long > fastest && now > MINUTE {
            // Kraken's pace may hold it up for two seconds, connecting for three.
            self.due = Some(now + ON_THE_WAY);
        }
        // One standstill may follow the other before anything else happens.
        self.due = self.due.map(|due| due + long);
    }

    /// A fetch that was due must have begun.
    pub(crate) fn in_time(&mut self, now: Duration) -> Verdict {
        let late = self.due.take_if(|due| now > *due);
        broken_if(late.is_some(), Broken::LostTick, || format!("there is no fetch by {late:?}"))
    }

    /// The newest fetch that had brought a price of this pair when a request was made that
    /// arrives now.
    pub(crate) fn newest(&self, pair: usize, now: Duration, excuses: &Excuses) -> Option<u64> {
        let by = now.checked_sub(excuses.stalled + ON_THE_WAY)?;
        let brought = self.brought.get(&pair)?;
        brought.iter().rev().find(|(at, _)| *at <= by).map(|(_, fetch)| *fetch)
    }

    /// When the last fetch began in which a pair had the price that it had in this one.
    pub(crate) fn last_with_price_of(&self, pair: usize, fetch: u64) -> Option<Duration> {
        let since = self.count.saturating_sub(kraken::last_of(pair, fetch));
        let place = self.began.len().checked_sub(since as usize + 1)?;
        self.began.get(place).copied()
    }
}

/// The most ticks that begin within a minute: those of several sheets may be one.
fn ticks_a_minute(plan: &Plan) -> usize {
    let every = plan.sheets.iter().map(|sheet| sheet.every.as_millis().clamp(1, 60_000));
    let mut ticks: Vec<_> = every.flat_map(|every| (0..=60_000).step_by(every as usize)).collect();
    ticks.sort_unstable();
    ticks.dedup();
    ticks.len()
}
