//! The room of quotes: the KrakenActor answers a tick with the quotes of the due sheets' pairs.
//! Touches: the network, through `http`. Never: credentials, other rooms.

mod client;
mod config;
mod delivery;
mod error;
mod fetch;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod listing;
mod markets;
mod pairs;
mod roster;
mod wire;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Recipient, Supervised,
    WeakRecipient, WrapFuture,
};
use jiff::Timestamp;
use slog::{Logger, debug, info, warn};
use tokio::time::Instant;

pub(crate) use self::config::{PAIRS_PER_REQUEST, requests_for};
use self::{
    client::KrakenClient,
    error::KrakenError,
    fetch::{Fetched, Question},
    roster::Roster,
};
pub use self::{
    config::KrakenConfig,
    markets::{Market, Markets, asset_pairs},
};
use crate::{
    gate::Gate,
    http::{Tls, TlsConfig, TlsError},
    messages::{Failing, Failure, KrakenReport, Ping, QuoteBatch, Report, SheetIndex, Stop, Tick},
    newest::Newest,
    pace::{OnceAMinute, RetryConfig, Seldom},
    quote::AssetPair,
    setup::{SetupError, checked},
    timer::later,
};

/// Ticks and the like that may wait.
const MAILBOX: usize = 16;

/// Two requests may follow each other at once after a quiet second, so that the hourly list of
/// asset pairs does not delay a tick.
const BURST: u32 = 2;

/// A pair that Kraken refuses although it is in the list of asset pairs may have been delisted
/// since: the list is fetched again after this long.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// Who gets quotes, and of which pairs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Feed {
    /// The pairs of each sheet of the receiver's.
    pub sheets: BTreeMap<SheetIndex, Vec<AssetPair>>,
    /// The receiver.
    pub to: Recipient<QuoteBatch>,
}

impl Feed {
    /// The pairs of each sheet, for this receiver.
    pub const fn new(
        sheets: BTreeMap<SheetIndex, Vec<AssetPair>>,
        to: Recipient<QuoteBatch>,
    ) -> Self {
        Self { sheets, to }
    }
}

/// Asks Kraken for quotes at each [`Tick`], and gives them to everybody with a due sheet.
///
/// One fetch is in flight at a time. A sheet's tick that comes while its predecessor is still
/// being fetched is skipped and counted; other sheets' that come meanwhile share one fetch right
/// after. A fetch that fails is tried again with backoff, for all that have become due by then.
///
/// It belongs to the thread that it is started in.
pub struct KrakenActor {
    config: KrakenConfig,
    retry: RetryConfig,
    client: KrakenClient,
    gate: Rc<Gate>,
    /// Who gets quotes, and what each of them has not had yet.
    feeds: Vec<(Feed, Newest)>,
    reports: Option<WeakRecipient<Report>>,
    log: Logger,
    roster: Roster,
    /// The names whose request has failed last.
    failed: BTreeSet<String>,
    /// Why Kraken wants to be left alone, and until when.
    left_alone: Option<(KrakenError, Instant)>,
    phase: Phase,
    /// Sheets that are to be fetched next.
    pending: BTreeSet<SheetIndex>,
    /// Sheets that are fetched once more since a fault came between.
    again: BTreeSet<SheetIndex>,
    tick: u64,
    /// What is told of why fetches fail.
    told: Seldom<Failure>,
    /// What is said of receivers that are gone.
    nobody: OnceAMinute,
    report: KrakenReport,
}

/// What a fetch is for.
struct Asked {
    due: Arc<[SheetIndex]>,
    /// The newest tick that it answers.
    tick: u64,
    at: Timestamp,
}

/// What the actor is about.
enum Phase {
    Idle,
    /// A fetch for these sheets is in flight.
    Fetching(Arc<[SheetIndex]>),
    /// A fetch has failed; the next begins when its timer fires.
    Waiting,
}

