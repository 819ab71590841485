//! The room above the rooms: the SupervisorActor builds the tree, keeps it alive, and knows how
//! it is doing. Touches: nothing but the actors. Never: the process.

mod board;
mod config;
mod deadline;
#[cfg(feature = "sandbox")]
mod drill;
mod guard;
mod intensity;
mod tree;

use std::{rc::Rc, sync::Arc, time::Duration};

use actix::{
    Actor, ActorContext, ActorFuture, ActorFutureExt, AsyncContext, Context, Handler, Message,
    MessageResult, Recipient, ResponseActFuture, WrapFuture, fut,
};
use slog::{Logger, crit, error, info, o, warn};
use tokio::{
    runtime::Handle,
    sync::Mutex,
    time::{Instant, timeout},
};

#[cfg(feature = "sandbox")]
pub use self::drill::{Drill, DrillActor};
use self::{
    board::Board,
    deadline::Deadline,
    tree::{FirstTabs, Gates, Surroundings, Tree},
};
pub use self::{
    board::{State, Status},
    config::SupervisionConfig,
    intensity::RestartIntensity,
};
use crate::{
    config::Config,
    dial::Dialer,
    http::Tls,
    messages::{ActorName, Fault, Next, Report},
    sheets::ServiceAccountKey,
};

/// Reports and faults that may wait: each child may have a few on the way.
const MAILBOX: usize = 1024;

/// A tree that is built afresh waits for the writes of the last one for this long, and no longer
/// than `shutdown_grace`: all ticks wait as well, also of spreadsheets that are quick. Most writes
/// take less than a second. One that comes after all is written over within a minute, where there
/// is a price.
const HANDOVER: Duration = Duration::from_secs(2);

/// How is everybody doing?
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Status")]
pub struct GetStatus;

/// Tells the receiver of every [`Event`] from now on.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Subscribe(pub Recipient<Event>);

/// Something has happened in the tree.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
#[non_exhaustive]
pub enum Event {
    /// An actor has reported how it is doing. Reports are cumulative, and a receiver whose
    /// mailbox is full misses some.
    Report(Report),
    /// An actor has failed, and is restarted or not. A receiver whose mailbox is full misses it.
    Fault(Fault),
    /// The tree has given up and has stopped. [`Restart`] starts it afresh.
    Escalated(Escalated),
    /// The tree has been stopped.
    Stopped,
}

/// Why a tree has given up.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Escalated {
    /// The actor that failed too often; `None` if the tree could not be built at all.
    pub actor: Option<ActorName>,
    /// What happened, in words.
    pub reason: String,
}

/// Finish what is in flight, begin nothing new, and stop; answered when that is done, after the
/// configured `shutdown_grace` at the latest, and a second more where a subscriber is stuck. The
/// supervisor is gone then.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Shutdown;

/// Stops the tree, if it still stands, and starts it afresh; answered when it is at work, or with
/// the reason why it is not: it could not be built, or another command has come meanwhile, which
/// says what becomes of the tree.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<(), String>")]
pub struct Restart;

/// Stops the tree, and starts it afresh with another configuration; answered when it is at work.
/// One that no tree can be built of is refused, with the reason, and the old tree stays. There is
/// a reason, too, when another command has come meanwhile, which says what becomes of the tree, or
/// when it could not be built after all.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), String>")]
pub struct Reload(pub Box<Config>);

