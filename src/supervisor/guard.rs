//! Keeps one actor alive: catches its panics, notices when it stops or no longer answers, waits,
//! restarts it, and in the end gives up. Touches: the clock.
//!
//! `actix::Supervisor` restarts an actor that stops, at once and for ever, and never one that
//! panics. This is a guard around the same future that it would run: the mailbox and the address
//! survive, so that the others keep theirs and nothing that waits is lost. It needs
//! `panic = "unwind"`.

use std::{
    any::Any,
    cell::Cell,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    rc::Rc,
    task::Poll,
    time::Duration,
};

use actix::{
    Actor, ActorContext, Addr, AsyncContext, Context, Handler, Recipient, Supervised,
    WeakRecipient, dev::ContextFut,
};
use tokio::{
    sync::Notify,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use super::{
    SupervisionConfig,
    deadline::Deadline,
    intensity::{Count, Restarts},
};
use crate::messages::{ActorName, Exit, Fault, Next, Ping, Stop};

/// So many pings in a row may go unanswered.
const MISSED_PINGS: u32 = 3;

/// An actor that is kept alive until it is stopped, or this is dropped.
#[derive(Debug)]
pub(super) struct Guarded<A: Actor> {
    pub(super) addr: Addr<A>,
    stopping: Rc<Stopping>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Stopping {
    begun: Cell<bool>,
    wake: Notify,
}

/// What is guarded, and how.
#[derive(Debug, Clone)]
pub(super) struct Policy {
    pub(super) name: ActorName,
    pub(super) supervision: SupervisionConfig,
    /// Whether the others can do without it, should it fail too often.
    pub(super) dispensable: bool,
    /// Whom to tell. It is not kept alive: without it there is nobody to be guarded for.
    pub(super) faults: WeakRecipient<Fault>,
}

impl<A> Guarded<A>
where
    A: Actor<Context = Context<A>> + Supervised + Handler<Ping> + Handler<Stop>,
{
    /// Starts an actor and keeps it alive.
    pub(super) fn start(actor: A, policy: Policy) -> Self {
        let ctx = Context::new();
        let addr = ctx.address();
        let actor = ctx.into_future(actor);
        let stopping = Rc::new(Stopping::default());
        let guard = Guard {
            actor,
            ping: addr.clone().recipient(),
            policy,
            stopping: Rc::clone(&stopping),
            restarts: Restarts::default(),
        };
        Self { addr, stopping, task: actix_rt::spawn(guard.run()) }
    }

    /// Asks the actor to stop, and no longer revives it.
    pub(super) fn ask_to_stop(&self) {
        self.stopping.begun.set(true);
        self.stopping.wake.notify_one();
    }

    /// Waits until the actor has stopped, until `deadline` at the longest; whether it has.
    pub(super) async fn stopped(mut self, deadline: Deadline) -> bool {
        self.ask_to_stop();
        // The mailbox may be full, or nobody reading it: both end at the deadline.
        let stop = async {
            if self.addr.send(Stop).await.is_ok() || self.addr.connected() {
                drop((&mut self.task).await);
            }
        };
        tokio::select! {
            biased;
            () = stop => true,
            () = deadline.passed() => false,
        }
    }
}

impl<A: Actor> Drop for Guarded<A> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Guard<A>
where
    A: Actor<Context = Context<A>>,
{
    actor: ContextFut<A, Context<A>>,
    ping: Recipient<Ping>,
    policy: Policy,
    stopping: Rc<Stopping>,
    restarts: Restarts,
}

/// actix polls an actor once more when it is dropped: one that has been restarted and waits would
/// begin.
impl<A> Drop for Guard<A>
where
    A: Actor<Context = Context<A>>,
{
    fn drop(&mut self) {
        self.actor.ctx().terminate();
    }
}

impl<A> Guard<A>
where
    A: Actor<Context = Context<A>> + Supervised,
{
    async fn run(mut self) {
        let mut exit = self.watch().await;
        while !self.stopping.begun.get() {
            // At once, since it drops what the actor was about, which others may be waiting for:
            // its place in a queue, say. It begins anew when it is polled, after the wait.
            let restarted = self.restart();
            let (next, count) = self.judge();
            let fault = Fault { actor: self.policy.name.clone(), exit, count, next };
            if !self.tell(fault).await {
                return;
            }
            let wait = match next {
                Next::GiveUp => return,
                Next::Restart(wait) => wait,
                Next::Park(wait) => {
                    self.restarts.clear();
                    wait
                }
            };
            if self.stopped_within(wait).await {
                return;
            }
            exit = match restarted {
                Ok(()) => self.watch().await,
                Err(exit) => exit,
            };
        }
    }

    /// Whether there is somebody who has heard of it, whom nothing here keeps alive any longer.
    async fn tell(&self, fault: Fault) -> bool {
        let Some(faults) = self.policy.faults.upgrade() else { return false };
        // Awaited, since a fault must not be lost.
        faults.send(fault).await.is_ok()
    }

    /// Runs the actor until it ends in whatever way.
    async fn watch(&mut self) -> Exit {
        let mut stuck = pin!(stuck(self.ping.clone(), self.policy.supervision.ping));
        let actor = &mut self.actor;
        poll_fn(|cx| {
            match catch_unwind(AssertUnwindSafe(|| Pin::new(&mut *actor).poll(cx))) {
                Err(panic) => return Poll::Ready(Exit::Panicked(message(&*panic))),
                Ok(Poll::Ready(())) => return Poll::Ready(Exit::Stopped),
                Ok(Poll::Pending) => {}
            }
            stuck.as_mut().poll(cx).map(|()| Exit::Stuck)
        })
        .await
    }

    /// What happens next, and how many faults count.
    fn judge(&mut self) -> (Next, u32) {
        let supervision = &self.policy.supervision;
        let Count { restarts, too_many } =
            self.restarts.record(Instant::now(), supervision.intensity);
        let next = match (too_many, self.policy.dispensable) {
            (false, _) => Next::Restart(supervision.backoff.ceiling(restarts)),
            (true, true) => Next::Park(supervision.park),
            (true, false) => Next::GiveUp,
        };
        (next, restarts)
    }

    /// Waits; whether it was asked to stop meanwhile.
    async fn stopped_within(&self, wait: Duration) -> bool {
        tokio::select! {
            () = sleep(wait) => self.stopping.begun.get(),
            () = self.stopping.wake.notified() => true,
        }
    }

    fn restart(&mut self) -> Result<(), Exit> {
        let restart = AssertUnwindSafe(|| self.actor.restart());
        match catch_unwind(restart) {
            Ok(true) => Ok(()),
            // Only without an address, of which we hold one.
            Ok(false) => Err(Exit::Stopped),
            Err(panic) => Err(Exit::Panicked(message(&*panic))),
        }
    }
}

/// Ends when the actor has missed too many pings in a row.
async fn stuck(ping: Recipient<Ping>, every: Duration) {
    let mut missed = 0;
    while missed < MISSED_PINGS {
        let asked = Instant::now();
        match timeout(every, ping.send(Ping)).await {
            Ok(_) => {
                missed = 0;
                tokio::time::sleep_until(asked + every).await;
            }
            Err(_) => missed += 1,
        }
    }
}

/// Why it panicked, if that is a text of the program itself: one that was put together may quote
/// what was being read.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&'static str>().copied();
    let withheld = "its message is not shown, as it may quote what was being read";
    crate::http::excerpt(text.unwrap_or(withheld))
}

#[cfg(test)]
mod tests;
