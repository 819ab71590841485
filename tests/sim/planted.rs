//! Bugs that the checker must find. They are planted between the product and its servers: what
//! the journal sees is what it would see of a product that has them.

use std::{collections::BTreeMap, rc::Rc};

use tokio::time::sleep;

use crate::{
    checker::Broken,
    faults::{Fault, Service},
    google,
    http1::{Reply, Request},
    net,
    plan::{Happening, secs},
    world::{Exchange, World},
};

/// A bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// A write begins although one is in flight.
    NoInFlightGuard,
    /// After a failure the payload that failed is sent again.
    OldPayload,
    /// After a standstill every missed tick is made up for.
    Burst,
    /// After a standstill there is no tick until the next is due.
    LostTick,
    /// A token that was rejected is kept for ever.
    PoisonedToken,
}

impl Bug {
    pub(crate) const ALL: [Self; 5] =
        [Self::NoInFlightGuard, Self::OldPayload, Self::Burst, Self::LostTick, Self::PoisonedToken];

    /// What the checker has to say about it.
    pub(crate) const fn breaks(self) -> Broken {
        match self {
            Self::NoInFlightGuard => Broken::TwoWrites,
            Self::OldPayload => Broken::OldPayload,
            Self::Burst => Broken::Burst,
            Self::LostTick => Broken::LostTick,
            Self::PoisonedToken => Broken::RejectedToken,
        }
    }
}

/// A bug at work, and what it remembers.
#[derive(Debug, Default)]
pub(crate) struct Planted {
    bug: Option<Bug>,
    /// By spreadsheet: the body of the write that failed last.
    failed: BTreeMap<String, Vec<u8>>,
    /// How many seconds the process has just stood still.
    stalled: Option<u64>,
    /// The first token.
    token: Option<Reply>,
}

impl Planted {
    pub(crate) fn new(bug: Option<Bug>) -> Self {
        Self { bug, ..Self::default() }
    }
}

/// What becomes of a request.
pub(crate) enum Meddled {
    Sent(Request),
    /// It never reaches the server; the product is told this.
    Swallowed(Reply),
}

impl World {
    /// The bug sees something happen.
    pub(crate) fn bug_sees(&self, happening: &Happening) {
        if let Happening::Standstill(long) = happening {
            self.state.borrow_mut().planted.stalled = Some(long.as_secs());
        }
    }

    /// The bug sees a request that the product makes.
    pub(crate) fn meddles(self: &Rc<Self>, service: Service, mut request: Request) -> Meddled {
        let is_fetch = request.path().ends_with("/Ticker");
        let is_write = request.method == "POST" && service == Service::Sheets;
        let state = &mut *self.state.borrow_mut();
        let planted = &mut state.planted;
        match planted.bug {
            Some(Bug::OldPayload) if is_write => {
                if let Some(failed) = planted.failed.remove(google::spreadsheet(&request)) {
                    request.body = failed;
                }
            }
            Some(Bug::Burst) if is_fetch => {
                let shortest = self.plan.sheets.iter().map(|sheet| sheet.every.as_secs()).min();
                let missed = planted.stalled.take().unwrap_or_default() / shortest.unwrap();
                let (world, request) = (Rc::clone(self), request.clone());
                actix_rt::spawn(async move {
                    for _ in 0..missed {
                        sleep(secs(1)).await;
                        net::beside(&world, Service::Kraken, request.clone()).await;
                    }
                });
            }
            Some(Bug::LostTick) if is_fetch && planted.stalled.take().is_some() => {
                let fetch = state.kraken.fetches;
                return Meddled::Swallowed(state.kraken.answer(&request, fetch, None).0);
            }
            Some(Bug::PoisonedToken) if service == Service::Token => {
                if let Some(token) = planted.token.clone() {
                    return Meddled::Swallowed(token);
                }
            }
            _ => {}
        }
        Meddled::Sent(request)
    }

    /// The bug sees what its server makes of a request.
    pub(crate) fn bug_sees_fault(self: &Rc<Self>, exchange: &Exchange) {
        let bug = self.state.borrow().planted.bug;
        let slow = matches!(exchange.fault, Some(Fault::Hang | Fault::Delay | Fault::Drip));
        let is_write = exchange.request.method == "POST" && exchange.service == Service::Sheets;
        if bug == Some(Bug::NoInFlightGuard) && is_write && slow {
            let (world, request) = (Rc::clone(self), exchange.request.clone());
            actix_rt::spawn(async move {
                sleep(secs(1)).await;
                net::beside(&world, Service::Sheets, request).await;
            });
        }
    }

    /// The bug sees an answer.
    pub(crate) fn bug_sees_end(&self, exchange: &Exchange, reply: Option<&Reply>, good: bool) {
        let planted = &mut self.state.borrow_mut().planted;
        match (planted.bug, exchange.service) {
            (Some(Bug::OldPayload), Service::Sheets)
                if exchange.request.method == "POST" && !good =>
            {
                let book = google::spreadsheet(&exchange.request).to_owned();
                planted.failed.insert(book, exchange.request.body.clone());
            }
            (Some(Bug::PoisonedToken), Service::Token) if good => {
                planted.token = reply.cloned();
            }
            _ => {}
        }
    }
}