/// Builds the tree of actors from a configuration, keeps it alive, and knows how it is doing.
///
/// It is a guest of whoever starts it: it touches neither the process nor the system that it
/// runs in. It belongs to the thread that it is started in. When the last of its addresses is
/// dropped, it is gone with all its children, and whatever is in flight is abandoned; [`Shutdown`]
/// is the gentle way.
#[derive(Debug)]
pub struct SupervisorActor {
    config: Arc<Config>,
    key: Option<ServiceAccountKey>,
    dialer: Option<Dialer>,
    log: Logger,
    ticks: Option<u64>,
    /// What files said that a configuration names, when it was accepted: they may have changed
    /// since.
    accepted: Option<Tls>,
    tree: Option<Tree>,
    /// What the last tree was built of.
    built: Option<Arc<Config>>,
    gates: Option<Gates>,
    first_tabs: FirstTabs,
    /// Counts the commands that stop the tree.
    era: u64,
    /// It has been told to shut down, whatever else it is told.
    leaving: bool,
    /// How many wait for that.
    shutdowns: u32,
    /// Who holds it is stopping a tree.
    turn: Rc<Mutex<()>>,
    /// Until when the last tree may go on that was told to stop.
    deadline: Deadline,
    board: Board,
    subscribers: Vec<Recipient<Event>>,
    #[cfg(feature = "sandbox")]
    relentless: Option<DrillActor>,
}

impl SupervisorActor {
    /// A supervisor of a tree that does what `config` says.
    pub fn new(config: Config) -> Self {
        Self {
            config: Arc::new(config),
            key: None,
            dialer: None,
            log: crate::log_facade(),
            ticks: None,
            accepted: None,
            tree: None,
            built: None,
            gates: None,
            first_tabs: FirstTabs::new(),
            era: 0,
            leaving: false,
            shutdowns: 0,
            turn: Rc::default(),
            deadline: Deadline::at(Instant::now()),
            board: Board::default(),
            subscribers: Vec::new(),
            #[cfg(feature = "sandbox")]
            relentless: None,
        }
    }

