//! How a KrakenActor comes by the list of asset pairs, and what it does without.
//! Touches: the network, through `client`; the clock, the log.

use std::rc::Rc;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use slog::{info, warn};
use tokio::time::Instant;

use super::{KrakenActor, error::KrakenError, pairs::PairIndex};

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
                Ok(index) => actor.list_arrived(index),
                Err(error) => actor.list_missed(&error),
            }
            actor.proceed(ctx);
        }));
    }

    fn list_arrived(&mut self, index: PairIndex) {
        self.roster.arrived(index, Instant::now());
        if self.told_of_list.over() {
            info!(self.log, "Kraken's list of asset pairs has come");
        }
    }

    fn list_missed(&mut self, error: &KrakenError) {
        let failures = self.roster.failures();
        let wait = self.retry.backoff.jittered(failures, fastrand::f64());
        let wait = wait.max(self.heed(error));
        self.roster.missed(Instant::now() + wait);
        let failure = error.failure(&self.config.url);
        if self.told_of_list.say(&failure, Instant::now()).is_ok() {
            let without = if self.roster.index().is_some() { "with an old one" } else { "without" };
            warn!(
                self.log,
                "Kraken's list of asset pairs is not to be had, going on {}: {}", without, failure
            );
        }
    }
}
