//! What a SheetsActor does when it could not write: it tells, holds off, and tries again later.
//! Touches: the clock, the log.

use std::time::Duration;

use actix::{ActorContext, Context};
use jiff::Timestamp;
use slog::{debug, warn};
use tokio::time::Instant;

use super::{
    Phase, SheetsActor,
    account::Budget,
    auth::AccessToken,
    error::is_nowhere,
    trouble::{Setback, Trouble},
};
use crate::{messages::Failing, timer::later};

impl SheetsActor {
    /// A cell has been set aside, or is being looked for. The spreadsheet may have changed, and
    /// must have if a cell is not where it was found: its properties are read, which say more than
    /// the refusal, and the rest is written, in the same tick.
    pub(super) fn refused(&mut self, text: &str, ctx: &mut Context<Self>) {
        if self.plan.is_hopeless() {
            self.plan.absolve();
            self.fail(Trouble::Hopeless(text.to_owned()), Budget::Writes, ctx);
            return;
        }
        self.report.write_failures += 1;
        self.survey.doubt(Instant::now(), is_nowhere(text));
        self.proceed(ctx);
    }

    /// An attempt to write has failed.
    pub(super) fn fail(&mut self, trouble: Trouble, budget: Budget, ctx: &mut Context<Self>) {
        let setback = self.setback(trouble, self.failures.saturating_add(1), budget);
        self.fall_back(setback, ctx);
    }

    /// What follows from trouble. When Google asks for fewer requests, the whole account waits,
    /// whose budget it is. For a token it waits in any case, and nobody waits longer.
    pub(super) fn setback(&self, trouble: Trouble, attempts: u32, budget: Budget) -> Setback {
        let failure = match (&trouble, &self.report.failing) {
            // What ails it itself is not over, and says more.
            (Trouble::HeldOff(..), Some(own)) => own.failure.clone(),
            _ => trouble.failure(&self.account, self.spreadsheet.as_str()),
        };
        let is_token = matches!(trouble, Trouble::Token(_));
        let mut setback = trouble.setback(failure, attempts, &self.retry, fastrand::f64());
        let wait = self.account.wait_for_token();
        if is_token && !wait.is_zero() {
            setback.wait = wait;
        }
        if setback.is_everybodys {
            self.account.hold_off(setback.wait, budget, &setback.failure);
        }
        setback
    }

    /// Reports a failure, and tries again later.
    pub(super) fn fall_back(&mut self, setback: Setback, ctx: &mut Context<Self>) {
        let Setback { failure, wait, rejected, .. } = setback;
        self.failures = self.failures.saturating_add(1);
        self.report.write_failures += 1;
        let before = self.report.failing.take();
        self.report.failing = Some(Failing::after(before, failure, Timestamp::now()));
        self.tell_why(wait, ctx);
        // It takes a write to see that it is over.
        self.plan.all_afresh();
        self.report.settled = self.tick;
        self.tell();
        match rejected {
            Some(token) => self.replace_token(&token, wait, ctx),
            None => self.wait(wait, ctx),
        }
    }

    /// Logs why it fails, if that is news. If something else has just been told, it is told in
    /// time: the next attempt, after `wait`, may be minutes away.
    fn tell_why(&mut self, wait: Duration, ctx: &mut Context<Self>) {
        let Some(Failing { failure, attempts, .. }) = &self.report.failing else { return };
        let Err(left) = self.told.say(failure, Instant::now()) else {
            warn!(self.log, "the spreadsheet is not written: {}", failure;
                "class" => failure.class.name(), "next_try_ms" => wait.as_millis() as u64);
            return;
        };
        debug!(self.log, "the spreadsheet still fails: {}", failure; "attempts" => attempts);
        if left < wait {
            later(ctx, left, move |actor: &mut Self, ctx| actor.tell_why(wait - left, ctx));
        }
    }

    /// A token that Google does not take is replaced at once; if it takes the next one no better,
    /// that is tried again with backoff.
    fn replace_token(&mut self, token: &AccessToken, wait: Duration, ctx: &mut Context<Self>) {
        self.rejected_tokens = self.rejected_tokens.saturating_add(1);
        let wait = if self.rejected_tokens == 1 { Duration::ZERO } else { wait };
        self.account.reject(token);
        self.wait(wait, ctx);
    }

    /// Goes on after `wait`.
    pub(super) fn wait(&mut self, wait: Duration, ctx: &mut Context<Self>) {
        if self.stopping {
            ctx.stop();
            return;
        }
        self.phase = Phase::Waiting;
        self.wake_after(wait, ctx);
    }

    pub(super) fn wake_after(&self, wait: Duration, ctx: &mut Context<Self>) {
        later(ctx, wait, |actor: &mut Self, ctx| {
            actor.phase = Phase::Idle;
            actor.proceed(ctx);
        });
    }
}

#[cfg(test)]
mod tests;
