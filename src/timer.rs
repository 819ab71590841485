//! Timers of actors. Touches: the clock.

use std::time::Duration;

use actix::{Actor, AsyncContext, Context};

/// Calls `then` after `wait`, if somebody still has the actor's address.
///
/// An actor whose last address has been dropped goes on as long as it has a timer. Nobody could
/// see any more what it does, nor stop it: its timers are mute, and it is gone.
pub(crate) fn later<A: Actor<Context = Context<A>>>(
    ctx: &mut Context<A>,
    wait: Duration,
    then: impl FnOnce(&mut A, &mut Context<A>) + 'static,
) {
    ctx.run_later(wait, |actor, ctx| {
        if ctx.connected() {
            then(actor, ctx);
        }
    });
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc};

    use tokio::time::{self, Instant};

    use super::*;

    const EVERY: Duration = Duration::from_secs(1);

    /// Counts the seconds, for ever.
    struct Clock(Rc<Cell<u32>>);

    impl Clock {
        fn arm(&self, ctx: &mut Context<Self>) {
            later(ctx, EVERY, |clock: &mut Self, ctx| {
                clock.0.set(clock.0.get() + 1);
                clock.arm(ctx);
            });
        }
    }

    impl Actor for Clock {
        type Context = Context<Self>;

        fn started(&mut self, ctx: &mut Context<Self>) {
            self.arm(ctx);
        }
    }

    #[test]
    fn an_actor_lives_by_its_timers_until_nobody_has_its_address() {
        actix_rt::System::new().block_on(async {
            time::pause();
            let seconds = Rc::new(Cell::new(0));
            let clock = Clock(Rc::clone(&seconds)).start();
            time::sleep(EVERY * 10 + EVERY / 2).await;
            assert_eq!(seconds.get(), 10, "it stands still although it has an address");
            drop(clock);
            let dropped = Instant::now();
            while Rc::strong_count(&seconds) > 1 {
                assert!(dropped.elapsed() < EVERY * 3, "it goes on");
                time::sleep(EVERY / 10).await;
            }
        });
    }
}