impl KrakenActor {
    /// An actor that asks as `config` says, tries again as `retry` says, and trusts whom `tls`
    /// trusts.
    ///
    /// # Errors
    /// When the certificate authorities cannot be read, or anything else is not well formed.
    pub fn new(
        config: KrakenConfig,
        retry: RetryConfig,
        tls: &TlsConfig,
    ) -> Result<Self, SetupError> {
        checked(|mistakes| {
            config.check(mistakes);
            retry.check(mistakes);
        })?;
        Ok(Self::with_tls(config, retry, &Tls::new(tls)?)?)
    }

    pub(crate) fn with_tls(
        config: KrakenConfig,
        retry: RetryConfig,
        tls: &Tls,
    ) -> Result<Self, TlsError> {
        Ok(Self {
            client: KrakenClient::new(&config, tls)?,
            gate: Rc::new(Gate::new(BURST, config.requests_per_second)),
            config,
            retry,
            feeds: Vec::new(),
            reports: None,
            log: crate::log_facade(),
            roster: Roster::default(),
            failed: BTreeSet::new(),
            left_alone: None,
            phase: Phase::Idle,
            pending: BTreeSet::new(),
            again: BTreeSet::new(),
            tick: 0,
            told: Seldom::default(),
            nobody: OnceAMinute::default(),
            report: KrakenReport::default(),
        })
    }

    /// What it waits for its turn at.
    pub(crate) fn gate(&self) -> Rc<Gate> {
        Rc::clone(&self.gate)
    }

    /// Gives quotes to one more receiver.
    #[must_use]
    pub fn feed(mut self, feed: Feed) -> Self {
        let late = Newest::of(feed.sheets.keys().copied());
        self.feeds.push((feed, late));
        self
    }

    /// Tells how it is doing to `reports`, without keeping it alive.
    #[must_use]
    pub fn reports(mut self, reports: Recipient<Report>) -> Self {
        self.reports = Some(reports.downgrade());
        self
    }

    /// Logs to `log`; by default to the `log` facade.
    #[must_use]
    pub fn logger(mut self, log: Logger) -> Self {
        self.log = log;
        self
    }

    /// Goes on with whatever there is to do.
    fn proceed(&mut self, ctx: &mut Context<Self>) {
        if self.pending.is_empty() || !matches!(self.phase, Phase::Idle) {
            return;
        }
        if let Some(error) = self.left_alone() {
            self.ask_nothing(error, ctx);
            return;
        }
        if self.roster.is_due(Instant::now()) {
            self.load_roster(ctx);
        }
        // Its arrival, or its failure, brings us back here.
        if !self.roster.is_awaited() {
            self.fetch(ctx);
        }
    }

    /// Passes on that Kraken wants to be left alone, as if it had been asked and had said so.
    fn ask_nothing(&mut self, error: KrakenError, ctx: &mut Context<Self>) {
        let due: Arc<[SheetIndex]> = std::mem::take(&mut self.pending).into_iter().collect();
        let failure = error.failure(&self.config.url);
        let missing = self.pairs_of(&due).into_iter().map(|pair| (pair, failure.clone())).collect();
        let fetched =
            Fetched { missing, error: Some(error), incomplete: true, ..Fetched::default() };
        let asked = Asked { due, tick: self.tick, at: Timestamp::now() };
        self.settle(fetched, &asked, ctx);
    }

    fn fetch(&mut self, ctx: &mut Context<Self>) {
        let due: Arc<[SheetIndex]> = std::mem::take(&mut self.pending).into_iter().collect();
        let mut wanted = self.pairs_of(&due);
        let left_out = self.left_out(&wanted);
        wanted.retain(|pair| !left_out.contains_key(pair));
        let question = Question::of(wanted, self.roster.index(), &self.failed);
        self.phase = Phase::Fetching(Arc::clone(&due));
        let asked = Asked { due, tick: self.tick, at: Timestamp::now() };
        let (client, gate) = (self.client.clone(), Rc::clone(&self.gate));
        let url = self.config.url.clone();
        let fetch = async move {
            let mut fetched = question.deal_out(question.ask(&client, &gate).await, &url);
            fetched.missing.extend(left_out);
            fetched
        };
        ctx.spawn(fetch.into_actor(self).map(move |fetched, actor, ctx| {
            actor.settle(fetched, &asked, ctx);
        }));
    }

