//! The room of cells: a SheetsActor keeps the cells of one spreadsheet at the newest quotes.
//! Touches: the network, through `http` and `auth`. Never: other rooms.

mod a1;
mod account;
mod auth;
mod changes;
mod client;
mod config;
mod configured;
mod credentials;
mod error;
mod failing;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod index;
mod inspect;
mod key;
mod limited;
mod locate;
mod metadata;
mod overheard;
mod plan;
mod problem;
mod survey;
mod target_key;
mod tokens;
mod trouble;
mod wire;
mod writing;

use std::{cell::Cell, fmt, rc::Rc, time::Duration};

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Recipient, Supervised,
    WeakRecipient, WrapFuture,
};
use slog::{Logger, debug, info, o, warn};
use tokio::time::Instant;

pub use self::{
    a1::{CellRef, InvalidCell},
    account::Account,
    config::{CellMapping, GoogleConfig, SheetConfig, SpreadsheetId, Tab},
    credentials::{Credentials, MetadataServer},
    inspect::{FoundCell, InspectedCell, Inspection},
    key::{InvalidKey, ServiceAccountKey},
    wire::CellHolds,
};
use self::{
    account::Budget,
    changes::Changes,
    plan::Plan,
    survey::Survey,
    trouble::{Setback, Trouble},
    wire::Properties,
};
pub(crate) use self::{
    auth::DEADLINE as TOKEN_DEADLINE, config::one_tab, configured::PlacedSheet,
    target_key::TargetKey,
};
use crate::{
    http::excerpt,
    messages::{Failure, Ping, QuoteBatch, Report, SheetIndex, SpreadsheetReport, Stop},
    newest::Newest,
    retry::RetryConfig,
    seldom::Seldom,
    setup::checked,
    timer::later,
    tree::ConfigError,
};

/// Quotes that may wait: the newest is all that matters.
const MAILBOX: usize = 4;

/// After a restart the mailbox has the oldest quotes of the meantime; by then newer ones have been
/// offered again, mostly all of them.
const SETTLE: Duration = Duration::from_millis(400);

/// Writes the quotes that it is given into the cells of one spreadsheet.
///
/// One write is in flight at a time. Quotes that come meanwhile take the place of older ones, and
/// a write is made of the newest when it begins. A cell that Google refuses is set aside and
/// probed from time to time; the others are written without it.
///
/// It belongs to the thread that it is started in.
pub struct SheetsActor {
    spreadsheet: SpreadsheetId,
    sheets: Vec<(SheetIndex, SheetConfig)>,
    retry: RetryConfig,
    account: Account,
    reports: Option<WeakRecipient<Report>>,
    log: Logger,
    plan: Plan,
    phase: Phase,
    survey: Survey,
    /// Attempts in a row that came to nothing.
    failures: u32,
    /// Tokens that Google did not take since the last success.
    rejected_tokens: u32,
    tick: u64,
    /// The newest tick in which a price was sent.
    sent: u64,
    /// The newest quotes of each sheet, for the case of a restart.
    newest: Newest,
    /// So many of them have been taken over by a restart, and were not all written since: they
    /// might be what broke the actor.
    suspect: u64,
    /// There has been a price in the spreadsheet.
    priced: bool,
    /// Until when a write of its own that was never answered may be carried out.
    unanswered: Option<Instant>,
    /// What is told of why it fails.
    told: Seldom<Failure>,
    /// The tab of the sheets that name none, as it is known to whoever builds this actor afresh.
    first_tab: Rc<Cell<Option<u32>>>,
    /// What is told of tabs that were moved.
    moved: Seldom<u32>,
    changes: Changes,
    report: SpreadsheetReport,
    stopping: bool,
    /// When it is woken to try a cell again that was set aside.
    alarm: Option<Instant>,
}

/// Probes are no rarer than this, which is what they are at the default: the search for a bad cell
/// may take many of them.
const BETWEEN_PROBES: Duration = Duration::from_secs(10);

/// A plan of these sheets, of which nothing is known yet. Whoever has written here before, a tree
/// that was built afresh or a process that was killed, may have left a write that comes late.
fn plan_for(sheets: &[(SheetIndex, SheetConfig)], retry: &RetryConfig, now: Instant) -> Plan {
    let mut plan = Plan::new(sheets, BETWEEN_PROBES.min(retry.probe / 30));
    plan.others_may_come_late(now + writing::APPLIED_LATE);
    plan
}

/// What the actor is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    /// It is waiting for a token or for its turn: nothing is lost by stopping.
    Preparing,
    /// A write is in flight.
    Writing,
    /// Something has failed; the next attempt begins when its timer fires.
    Waiting,
    /// It has been restarted; it begins when its timer fires.
    Settling,
}

