//! What follows from a fetch: what is counted and told of it, and when the next begins.
//! Touches: the clock, the log, the dice.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use actix::Context;
use jiff::Timestamp;
use slog::{debug, info, warn};
use tokio::time::Instant;

use super::{
    Asked, KrakenActor, Phase,
    error::KrakenError,
    fetch::{Fetched, Trouble},
};
use crate::{
    messages::{Failing, Failure},
    quote::{AssetPair, Quote},
    timer::later,
};

/// A pair that Kraken refuses although it is in the list of asset pairs may have been delisted
/// since: the list is fetched again after this long.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(60);

impl KrakenActor {
    /// Takes in what a fetch has brought, passes it on, and decides when the next begins.
    pub(super) fn settle(&mut self, fetched: Fetched, asked: &Asked, ctx: &mut Context<Self>) {
        let Fetched { quotes, mut missing, refused, by_key, trouble, note, requests } = fetched;
        self.phase = Phase::Idle;
        self.again.retain(|sheet| !asked.due.contains(sheet));
        if let Some(note) = note {
            debug!(self.log, "Kraken gives every quote, and says beside them: {}", note);
        }
        if by_key || self.roster.index().is_none() {
            self.hold_back(&refused, &missing);
        } else if !refused.is_empty() {
            // By the list that has come meanwhile they may be known.
            missing.retain(|pair, _| !refused.contains(pair));
            self.pending.extend(asked.due.iter());
        }
        let brought = !quotes.is_empty();
        self.report.requests += requests;
        if brought {
            self.keep(&quotes, asked);
        } else if trouble.is_some() && requests > 0 {
            self.report.failures += 1;
        }
        self.report.missing = Arc::new(missing);
        self.pass_on(asked, Arc::new(quotes), ctx);
        match trouble {
            None => self.is_well(),
            Some(trouble) if self.is_apart(&trouble, brought) => {
                self.ask_apart(trouble, ctx);
            }
            Some(trouble) => self.wait(trouble, brought, asked, ctx),
        }
        self.tell();
        self.proceed(ctx);
    }

    /// Keeps refused pairs out of the next requests, and looks for them in a new list.
    fn hold_back(&mut self, refused: &BTreeSet<AssetPair>, missing: &BTreeMap<AssetPair, Failure>) {
        let now = Instant::now();
        for (pair, failure) in missing.iter().filter(|(pair, _)| refused.contains(pair)) {
            debug!(self.log, "{}", failure; "pair" => %pair);
            let until = now + self.retry.probe_in(fastrand::f64());
            self.roster.refuse(pair.clone(), failure.clone(), until);
            self.roster.doubted(now + ASK_AGAIN_AFTER);
        }
    }

    /// Keeps the newest quote of each pair, for the reports.
    fn keep(&mut self, quotes: &BTreeMap<AssetPair, Quote>, asked: &Asked) {
        self.report.fetches += 1;
        self.report.last_success = Some(asked.at);
        let newest = quotes.iter().map(|(pair, quote)| (pair.clone(), quote.clone()));
        Arc::make_mut(&mut self.report.quotes).extend(newest);
    }

    /// Everything that was asked for has been answered for, and so has been whatever failed
    /// before, if it is not yet to be asked for again.
    fn is_well(&mut self) {
        self.failures = 0;
        if !self.apart.is_empty() {
            return;
        }
        self.told.over();
        if let Some(failing) = self.report.failing.take() {
            info!(self.log, "Kraken answers again";
                "attempts" => failing.attempts, "failed_since" => format!("{:.3}", failing.since));
        }
    }

    /// Whether others are answered all the same: in this fetch, or in the last one, and what has
    /// failed now has failed before.
    fn is_apart(&self, Trouble { error, in_vain, unasked }: &Trouble, brought: bool) -> bool {
        let again = |pair| self.apart.failures(pair) > 0;
        let known = self.failures == 0 && in_vain.iter().chain(unasked).all(again);
        (brought || known) && !error.is_plea()
    }