    /// The pairs that are not asked for, since they are not in the list, or were refused lately.
    fn left_out(&mut self, wanted: &BTreeSet<AssetPair>) -> BTreeMap<AssetPair, Failure> {
        let now = Instant::now();
        let unknown = self.roster.unknown(wanted);
        if !unknown.is_empty() {
            self.roster.doubted(now + self.retry.probe);
        }
        let mut left_out = self.roster.held_back(wanted, now);
        left_out.extend(unknown);
        left_out
    }

    fn pairs_of(&self, due: &[SheetIndex]) -> BTreeSet<AssetPair> {
        let sheets = self.feeds.iter().flat_map(|(feed, _)| &feed.sheets);
        let of_due = sheets.filter(|(sheet, _)| due.contains(sheet));
        of_due.flat_map(|(_, pairs)| pairs).cloned().collect()
    }

    /// Takes in what a fetch brought, passes it on, and decides when the next begins.
    fn settle(&mut self, fetched: Fetched, asked: &Asked, ctx: &mut Context<Self>) {
        let Fetched {
            quotes,
            mut missing,
            refused,
            by_key,
            failed,
            error,
            note,
            incomplete,
            requests,
        } = fetched;
        self.failed = failed;
        self.report.requests += requests;
        if let Some(note) = note {
            debug!(self.log, "Kraken gives every quote, and says beside them: {}", note);
        }
        // By a list that has come meanwhile they may be known.
        let outdated = !by_key && self.roster.index().is_some();
        if !refused.is_empty() && outdated {
            missing.retain(|pair, _| !refused.contains(pair));
            self.pending.extend(asked.due.iter());
        } else if !refused.is_empty() {
            self.hold_back(refused, &missing);
        }
        let brought = !quotes.is_empty();
        if brought {
            self.report.fetches += 1;
            self.report.last_success = Some(asked.at);
        }
        let newest = quotes.iter().map(|(pair, quote)| (pair.clone(), quote.clone()));
        Arc::make_mut(&mut self.report.quotes).extend(newest);
        self.report.missing = Arc::new(missing);
        self.phase = Phase::Idle;
        self.again.retain(|sheet| !asked.due.contains(sheet));
        self.pass_on(asked, Arc::new(quotes), ctx);
        match error {
            None if brought => self.succeeded(),
            // With every pair unknown nothing was asked: neither a success nor a failure.
            None => {}
            Some(error) => {
                let wait = self.failed(&error, brought);
                if incomplete {
                    // What did come has been passed on; the rest is not left until the next
                    // tick, which may be an hour away.
                    self.pending.extend(asked.due.iter());
                }
                self.wait(wait, ctx);
            }
        }
        self.tell();
        self.proceed(ctx);
    }

    fn succeeded(&mut self) {
        self.told.over();
        if let Some(failing) = self.report.failing.take() {
            info!(self.log, "Kraken answers again";
                "attempts" => failing.attempts, "failed_since" => format!("{:.3}", failing.since));
        }
    }

    /// Counts a failure, which may have `brought` some quotes, or all of them, and returns the
    /// wait before the next attempt.
    fn failed(&mut self, error: &KrakenError, brought: bool) -> Duration {
        let what = if brought {
            "Kraken gives quotes, but there is trouble"
        } else {
            self.report.failures += 1;
            "Kraken gives no quotes"
        };
        let failure = error.failure(&self.config.url);
        let before = self.report.failing.take();
        let failing = Failing::after(before, failure.clone(), Timestamp::now());
        let wait = self.retry.backoff.jittered(failing.attempts, fastrand::f64());
        let wait = wait.max(self.heed(error));
        if self.told.say(&failure, Instant::now()).is_ok() {
            warn!(self.log, "{}: {}", what, failure;
                "class" => failure.class.name(), "next_try_ms" => wait.as_millis() as u64);
        } else {
            debug!(self.log, "{}, still: {}", what, failure; "attempts" => failing.attempts);
        }
        self.report.failing = Some(failing);
        wait
    }

