//! A write of a SheetsActor's, from its turn to what has become of it.
//! Touches: the network, through `client`; the clock, the log.

use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use jiff::Timestamp;
use slog::info;
use tokio::time::Instant;

use super::{
    Phase, SheetsActor, account::Budget, auth::AccessToken, error::SheetsError, plan::Write,
    trouble::Trouble,
};

/// A write that was never answered may be carried out after all, and over a newer one: for this
/// long its cells are written at every tick.
pub(super) const APPLIED_LATE: Duration = Duration::from_secs(60);

impl SheetsActor {
    /// Waits for a token and for its turn, and writes.
    pub(super) fn prepare_write(&mut self, ctx: &mut Context<Self>) {
        self.phase = Phase::Preparing;
        let account = self.account.clone();
        let prepare = async move { account.turn(Budget::Writes).await };
        ctx.spawn(prepare.into_actor(self).map(|prepared, actor, ctx| {
            actor.phase = Phase::Idle;
            match prepared {
                Ok(token) => actor.write(token, ctx),
                Err(trouble) => actor.fail(trouble, Budget::Writes, ctx),
            }
        }));
    }

    /// Writes whatever is newest by now.
    fn write(&mut self, token: AccessToken, ctx: &mut Context<Self>) {
        let Some(write) = self.plan.render(Instant::now()) else {
            self.proceed(ctx);
            return;
        };
        self.phase = Phase::Writing;
        if self.plan.has_quotes(&write) {
            self.sent = self.tick;
        }
        let (account, id) = (self.account.clone(), self.spreadsheet.clone());
        let tick = self.tick;
        let send = async move {
            let outcome = account.client().batch_update(&token, id.as_str(), &write.ranges).await;
            (outcome, write, token)
        };
        ctx.spawn(send.into_actor(self).map(move |(outcome, write, token), actor, ctx| {
            actor.phase = Phase::Idle;
            actor.settle(outcome, &write, token, tick, ctx);
        }));
    }

    fn settle(
        &mut self,
        outcome: Result<usize, SheetsError>,
        write: &Write,
        token: AccessToken,
        tick: u64,
        ctx: &mut Context<Self>,
    ) {
        let sent = write.ranges.len();
        let now = Instant::now();
        let until = now + self.retry.probe_in(fastrand::f64());
        match outcome {
            Ok(updated) if updated >= sent => {
                self.plan.confirmed(write);
                self.confirmed(write, tick);
                self.proceed(ctx);
            }
            Ok(updated) => {
                self.plan.ambiguous(write, Instant::now());
                self.fail(Trouble::Partial { updated, sent }, Budget::Writes, ctx);
            }
            Err(SheetsError::BadEntry { index, text }) => {
                self.plan.refused(write, Some(index), &text, until);
                self.refused(&text, ctx);
            }
            Err(SheetsError::BadRequest(text)) => {
                self.plan.refused(write, None, &text, until);
                self.refused(&text, ctx);
            }
            Err(error) => {
                if error.is_ambiguous() {
                    self.not_known(write);
                }
                self.fail(Trouble::Sheets(error, token), Budget::Writes, ctx);
            }
        }
    }

    /// A write may have been carried out, or may be yet.
    fn not_known(&mut self, write: &Write) {
        let until = Instant::now() + APPLIED_LATE;
        self.plan.ambiguous(write, until);
        self.unanswered = Some(until);
    }

    /// A write has been confirmed. The tick has been dealt with when nothing is left to write.
    fn confirmed(&mut self, write: &Write, tick: u64) {
        let cells = write.ranges.len();
        self.report.writes += 1;
        self.report.cells_written += cells as u64;
        self.can_write();
        if self.plan.is_all_confirmed() {
            self.suspect = 0;
        }
        if self.plan.has_quotes(write) {
            self.succeeded();
            if !std::mem::replace(&mut self.priced, true) {
                info!(self.log, "the first prices are in the spreadsheet"; "cells" => cells);
            }
        } else if self.sent != tick && self.plan.has_healthy_cell() {
            // No price has changed, and the time of the newest is in its cell.
            self.succeeded();
        }
        let now = Instant::now();
        if self.plan.is_due(now) || self.survey.is_due(now) {
            self.tell();
        } else {
            // It is told when there is nothing more to do.
            self.report.settled = self.report.settled.max(tick);
        }
    }

    /// Prices are in their cells. That something is wrong, or old, is no price.
    pub(super) fn succeeded(&mut self) {
        self.report.last_success = Some(Timestamp::now());
    }

    /// Google takes what is written.
    fn can_write(&mut self) {
        self.failures = 0;
        self.rejected_tokens = 0;
        self.told.over();
        if let Some(failing) = self.report.failing.take() {
            info!(self.log, "the spreadsheet is written again";
                "attempts" => failing.attempts, "failed_since" => format!("{:.3}", failing.since));
        }
    }
}