impl SheetsActor {
    /// An actor that writes these sheets, which must all be of one spreadsheet, in the name of
    /// `account`. `retry` says when to try again after a failure.
    ///
    /// # Errors
    /// When a sheet is of another spreadsheet, or anything else is not well formed.
    pub fn new(
        spreadsheet: SpreadsheetId,
        sheets: Vec<(SheetIndex, SheetConfig)>,
        account: Account,
        retry: RetryConfig,
    ) -> Result<Self, ConfigError> {
        checked(|mistakes| config::check(&spreadsheet, &sheets, &retry, mistakes))?;
        let now = Instant::now();
        let plan = plan_for(&sheets, &retry, now);
        let newest = Newest::of(sheets.iter().map(|(index, sheet)| (*index, sheet.pairs())));
        let mut report = SpreadsheetReport::new(spreadsheet.shared());
        report.cells = plan.report();
        Ok(Self {
            log: crate::log_facade(),
            spreadsheet,
            sheets,
            retry,
            account,
            reports: None,
            newest,
            plan,
            phase: Phase::Idle,
            survey: Survey::new(now, retry.probe),
            failures: 0,
            rejected_tokens: 0,
            tick: 0,
            sent: 0,
            suspect: 0,
            priced: false,
            unanswered: None,
            told: Seldom::default(),
            first_tab: Rc::default(),
            moved: Seldom::default(),
            changes: Changes::default(),
            report,
            stopping: false,
            alarm: None,
        })
    }

    /// Takes over, and hands on, which tab is meant by sheets that name none.
    pub(crate) fn stays_in(mut self, first_tab: Rc<Cell<Option<u32>>>) -> Self {
        self.first_tab = first_tab;
        self
    }

    /// Tells how it is doing to `reports`, without keeping it alive.
    #[must_use]
    pub fn reports(mut self, reports: Recipient<Report>) -> Self {
        self.reports = Some(reports.downgrade());
        self
    }

    /// Logs to `log`, and says of which spreadsheet; by default to the `log` facade.
    #[must_use]
    pub fn logger(mut self, log: Logger) -> Self {
        self.log = log.new(o!("spreadsheet" => self.spreadsheet.to_string()));
        self
    }

    /// Goes on with whatever there is to do.
    fn proceed(&mut self, ctx: &mut Context<Self>) {
        if self.stopping && self.phase != Phase::Writing {
            self.tell();
            ctx.stop();
            return;
        }
        if self.phase != Phase::Idle || self.tick == 0 {
            return;
        }
        let now = Instant::now();
        if self.survey.is_due(now) {
            self.read_properties(ctx);
        }
        // What is known is enough to write by, unless it is old, or that has just failed. What
        // comes of the reading brings us back here.
        let is_enough = self.plan.can_go_on() && self.failures == 0 && !self.survey.is_overdue(now);
        if self.survey.is_reading() && !is_enough {
            return;
        }
        if self.plan.is_due(now) {
            self.prepare_write(ctx);
        } else {
            self.nothing_to_do(ctx);
        }
    }

    /// Every healthy cell is as it should be.
    fn nothing_to_do(&mut self, ctx: &mut Context<Self>) {
        self.suspect = 0;
        if self.report.settled != self.tick {
            self.report.settled = self.tick;
            if self.sent != self.tick && self.plan.has_healthy_cell() {
                self.report.unchanged += 1;
                self.succeeded();
            }
        }
        self.plan.settled();
        self.tell();
        self.set_alarm(ctx);
    }

    /// Has everything that waits for its time looked at then: the next tick may be a day away. An
    /// alarm that is set already, and earlier, will do: it is followed by the next.
    fn set_alarm(&mut self, ctx: &mut Context<Self>) {
        let now = Instant::now();
        let read = self.survey.early();
        let Some(next) = self.plan.next_attempt(now).into_iter().chain(read).min() else { return };
        if self.alarm.is_some_and(|alarm| alarm <= next) {
            return;
        }
        self.alarm = Some(next);
        later(ctx, next.saturating_duration_since(now), move |actor: &mut Self, ctx| {
            // One that a later order has overtaken is mute.
            if actor.alarm == Some(next) {
                actor.alarm = None;
                actor.look_again();
                actor.proceed(ctx);
            }
        });
    }

    /// A cell that is to be tried again may be elsewhere by now.
    fn look_again(&mut self) {
        let now = Instant::now();
        if self.plan.probe_due(now) {
            self.survey.doubt(now, false);
        }
    }

    /// Reads the properties, beside whatever else the actor is about.
    fn read_properties(&mut self, ctx: &mut Context<Self>) {
        self.survey.begin();
        let (account, id) = (self.account.clone(), self.spreadsheet.clone());
        let read = async move {
            let token = account.turn(Budget::Reads).await?;
            let read = account.client().properties(&token, id.as_str()).await;
            read.map_err(|error| Trouble::Sheets(error, token))
        };
        ctx.spawn(read.into_actor(self).map(|read, actor, ctx| {
            actor.properties_read(read, ctx);
        }));
    }