    /// Has what a fetch lacks asked for again, each pair after its own wait. Everybody else's
    /// ticks go on.
    fn ask_apart(&mut self, trouble: Trouble, ctx: &mut Context<Self>) {
        self.failures = 0;
        let Trouble { error, in_vain, unasked } = trouble;
        let why = error.failure(&self.config.url);
        let (now, dice, backoff) = (Instant::now(), fastrand::f64(), self.retry.backoff);
        let wait = |failures| backoff.jittered(failures, dice);
        let mut waits = self.apart.put_off(in_vain, true, &why, now, wait);
        waits.extend(self.apart.put_off(unasked, false, &why, now, wait));
        self.fails(why, true, waits.first().copied().unwrap_or_default(), ctx);
        for wait in waits {
            // Not left until the next tick, which may be an hour away.
            later(ctx, wait, |actor: &mut Self, ctx| {
                let due = actor.apart.due(Instant::now());
                actor.pend(&due);
                actor.proceed(ctx);
            });
        }
    }

    /// Has nothing asked for until Kraken may answer again, or for as long as it asks for.
    fn wait(&mut self, trouble: Trouble, brought: bool, asked: &Asked, ctx: &mut Context<Self>) {
        let Trouble { error, in_vain, unasked } = trouble;
        self.failures = self.failures.saturating_add(1);
        let wait = self.retry.backoff.jittered(self.failures, fastrand::f64());
        let wait = wait.max(self.heed(&error));
        if !in_vain.is_empty() || !unasked.is_empty() {
            self.pending.extend(asked.due.iter());
        }
        let why = error.failure(&self.config.url);
        if !error.is_plea() {
            // All are asked for again at once, and these last: they may fail for their own reasons.
            self.apart.put_off(in_vain, true, &why, Instant::now(), |_| Duration::ZERO);
        }
        self.fails(why, brought, wait, ctx);
        self.phase = Phase::Waiting;
        later(ctx, wait, |actor: &mut Self, ctx| {
            actor.phase = Phase::Idle;
            actor.proceed(ctx);
        });
    }

    /// Takes down a failure, although Kraken `gives` some quotes, or all of them, or none.
    fn fails(&mut self, why: Failure, gives: bool, wait: Duration, ctx: &mut Context<Self>) {
        let before = self.report.failing.take();
        self.report.failing = Some(Failing::after(before, why, Timestamp::now()));
        self.gives = gives;
        self.tell_why(wait, ctx);
    }

    /// Logs what fails and why, if that is news. If something else has just been told, it is told
    /// in time: the next attempt, after `wait`, may be minutes away.
    fn tell_why(&mut self, wait: Duration, ctx: &mut Context<Self>) {
        let Some(Failing { failure, attempts, .. }) = &self.report.failing else { return };
        let what = match self.gives {
            true => "Kraken gives quotes, but there is trouble",
            false => "Kraken gives no quotes",
        };
        let Err(left) = self.told.say(&(self.gives, failure.clone()), Instant::now()) else {
            warn!(self.log, "{}: {}", what, failure;
                "class" => failure.class.name(), "next_try_ms" => wait.as_millis() as u64);
            return;
        };
        debug!(self.log, "{}, still: {}", what, failure; "attempts" => attempts);
        if left < wait {
            later(ctx, left, move |actor: &mut Self, ctx| actor.tell_why(wait - left, ctx));
        }
    }

    /// Asks for nothing at all for as long as Kraken wants to be left alone, whatever it was asked
    /// for, and whatever becomes of this actor; for how long that is.
    pub(super) fn heed(&mut self, error: &KrakenError) -> Duration {
        let wait = error.wait().unwrap_or_default();
        let until = Instant::now() + wait;
        // A shorter one does not take back a longer.
        if !wait.is_zero() && self.plea.as_ref().is_none_or(|(_, known)| *known < until) {
            self.gate.shut_for(wait);
            self.plea = error.again(wait).map(|error| (error, until));
        }
        wait
    }

    /// How Kraken last asked for a wait, with what is left of it.
    pub(super) fn plea(&self) -> Option<KrakenError> {
        let (error, until) = self.plea.as_ref()?;
        error.again(until.saturating_duration_since(Instant::now()))
    }
}
