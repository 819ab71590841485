//! The room of quotes: the KrakenActor answers a tick with the quotes of the due sheets' pairs.
//! Touches: the network, through `http`. Never: credentials, other rooms.

mod client;
mod config;
mod delivery;
mod error;
mod fetch;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod held_back;
mod listing;
mod markets;
mod pairs;
mod roster;
mod settling;
mod wire;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    rc::Rc,
    sync::Arc,
};

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Recipient, Supervised,
    WeakRecipient, WrapFuture,
};
use jiff::Timestamp;
use slog::Logger;
use tokio::time::Instant;

pub(crate) use self::config::{PAIRS_PER_REQUEST, requests_for};
use self::{
    client::KrakenClient,
    error::KrakenError,
    fetch::{Fetched, Question, Trouble},
    held_back::HeldBack,
    roster::Roster,
};
pub use self::{
    config::KrakenConfig,
    markets::{Market, Markets, asset_pairs},
};
use crate::{
    gate::Gate,
    http::{Tls, TlsConfig, TlsError},
    messages::{Failure, KrakenReport, Ping, QuoteBatch, Report, SheetIndex, Stop, Tick},
    newest::Newest,
    quote::AssetPair,
    retry::RetryConfig,
    seldom::{OnceAMinute, Seldom},
    setup::{SetupError, checked},
};

/// Ticks and the like that may wait.
const MAILBOX: usize = 16;

/// Two requests may follow each other at once after a quiet second, so that the hourly list of
/// asset pairs does not delay a tick.
const BURST: u32 = 2;

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
/// after. A fetch that brings nothing is tried again with backoff, for all that have become due by
/// then; of one that brings something, what it lacks is, and the others' ticks go on.
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
    /// Pairs whose requests fail while others are answered: until they are asked for again.
    apart: HeldBack,
    /// How Kraken last asked for a wait, and until when.
    plea: Option<(KrakenError, Instant)>,
    phase: Phase,
    /// Sheets that are to be fetched next.
    pending: BTreeSet<SheetIndex>,
    /// Sheets that are fetched once more since a fault came between.
    again: BTreeSet<SheetIndex>,
    tick: u64,
    /// How many fetches in a row have brought nothing, or a plea to wait.
    failures: u32,
    /// Whether Kraken gives quotes all the same, while fetches fail.
    gives: bool,
    /// What is told of why fetches fail, and of whether it gives quotes all the same.
    told: Seldom<(bool, Failure)>,
    /// What is told of why the list of asset pairs does not come.
    told_of_list: Seldom<Failure>,
    /// Whether a timer runs that offers to late receivers again what they have not had.
    offers_again: bool,
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
    /// A fetch has brought nothing, or a plea to wait; the next begins when its timer fires.
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
            apart: HeldBack::default(),
            plea: None,
            phase: Phase::Idle,
            pending: BTreeSet::new(),
            again: BTreeSet::new(),
            tick: 0,
            failures: 0,
            gives: false,
            told: Seldom::default(),
            told_of_list: Seldom::default(),
            offers_again: false,
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
        let late = Newest::of(feed.sheets.clone());
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
        if let Some(plea) = self.plea().filter(|_| self.gate.is_shut()) {
            self.ask_nothing(plea, ctx);
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
    fn ask_nothing(&mut self, plea: KrakenError, ctx: &mut Context<Self>) {
        let asked = self.next();
        let unasked = self.pairs_of(&asked.due);
        let failure = plea.failure(&self.config.url);
        let missing = unasked.iter().map(|pair| (pair.clone(), failure.clone())).collect();
        let trouble = Trouble { error: plea, in_vain: BTreeSet::new(), unasked };
        let fetched = Fetched { missing, trouble: Some(trouble), ..Fetched::default() };
        self.settle(fetched, &asked, ctx);
    }

    fn fetch(&mut self, ctx: &mut Context<Self>) {
        let asked = self.next();
        let mut wanted = self.pairs_of(&asked.due);
        let left_out = self.left_out(&wanted);
        wanted.retain(|pair| !left_out.contains_key(pair));
        let question = Question::of(wanted, self.roster.index(), &self.apart);
        self.phase = Phase::Fetching(Arc::clone(&asked.due));
        let (client, gate) = (self.client.clone(), Rc::clone(&self.gate));
        let fetch = async move {
            let answers = question.ask(&client, &gate).await;
            (question, answers)
        };
        ctx.spawn(fetch.into_actor(self).map(move |(question, answers), actor, ctx| {
            let mut fetched = question.deal_out(answers, actor.plea(), &actor.config.url);
            actor.apart.retain(|pair| !fetched.has_answered(pair));
            fetched.missing.extend(left_out);
            actor.settle(fetched, &asked, ctx);
        }));
    }

    /// What the next fetch is for: everything that is pending.
    fn next(&mut self) -> Asked {
        let due = std::mem::take(&mut self.pending).into_iter().collect();
        Asked { due, tick: self.tick, at: Timestamp::now() }
    }

    /// The pairs that are not asked for, since they are not in the list, or were refused lately,
    /// or are asked for again later.
    fn left_out(&mut self, wanted: &BTreeSet<AssetPair>) -> BTreeMap<AssetPair, Failure> {
        let now = Instant::now();
        let unknown = self.roster.unknown(wanted);
        if !unknown.is_empty() {
            self.roster.doubted(now + self.retry.probe);
        }
        self.apart.retain(|pair| !unknown.contains_key(pair));
        let mut left_out = self.roster.held_back(wanted, now);
        left_out.extend(self.apart.now(wanted, now));
        left_out.extend(unknown);
        left_out
    }

    fn pairs_of(&self, due: &[SheetIndex]) -> BTreeSet<AssetPair> {
        let sheets = self.feeds.iter().flat_map(|(feed, _)| &feed.sheets);
        let of_due = sheets.filter(|(sheet, _)| due.contains(sheet));
        of_due.flat_map(|(_, pairs)| pairs).cloned().collect()
    }

    /// Has the sheets fetched that show one of these pairs.
    fn pend(&mut self, pairs: &BTreeSet<AssetPair>) {
        let sheets = self.feeds.iter().flat_map(|(feed, _)| &feed.sheets);
        let with = sheets.filter(|(_, own)| own.iter().any(|pair| pairs.contains(pair)));
        self.pending.extend(with.map(|(sheet, _)| *sheet));
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
        // The timers are gone.
        self.offers_again = false;
        let apart = std::mem::take(&mut self.apart).into_pairs();
        self.pend(&apart);
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

#[cfg(test)]
mod tests;