    fn properties_read(&mut self, read: Result<Properties, Trouble>, ctx: &mut Context<Self>) {
        let now = Instant::now();
        self.account.introduce(&self.log);
        match read {
            Ok(properties) => {
                if self.survey.done(now) {
                    info!(self.log, "the spreadsheet is read again");
                }
                self.locate(&properties, now);
                self.proceed(ctx);
            }
            Err(trouble) => {
                // What keeps it from being written keeps it from being read.
                let attempts = self.survey.failed().max(self.failures.saturating_add(1));
                let setback = self.setback(trouble, attempts, Budget::Reads);
                let Setback { failure, wait, others_may_succeed, .. } = &setback;
                let lost = self.plan.locate_blindly(failure, now + *wait);
                // Should only the reading be in trouble, what is known is enough to write by; and
                // whoever is writing finds out for himself.
                let stops_all = !others_may_succeed || !self.plan.can_go_on();
                if stops_all && self.phase == Phase::Idle {
                    self.fall_back(setback, ctx);
                    return;
                }
                let next_try = wait.as_millis() as u64;
                if lost > 0 && self.survey.tells(failure, now) {
                    warn!(self.log,
                        "the spreadsheet is not read, and some cells are not found: {}", failure;
                        "cells" => lost, "next_try_ms" => next_try);
                } else {
                    debug!(self.log, "the spreadsheet is not read: {}", failure;
                        "next_try_ms" => next_try);
                }
                self.survey.again_at(now + *wait);
                self.proceed(ctx);
            }
        }
    }

    /// Finds every cell; those of sheets that name no tab in the one that was the first when they
    /// were found before, if there still is such a one. Warns when it is no longer the first.
    fn locate(&mut self, properties: &Properties, now: Instant) {
        let is_there = |gid: &u32| properties.tabs.iter().any(|tab| tab.gid == *gid);
        self.plan.stay_in(self.first_tab.get().filter(is_there));
        self.plan.locate(properties, now + self.retry.probe_in(fastrand::f64()));
        let own = self.plan.first();
        self.first_tab.set(own);
        let Some(first) = properties.tabs.first() else { return };
        // One that is gone is told by its cells.
        if own.filter(is_there).is_none_or(|own| own == first.gid) {
            self.moved.over();
        } else if self.moved.say(&first.gid, now).is_ok() {
            warn!(
                self.log,
                "another tab, {}, is the first now: prices go on into the one that was \
                the first. Name it in the configuration: after a restart they would go into the \
                other",
                a1::quoted(&excerpt(&first.title))
            );
        }
    }

    fn tell(&mut self) {
        self.report.cells = self.plan.report();
        // What is being read says more of a cell than that it was refused.
        if !self.survey.is_reading() {
            self.changes.log(&self.log, &self.report.cells, Instant::now());
        }
        if let Some(reports) = self.reports.as_ref().and_then(WeakRecipient::upgrade) {
            // Reports are cumulative: a lost one costs nothing.
            drop(reports.try_send(Report::Spreadsheet(self.report.clone())));
        }
    }
}

/// awc's client has no `Debug`, and the rest would say little.
impl fmt::Debug for SheetsActor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SheetsActor")
            .field("spreadsheet", &self.spreadsheet)
            .finish_non_exhaustive()
    }
}

impl Actor for SheetsActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        if self.phase == Phase::Settling {
            self.wake_after(SETTLE, ctx);
        }
    }
}

/// The newest quotes are kept, since the next tick of their sheet may be a day away: for once,
/// should they not have been written yet, as they might be what broke the actor.
impl Supervised for SheetsActor {
    fn restarting(&mut self, _: &mut Self::Context) {
        let now = Instant::now();
        let first = self.plan.first();
        self.plan = plan_for(&self.sheets, &self.retry, now);
        self.plan.stay_in(first);
        if self.phase == Phase::Writing {
            self.unanswered = Some(now + writing::APPLIED_LATE);
        }
        if let Some(until) = self.unanswered.filter(|until| now < *until) {
            self.plan.all_may_come_late(until);
        }
        self.newest.forget_first(std::mem::replace(&mut self.suspect, self.newest.count()));
        for batch in self.newest.batches() {
            self.plan.apply(batch, now);
        }
        self.phase = Phase::Settling;
        self.survey = Survey::new(now, self.retry.probe);
        self.rejected_tokens = 0;
        // It is gone, with all that was under way.
        self.alarm = None;
    }
}

impl Handler<QuoteBatch> for SheetsActor {
    type Result = ();

    fn handle(&mut self, batch: QuoteBatch, ctx: &mut Self::Context) {
        self.tick = batch.tick;
        self.plan.apply(&batch, Instant::now());
        self.newest.take_in(batch);
        self.look_again();
        match self.phase {
            Phase::Waiting => {
                self.report.settled = self.tick;
                self.tell();
            }
            _ => self.proceed(ctx),
        }
    }
}

impl Handler<Ping> for SheetsActor {
    type Result = ();

    fn handle(&mut self, _: Ping, _: &mut Self::Context) {}
}

/// A write in flight is finished; nothing else begins.
impl Handler<Stop> for SheetsActor {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        self.stopping = true;
        self.proceed(ctx);
    }
}