    /// Keeps refused pairs out of the next requests, and looks for them in a new list.
    fn hold_back(&mut self, refused: BTreeSet<AssetPair>, missing: &BTreeMap<AssetPair, Failure>) {
        let now = Instant::now();
        for pair in refused {
            let Some(failure) = missing.get(&pair) else { continue };
            debug!(self.log, "{}", failure; "pair" => %pair);
            let until = now + self.retry.probe_in(fastrand::f64());
            self.roster.refuse(pair, failure.clone(), until);
        }
        self.roster.doubted(now + ASK_AGAIN_AFTER);
    }

    /// Begins the next fetch after `wait`.
    fn wait(&mut self, wait: Duration, ctx: &mut Context<Self>) {
        self.phase = Phase::Waiting;
        later(ctx, wait, |actor: &mut Self, ctx| {
            actor.phase = Phase::Idle;
            actor.proceed(ctx);
        });
    }

    /// Asks for nothing at all for as long as Kraken wants to be left alone, whatever it was asked
    /// for, and whatever becomes of this actor; for how long that is.
    fn heed(&mut self, error: &KrakenError) -> Duration {
        let wait = error.wait().unwrap_or_default();
        if !wait.is_zero() {
            self.gate.shut_for(wait);
            self.left_alone = error.again(wait).map(|error| (error, Instant::now() + wait));
        }
        wait
    }

    /// Why Kraken wants to be left alone now, and for how long yet.
    fn left_alone(&self) -> Option<KrakenError> {
        let (error, until) = self.left_alone.as_ref()?;
        let wait = until.saturating_duration_since(Instant::now());
        error.again(wait).filter(|_| !wait.is_zero())
    }

    fn tell(&self) {
        if let Some(reports) = self.reports.as_ref().and_then(WeakRecipient::upgrade) {
            // Reports are cumulative: a lost one costs nothing.
            drop(reports.try_send(Report::Kraken(self.report.clone())));
        }
    }
}

/// awc's client has no `Debug`, and the rest would say little.
impl fmt::Debug for KrakenActor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KrakenActor").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Actor for KrakenActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        self.deliver_later(ctx);
        self.proceed(ctx);
    }
}

/// What was due and has not been fetched is fetched again, since its next tick may be a day away.
/// That is done once: if it was what broke the actor, it would break it for ever.
impl Supervised for KrakenActor {
    fn restarting(&mut self, _: &mut Self::Context) {
        if let Phase::Fetching(due) = std::mem::replace(&mut self.phase, Phase::Idle) {
            self.pending.extend(due.iter());
        }
        self.pending = &self.pending - &self.again;
        self.again.clone_from(&self.pending);
        self.roster = Roster::default();
    }
}

impl Handler<Tick> for KrakenActor {
    type Result = ();

    fn handle(&mut self, tick: Tick, ctx: &mut Self::Context) {
        self.tick = tick.seq;
        for sheet in tick.due {
            let fetching = matches!(&self.phase, Phase::Fetching(due) if due.contains(&sheet));
            if fetching || !self.pending.insert(sheet) {
                self.report.skipped += 1;
            }
        }
        self.proceed(ctx);
    }
}

impl Handler<Ping> for KrakenActor {
    type Result = ();

    fn handle(&mut self, _: Ping, _: &mut Self::Context) {}
}

/// A fetch in flight is of no use to anybody any more.
impl Handler<Stop> for KrakenActor {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
