//! The HeartbeatActor tells a stranger that all is well: it fetches an address, once a minute,
//! while everything succeeds. When it falls silent, the stranger raises the alarm.
//! Touches: the network, through `http`. Never: other rooms.

mod health;

use std::{fmt, sync::Arc, time::Duration};

use actix::{
    Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Handler, WrapFuture,
};
use slog::{Logger, debug, info, warn};
use tokio::time::Instant;

use self::health::Health;
use crate::{
    http::{Http, HttpError, Tls, TlsError},
    messages::{ActorName, Fault, Next, Report, Stop},
    suspend,
    timer::later,
};

/// It is fetched so often, and not more often.
const EVERY: Duration = Duration::from_secs(60);

/// The longest that one fetch may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// The largest answer that is taken; nothing in it matters.
const CAP: usize = 64 * 1024;

/// Reports that may wait.
const MAILBOX: usize = 1024;

/// A heart that beats until this is dropped.
#[derive(Debug)]
pub(crate) struct Heart(Addr<HeartbeatActor>);

impl Heart {
    /// Starts it: it beats while all of `spreadsheets` succeed. Beside each stands for how long
    /// one success is enough.
    pub(crate) fn start(
        url: &str,
        spreadsheets: impl IntoIterator<Item = (Arc<str>, Duration)>,
        tls: &Tls,
        log: &Logger,
    ) -> Result<Self, TlsError> {
        Ok(Self(HeartbeatActor::new(url, spreadsheets, tls, log)?.start()))
    }

    /// Tells it that a child has failed.
    pub(crate) fn fault(&self, fault: &Fault) {
        drop(self.0.try_send(fault.clone()));
    }

    /// Tells it how a child is doing.
    pub(crate) fn report(&self, report: &Report) {
        // Reports are cumulative: a lost one costs nothing.
        drop(self.0.try_send(report.clone()));
    }
}

impl Drop for Heart {
    fn drop(&mut self) {
        // Should its mailbox be full, it does not beat again all the same.
        drop(self.0.try_send(Stop));
    }
}

/// Fetches the heartbeat's address once a minute while every spreadsheet has succeeded within its
/// patience, and nothing fails: so the slowest of them does not set the pace.
///
/// The address is mostly secret: nothing but its host is told. Nobody waits for this actor, and
/// it is not revived: should it ever fail, the silence is what is wanted.
struct HeartbeatActor {
    url: String,
    http: Http,
    health: Health,
    /// What it reckons by: a success grows old though the machine is suspended.
    clock: fn() -> Instant,
    log: Logger,
    last: Option<Instant>,
    in_flight: bool,
    failing: bool,
}

impl HeartbeatActor {
    fn new(
        url: &str,
        spreadsheets: impl IntoIterator<Item = (Arc<str>, Duration)>,
        tls: &Tls,
        log: &Logger,
    ) -> Result<Self, TlsError> {
        let uri = url.parse::<::http::Uri>().ok();
        let host = uri.as_ref().and_then(::http::Uri::host).unwrap_or_default().to_owned();
        Ok(Self {
            url: url.to_owned(),
            http: Http::new(tls, DEADLINE)?,
            health: Health::of(spreadsheets),
            clock: suspend::now,
            log: log.new(slog::o!("actor" => "HeartbeatActor", "host" => host)),
            last: None,
            in_flight: false,
            failing: false,
        })
    }

    fn is_due(&self, now: Instant) -> bool {
        let long_ago = |last| now.saturating_duration_since(last) >= EVERY;
        !self.in_flight && self.last.is_none_or(long_ago) && self.health.is_good(now)
    }

    fn beat_if_due(&mut self, ctx: &mut Context<Self>) {
        let now = (self.clock)();
        // Whoever stopped it found no room to say so: it would be taken for a sign of life.
        if !ctx.connected() || !self.is_due(now) {
            return;
        }
        self.last = Some(now);
        self.in_flight = true;
        // Whatever is not well by then tells when it is well again.
        later(ctx, EVERY, Self::beat_if_due);
        let (http, url) = (self.http.clone(), self.url.clone());
        let fetch = async move { http.get_secret(&url, CAP).await };
        ctx.spawn(fetch.into_actor(self).map(|fetched, actor, _| {
            actor.in_flight = false;
            actor.settle(fetched.map(|answer| answer.status));
        }));
    }

    /// Logs what has changed. The next attempt is in a minute.
    fn settle(&mut self, outcome: Result<u16, HttpError>) {
        let trouble = match outcome {
            Ok(200..=299) => {
                if std::mem::take(&mut self.failing) {
                    info!(self.log, "the heartbeat is heard again");
                }
                return;
            }
            // What is answered, and where one is sent, may tell some of the address.
            Ok(status) => format!("HTTP {status}"),
            Err(HttpError::Redirect { status, .. }) => {
                format!("redirected (HTTP {status}), which is not followed")
            }
            Err(error) => error.to_string(),
        };
        if std::mem::replace(&mut self.failing, true) {
            debug!(self.log, "the heartbeat is still not heard: {}", trouble);
        } else {
            warn!(self.log, "the heartbeat is not heard: {}", trouble);
        }
    }
}

/// Without the address.
impl fmt::Debug for HeartbeatActor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeartbeatActor").field("failing", &self.failing).finish_non_exhaustive()
    }
}

impl Actor for HeartbeatActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<Report> for HeartbeatActor {
    type Result = ();

    fn handle(&mut self, report: Report, ctx: &mut Self::Context) {
        if let Report::Spreadsheet(report) = report {
            self.health.note(&report, (self.clock)());
            self.beat_if_due(ctx);
        }
    }
}

/// Who is left alone reports nothing any more.
impl Handler<Fault> for HeartbeatActor {
    type Result = ();

    fn handle(&mut self, Fault { actor, next, .. }: Fault, _: &mut Self::Context) {
        if let (ActorName::Sheets(spreadsheet), Next::Park(_)) = (actor, next) {
            self.health.left_alone(&spreadsheet);
        }
    }
}

/// Whatever is in flight is abandoned: nobody waits for it.
impl Handler<Stop> for HeartbeatActor {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

#[cfg(test)]
mod tests;