    /// Writes in the name of this key, whatever `credentials` the configuration names.
    #[must_use]
    pub fn key(mut self, key: ServiceAccountKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Makes its connections by way of `dialer`, whoever they are to; by default by TCP.
    #[must_use]
    pub fn dialer(mut self, dialer: Dialer) -> Self {
        self.dialer = Some(dialer);
        self
    }

    /// Logs to `log`; by default to the `log` facade.
    #[must_use]
    pub fn logger(mut self, log: Logger) -> Self {
        self.log = log;
        self
    }

    /// Ticks so many times and no more.
    #[must_use]
    pub const fn ticks(mut self, ticks: u64) -> Self {
        self.ticks = Some(ticks);
        self
    }

    /// Tells `receiver` of every event, from the first on.
    #[must_use]
    pub fn subscriber(mut self, receiver: Recipient<Event>) -> Self {
        self.subscribers.push(receiver);
        self
    }

    /// Builds the tree, or gives up.
    fn build(&mut self, ctx: &mut Context<Self>) -> Result<(), String> {
        let built = self.try_to_build(ctx);
        if let Err(reason) = &built {
            self.escalated(Escalated { actor: None, reason: reason.clone() }, ctx);
        }
        built
    }

    fn try_to_build(&mut self, ctx: &mut Context<Self>) -> Result<(), String> {
        let spreadsheets = tree::by_spreadsheet(&self.config.sheets).len();
        self.board = Board::new(spreadsheets).of(Arc::clone(&self.config));
        self.config.check().map_err(|mistakes| mistakes.to_string())?;
        for warning in self.config.warnings() {
            warn!(self.log, "{}", warning);
        }
        let around = Surroundings {
            reports: ctx.address().recipient(),
            faults: ctx.address().recipient().downgrade(),
            log: self.log.clone(),
            key: self.key.clone(),
            dialer: self.dialer.clone(),
            ticks: self.ticks,
        };
        let tls = match self.accepted.take() {
            Some(tls) => tls,
            None => Tls::new(&self.config.tls).map_err(|error| error.to_string())?,
        };
        let tree = Tree::build(&self.config, &around, tls, &mut self.first_tabs);
        let tree = tree.map_err(|error| error.to_string())?;
        self.gates = Some(tree.gates.clone().after(self.gates.take()));
        let sheets = self.config.sheets.len();
        info!(self.log, "at work"; "sheets" => sheets, "spreadsheets" => spreadsheets);
        self.tree = Some(tree);
        if let Some(last) = self.built.replace(Arc::clone(&self.config)) {
            for (spreadsheet, lines) in last.left_behind(&self.config) {
                for line in lines {
                    warn!(self.log, "{}", line; "spreadsheet" => spreadsheet.as_str());
                }
            }
        }
        Ok(())
    }

    /// Stops the tree, if it stands, within `grace`, and waits for whatever is being stopped
    /// already, until the deadline that it has. A new era begins: of several commands that stop the
    /// tree, the last one says what comes after.
    fn stop_tree(&mut self, grace: Duration) -> (u64, impl Future<Output = ()> + use<>) {
        self.era += 1;
        let tree = self.tree.take();
        let asked = Instant::now();
        if tree.is_some() {
            self.deadline = Deadline::at(asked + grace);
        }
        let (turn, log, deadline) =
            (Rc::clone(&self.turn), self.log.clone(), self.deadline.clone());
        let stopped = async move {
            let _turn = turn.lock().await;
            let abandoned = match tree {
                Some(tree) => tree.stop(&deadline).await,
                None => Vec::new(),
            };
            for spreadsheet in abandoned {
                warn!(log, "its writer has not stopped in time and is abandoned: if it was writing, \
                    Google may yet carry that out"; "spreadsheet" => spreadsheet.to_string(),
                    "waited_ms" => asked.elapsed().as_millis() as u64);
            }
        };
        (self.era, stopped)
    }

    /// Stops the tree and builds it afresh, or says why it is not built.
    fn rebuild(&mut self) -> impl ActorFuture<Self, Output = Result<(), String>> + use<> {
        let (era, stopped) = self.stop_tree(HANDOVER.min(self.config.shutdown_grace));
        stopped.into_actor(self).map(move |(), actor: &mut Self, ctx: &mut Context<Self>| {
            if actor.leaving {
                Err("the tree is being shut down".into())
            } else if actor.era != era {
                Err("another command has come meanwhile".into())
            } else {
                actor.build(ctx)
            }
        })
    }

    fn escalate(&mut self, fault: &Fault, ctx: &mut Context<Self>) {
        let reason = format!("{} failed {} times: {}", fault.actor, fault.count, fault.exit);
        let escalated = Escalated { actor: Some(fault.actor.clone()), reason };
        let (era, stopped) = self.stop_tree(self.config.shutdown_grace);
        ctx.spawn(stopped.into_actor(self).map(move |(), actor, ctx| {
            if actor.era == era {
                actor.escalated(escalated, ctx);
            }
        }));
    }

    fn escalated(&mut self, escalated: Escalated, ctx: &mut Context<Self>) {
        crit!(self.log, "giving up: {}", escalated.reason);
        self.board.set_state(State::Escalated(escalated.reason.clone()));
        self.announce(Event::Escalated(escalated), ctx);
    }

    /// Tells everybody of something that must not be missed.
    fn announce(&self, event: Event, ctx: &mut Context<Self>) {
        let told = tell_all(self.subscribers.clone(), event);
        ctx.spawn(told.into_actor(self));
    }

    /// Tells everybody of something that may be missed.
    fn mention(&mut self, event: &Event) {
        self.subscribers.retain(Recipient::connected);
        for subscriber in &self.subscribers {
            drop(subscriber.try_send(event.clone()));
        }
    }

    fn log_fault(&self, fault: &Fault) {
        let log = self.log.new(o!("actor" => fault.actor.to_string(), "count" => fault.count));
        match fault.next {
            Next::Restart(wait) => warn!(log, "{} {}", fault.actor, fault.exit;
                "restart_in_ms" => wait.as_millis() as u64),
            Next::Park(wait) => error!(log, "{} {}; it has failed too often and is left alone",
                fault.actor, fault.exit; "next_try_ms" => wait.as_millis() as u64),
            Next::GiveUp => error!(log, "{} {}; it has failed too often", fault.actor, fault.exit),
        }
    }
}

/// Tells everybody who still listens, all at the same time.
async fn tell_all(subscribers: Vec<Recipient<Event>>, event: Event) {
    /// A subscriber that is stuck must not hold up a stop.
    const PATIENCE: Duration = Duration::from_secs(1);
    let telling = subscribers.into_iter().map(|subscriber| {
        let told = timeout(PATIENCE, subscriber.send(event.clone()));
        // Who is gone need not be told.
        actix_rt::spawn(async move { drop(told.await) })
    });
    for told in telling.collect::<Vec<_>>() {
        drop(told.await);
    }
}

impl Actor for SupervisorActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        // actix starts an actor that is dropped before its first turn, wherever that is.
        if Handle::try_current().is_ok() {
            // Why not is told to everybody.
            self.build(ctx).unwrap_or_default();
        }
    }
}

