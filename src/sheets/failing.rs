//! What a SheetsActor does when it could not write: it tells, holds off, and tries again later.
//! Touches: the clock, the log.

use std::time::Duration;

use actix::{ActorContext, AsyncContext, Context};
use jiff::Timestamp;
use slog::{debug, warn};
use tokio::time::Instant;

use super::{
    Phase, SheetsActor, account::Budget, auth::AccessToken, error::SheetsError, trouble::Trouble,
};
use crate::messages::{Failing, FailureClass};

impl SheetsActor {
    /// A cell has been set aside, or is being looked for. The spreadsheet may have changed: its
    /// properties are read, and the rest is written, in the same tick.
    pub(super) fn refused(&mut self, text: &str, ctx: &mut Context<Self>) {
        if self.plan.is_hopeless() {
            self.plan.absolve();
            self.fail(Trouble::Hopeless(text.to_owned()), Budget::Writes, ctx);
            return;
        }
        self.report.write_failures += 1;
        self.survey.doubt(Instant::now());
        self.proceed(ctx);
    }

    /// Reports a failure, and tries again later.
    pub(super) fn fail(&mut self, trouble: Trouble, budget: Budget, ctx: &mut Context<Self>) {
        self.report.write_failures += 1;
        let failure = trouble.failure(&self.account, self.spreadsheet.as_str());
        let before = self.report.failing.take();
        let news = before.as_ref().is_none_or(|before| before.failure != failure);
        let say = self.seldom.say(before.is_none(), news, Instant::now());
        let failing = Failing::after(before, failure.clone(), Timestamp::now());
        let dice = fastrand::f64();
        let wait = match failure.class {
            FailureClass::Spreadsheet => self.retry.probe_after(failing.attempts, dice),
            _ => self.retry.backoff.jittered(failing.attempts, dice),
        };
        let wait = self.hold_off(&trouble, wait, budget);
        if say {
            warn!(self.log, "the spreadsheet is not written: {}", failure;
                "class" => failure.class.name(), "next_try_ms" => wait.as_millis() as u64);
        } else {
            debug!(self.log, "the spreadsheet still fails: {}", failure;
                "attempts" => failing.attempts);
        }
        self.report.failing = Some(failing);
        // Only a write shows that it is over.
        self.plan.all_afresh();
        self.report.settled = self.tick;
        self.tell();
        match trouble {
            Trouble::Sheets(SheetsError::Unauthorized(_), token) => {
                self.replace_token(&token, wait, ctx);
            }
            _ => self.wait(wait, ctx),
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
        let number = self.report.write_failures;
        self.phase = Phase::Waiting(number);
        ctx.run_later(wait, move |actor, ctx| {
            if actor.phase == Phase::Waiting(number) {
                actor.phase = Phase::Idle;
                actor.proceed(ctx);
            }
        });
    }

    /// How long to wait after this trouble. When Google asks for fewer requests, the whole account
    /// waits, whose budget it is.
    pub(super) fn hold_off(&self, trouble: &Trouble, wait: Duration, budget: Budget) -> Duration {
        let Trouble::Sheets(SheetsError::RateLimited { wait: asked, .. }, _) = trouble else {
            return wait;
        };
        // Google may not say how long; to ask again at once would be asking for more of it.
        let wait = wait.max(asked.unwrap_or(self.retry.backoff.min * 2));
        self.account.hold_off(wait, budget);
        wait
    }
}
