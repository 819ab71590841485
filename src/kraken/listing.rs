//! How a KrakenActor comes by the list of asset pairs, and what it does without.
//! Touches: the network, through `client`; the clock, the log.

use std::rc::Rc;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use slog::warn;
use tokio::time::Instant;

use super::{KrakenActor, error::KrakenError};

impl KrakenActor {
    /// Loads the list of asset pairs in the background.
    pub(super) fn load_roster(&mut self, ctx: &mut Context<Self>) {
        let (client, gate) = (self.client.clone(), Rc::clone(&self.gate));
        let load = async move {
            gate.pass().await;
            client.asset_pairs().await
        };
        ctx.spawn(load.into_actor(self).map(|loaded, actor, ctx| {
            actor.report.requests += 1;
            match loaded {
                Ok(index) => {
                    actor.roster.arrived(index, Instant::now());
                    // They may have other names now.
                    actor.failed.clear();
                }
                Err(error) => actor.no_roster(&error),
            }
            actor.proceed(ctx);
        }));
    }

    fn no_roster(&mut self, error: &KrakenError) {
        let failures = self.roster.failures();
        if failures == 1 {
            warn!(
                self.log,
                "Kraken's list of asset pairs is not to be had, going on without: {}",
                error.failure(&self.config.url)
            );
        }
        let wait = self.retry.backoff.jittered(failures, fastrand::f64());
        let wait = wait.max(self.heed(error));
        self.roster.failed(Instant::now() + wait);
    }
}