impl Handler<Report> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, report: Report, _: &mut Self::Context) {
        self.board.report(&report);
        if let Some(tree) = &self.tree {
            tree.report(&report);
        }
        self.mention(&Event::Report(report));
    }
}

impl Handler<Fault> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, fault: Fault, ctx: &mut Self::Context) {
        let Some(tree) = &self.tree else {
            return; // it is being stopped, whoever fails on the way
        };
        tree.fault(&fault);
        self.log_fault(&fault);
        let goes_on = self.board.fault(&fault, Instant::now());
        self.mention(&Event::Fault(fault.clone()));
        if goes_on {
            #[cfg(feature = "sandbox")]
            self.drill_again(&fault);
        } else {
            self.escalate(&fault, ctx);
        }
    }
}

impl Handler<GetStatus> for SupervisorActor {
    type Result = MessageResult<GetStatus>;

    fn handle(&mut self, _: GetStatus, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.board.status().clone())
    }
}

impl Handler<Subscribe> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, Subscribe(receiver): Subscribe, _: &mut Self::Context) {
        self.subscribers.push(receiver);
    }
}

impl Handler<Shutdown> for SupervisorActor {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: Shutdown, _: &mut Self::Context) -> Self::Result {
        let grace = self.config.shutdown_grace;
        if !std::mem::replace(&mut self.leaving, true) {
            // What is being stopped for a reload, and would not have been waited for, has it too.
            self.deadline.put_off(Instant::now() + grace);
        }
        self.shutdowns += 1;
        let (_, stopped) = self.stop_tree(grace);
        Box::pin(stopped.into_actor(self).then(|(), actor, _| {
            // The first of several tells it.
            let first = actor.board.status().state != State::Stopped;
            if first {
                actor.board.set_state(State::Stopped);
                info!(actor.log, "stopped");
            }
            let to = if first { actor.subscribers.clone() } else { Vec::new() };
            tell_all(to, Event::Stopped).into_actor(actor).map(|(), actor, ctx| {
                // Whoever else has asked is answered before it is gone.
                actor.shutdowns -= 1;
                if actor.shutdowns == 0 {
                    ctx.stop();
                }
            })
        }))
    }
}

impl Handler<Restart> for SupervisorActor {
    type Result = ResponseActFuture<Self, Result<(), String>>;

    fn handle(&mut self, _: Restart, _: &mut Self::Context) -> Self::Result {
        Box::pin(self.rebuild())
    }
}

impl Handler<Reload> for SupervisorActor {
    type Result = ResponseActFuture<Self, Result<(), String>>;

    fn handle(&mut self, Reload(config): Reload, _: &mut Self::Context) -> Self::Result {
        let usable = config.check().map_err(|mistakes| mistakes.to_string()).and_then(|()| {
            Tree::can_be_built(&config, self.key.as_ref()).map_err(|error| error.to_string())
        });
        match usable {
            Ok(tls) => self.accepted = Some(tls),
            Err(reason) => {
                error!(
                    self.log,
                    "the new configuration cannot be used, the old one stays: {}", reason
                );
                return Box::pin(fut::ready(Err(reason)));
            }
        }
        let rebuilt = self.rebuild();
        self.config = Arc::from(config);
        Box::pin(rebuilt)
    }
}
