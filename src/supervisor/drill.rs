//! A fire drill: makes an actor fail on purpose, to see it restarted. For tests and the demo
//! (feature `sandbox`). Touches: nothing but the actors.

use std::future::pending;

use actix::{Actor, ActorContext, Addr, AsyncContext, Context, Handler, Message, WrapFuture};

use super::{SupervisorActor, guard::Guarded};
use crate::{
    kraken::KrakenActor,
    messages::{ActorName, Fault},
    schedule::ScheduleActor,
    sheets::SheetsActor,
};

/// A way to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Message)]
#[rtype(result = "()")]
#[non_exhaustive]
pub enum Drill {
    /// Panic.
    Panic,
    /// Stop by itself.
    Stop,
    /// Wait for something that never comes.
    Hang,
}

impl Drill {
    #[expect(clippy::panic, reason = "a panic was ordered")]
    fn perform<A: Actor<Context = Context<A>>>(self, actor: &A, ctx: &mut Context<A>) {
        match self {
            Self::Panic => panic!("a drill"),
            Self::Stop => ctx.stop(),
            Self::Hang => ctx.wait(pending().into_actor(actor)),
        }
    }
}

/// Makes one of the children fail. Answers whether there is such a child.
#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[rtype(result = "bool")]
pub struct DrillActor {
    /// Who.
    pub actor: ActorName,
    /// How.
    pub drill: Drill,
    /// Whether it fails again after every restart.
    pub relentless: bool,
}

impl SupervisorActor {
    fn drill(&self, order: &DrillActor) -> bool {
        let Some(tree) = &self.tree else { return false };
        match &order.actor {
            ActorName::Schedule => send(&tree.schedule, order.drill),
            ActorName::Kraken => send(&tree.kraken, order.drill),
            ActorName::Sheets(id) => {
                let mut found = tree.sheets.iter().filter(|(own, _)| own.as_str() == &**id);
                found.next().is_some_and(|(_, child)| send(child, order.drill))
            }
        }
    }

    /// After a fault: the next of a relentless drill. It waits in the mailbox for the restart.
    pub(super) fn drill_again(&self, fault: &Fault) {
        if let Some(order) = self.relentless.as_ref().filter(|order| order.actor == fault.actor) {
            self.drill(order);
        }
    }
}

fn send<A>(child: &Guarded<A>, drill: Drill) -> bool
where
    A: Actor<Context = Context<A>> + Handler<Drill>,
{
    let addr: &Addr<A> = &child.addr;
    addr.try_send(drill).is_ok()
}

impl Handler<DrillActor> for SupervisorActor {
    type Result = bool;

    fn handle(&mut self, order: DrillActor, _: &mut Self::Context) -> bool {
        let found = self.drill(&order);
        self.relentless = order.relentless.then_some(order);
        found
    }
}

impl Handler<Drill> for ScheduleActor {
    type Result = ();

    fn handle(&mut self, drill: Drill, ctx: &mut Self::Context) {
        drill.perform(self, ctx);
    }
}

impl Handler<Drill> for KrakenActor {
    type Result = ();

    fn handle(&mut self, drill: Drill, ctx: &mut Self::Context) {
        drill.perform(self, ctx);
    }
}

impl Handler<Drill> for SheetsActor {
    type Result = ();

    fn handle(&mut self, drill: Drill, ctx: &mut Self::Context) {
        drill.perform(self, ctx);
    }
}
