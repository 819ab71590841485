//! The actor that looks after a tree for the status face, and what it leaves for the face's
//! thread to tell. Touches: the clock.

use std::{
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use actix::{
    Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Handler, WeakAddr, WrapFuture,
};
use jiff::Timestamp;
use tokio::time::Instant;

use super::ledger::{Ledger, Moment};
use crate::{
    supervisor::{Event, GetStatus, Status, Subscribe, SupervisorActor},
    suspend,
};

/// How often the loop shows that it turns. The status is renewed as often at the least.
const BEAT: Duration = Duration::from_secs(1);

/// How long the loop may stand still, whatever the cadences are: fifteen beats. A service manager
/// that asks by itself must be more patient, or nobody sees it.
const LOOP_PATIENCE: Duration = Duration::from_secs(15);

/// The status is not renewed sooner, whatever happens.
const PAUSE: Duration = Duration::from_millis(200);

/// What crosses from the watched loop to the face's thread.
#[derive(Debug)]
pub(super) struct Shared {
    start: Instant,
    /// When the loop last turned, in milliseconds after the start.
    beat: AtomicU64,
    known: Mutex<Known>,
    /// How long the loop may stand still.
    pub(super) loop_patience: Duration,
    /// What ages are kept by: a price grows old though the machine is suspended.
    pub(super) clock: fn() -> Instant,
}

/// What is known of the tree.
#[derive(Debug, Clone)]
pub(super) enum Known {
    /// Nothing yet.
    Nothing,
    /// Its status, and since when it has been so.
    Ledger(Arc<Ledger>),
    /// The supervisor is gone.
    Gone,
}

impl Shared {
    /// Nothing is known yet.
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            beat: AtomicU64::new(0),
            known: Mutex::new(Known::Nothing),
            loop_patience: LOOP_PATIENCE,
            clock: suspend::now,
        }
    }

    /// The loop turns.
    pub(super) fn turn(&self) {
        let since = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.beat.store(since, Ordering::Relaxed);
    }

    /// For how long the loop has not turned.
    pub(super) fn standstill(&self) -> Duration {
        let beat = Duration::from_millis(self.beat.load(Ordering::Relaxed));
        self.start.elapsed().saturating_sub(beat)
    }

    pub(super) fn known(&self) -> Known {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn learn(&self, known: Known) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }
}

/// Shows that its loop turns, and asks the supervisor how the tree is doing: each second, and
/// whenever something happens. It ends when nobody holds what it writes to.
pub(super) struct Watch {
    shared: Weak<Shared>,
    /// It is not kept alive for being watched.
    supervisor: WeakAddr<SupervisorActor>,
    ledger: Ledger,
    /// It is asking, or has only just asked.
    asking: bool,
    /// Something has happened since.
    again: bool,
}

impl Watch {
    pub(super) fn new(shared: &Arc<Shared>, supervisor: &Addr<SupervisorActor>) -> Self {
        let (shared, supervisor) = (Arc::downgrade(shared), supervisor.downgrade());
        Self { shared, supervisor, ledger: Ledger::default(), asking: false, again: false }
    }

    /// One at a time: the next is armed when this one has been.
    fn beat(&mut self, ctx: &mut Context<Self>) {
        let Some(shared) = self.shared.upgrade() else {
            ctx.stop();
            return;
        };
        shared.turn();
        self.ask(ctx);
        ctx.run_later(BEAT, Self::beat);
    }

    fn ask(&mut self, ctx: &mut Context<Self>) {
        if self.asking {
            self.again = true;
            return;
        }
        let Some(supervisor) = self.supervisor.upgrade() else {
            self.learn(None);
            return;
        };
        self.asking = true;
        self.again = false;
        let asked = supervisor.send(GetStatus).into_actor(self);
        ctx.spawn(asked.map(|status, actor, ctx| {
            actor.learn(status.ok());
            ctx.run_later(PAUSE, |actor, ctx| {
                actor.asking = false;
                if actor.again {
                    actor.ask(ctx);
                }
            });
        }));
    }

    fn learn(&mut self, status: Option<Status>) {
        let Some(shared) = self.shared.upgrade() else { return };
        shared.learn(match status {
            Some(status) => {
                let now = Moment { instant: (shared.clock)(), at: Timestamp::now() };
                self.ledger.note(status, now);
                Known::Ledger(Arc::new(self.ledger.clone()))
            }
            None => Known::Gone,
        });
    }
}

impl Actor for Watch {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Some(supervisor) = self.supervisor.upgrade() {
            let subscribe = supervisor.send(Subscribe(ctx.address().recipient()));
            // A supervisor that is gone is noticed by the first question.
            ctx.spawn(subscribe.into_actor(self).map(|_, _, _| {}));
        }
        self.beat(ctx);
    }
}

/// Whatever it is, it is a reason to ask: one that was missed is made up for by the next.
impl Handler<Event> for Watch {
    type Result = ();

    fn handle(&mut self, _: Event, ctx: &mut Self::Context) {
        self.ask(ctx);
    }
}
