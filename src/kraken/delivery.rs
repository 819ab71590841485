//! How quotes get from a KrakenActor to their receivers, whether these have room or not.
//! Touches: the clock, the log.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use actix::{Context, dev::SendError};
use slog::{debug, warn};
use tokio::time::Instant;

use super::{Asked, KrakenActor};
use crate::{
    messages::QuoteBatch,
    quote::{AssetPair, Quote},
    timer::later,
};

/// A receiver that has no room is offered the newest quotes again after this long.
const OFFER_AGAIN: Duration = Duration::from_millis(250);

impl KrakenActor {
    /// Gives what a fetch has brought to everybody with a due sheet.
    pub(super) fn pass_on(
        &mut self,
        Asked { due, tick, at: _ }: &Asked,
        quotes: Arc<BTreeMap<AssetPair, Quote>>,
        ctx: &mut Context<Self>,
    ) {
        let batch = QuoteBatch {
            tick: *tick,
            due: Arc::clone(due),
            quotes,
            missing: Arc::clone(&self.report.missing),
        };
        self.feeds.iter_mut().for_each(|(_, late)| late.take_in(batch.clone()));
        self.deliver();
        self.deliver_later(ctx);
    }

    /// Gives every receiver that has room what it has not had. One without room is in trouble,
    /// which is its supervisor's business; it gets the newest as soon as it has.
    fn deliver(&mut self) {
        for (feed, late) in &mut self.feeds {
            match late.hand_out(|batch| feed.to.try_send(batch)) {
                Ok(()) => {}
                Err(SendError::Full(_)) => self.report.undelivered += 1,
                Err(SendError::Closed(_)) => {
                    late.forget_first(late.count());
                    self.report.undelivered += 1;
                    if self.nobody.may_say(Instant::now()) {
                        warn!(self.log, "a receiver of quotes is gone: what is fetched for it is \
                            lost"; "tick" => self.tick);
                    }
                }
            }
        }
    }

    /// Has late receivers offered again what they have not had: by one timer, however often they
    /// are late and have caught up before it fires.
    pub(super) fn deliver_later(&mut self, ctx: &mut Context<Self>) {
        let is_somebody_late = self.feeds.iter().any(|(_, late)| !late.is_empty());
        if is_somebody_late && !self.offers_again {
            self.offers_again = true;
            debug!(self.log, "a receiver of quotes has no room"; "tick" => self.tick);
            later(ctx, OFFER_AGAIN, |actor: &mut Self, ctx| {
                actor.offers_again = false;
                actor.deliver();
                actor.deliver_later(ctx);
            });
        }
    }
}
