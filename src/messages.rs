//! What crosses from room to room. Data, and the little that follows from it alone: how it reads,
//! how two batches become one. Pure: no I/O, no clock, no randomness.
//!
//! Down the corridor go [`Tick`] and [`QuoteBatch`]; up to the supervisor go [`Report`] and
//! [`Fault`]; [`Ping`] and [`Stop`] come from the supervisor.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use actix::Message;
use jiff::Timestamp;

use crate::quote::{AssetPair, Quote, QuoteField};

/// A configured sheet, by its position in the configuration (the first is 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SheetIndex(pub usize);

/// It is time for these sheets to be written afresh. From the ScheduleActor to the KrakenActor.
#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[rtype(result = "()")]
#[non_exhaustive]
pub struct Tick {
    /// Counts the ticks, from 1.
    pub seq: u64,
    /// The sheets whose cadence it is, never none.
    pub due: Vec<SheetIndex>,
}

impl Tick {
    /// The tick of this number, for these sheets. Numbers begin at 1 and grow.
    pub const fn new(seq: u64, due: Vec<SheetIndex>) -> Self {
        Self { seq, due }
    }
}

/// What a fetch brought. From the KrakenActor to everybody with a due sheet.
///
/// A fetch that failed as a whole brings a batch too, in which every pair is missing: so the
/// receivers know why their cells stay as they are.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
#[non_exhaustive]
pub struct QuoteBatch {
    /// The newest tick that this batch answers.
    pub tick: u64,
    /// The sheets that were due, the receiver's and others'.
    pub due: Arc<[SheetIndex]>,
    /// The quotes, by the pair as configured.
    pub quotes: Arc<BTreeMap<AssetPair, Quote>>,
    /// The pairs that there is no quote of any more, each with its reason. To a receiver that has
    /// been late comes, beside that, the last quote that there was.
    pub missing: Arc<BTreeMap<AssetPair, Failure>>,
}

impl QuoteBatch {
    /// Quotes for the sheets that were due at this tick. Ticks begin at 1 and grow.
    ///
    /// Whoever has quotes of another origin feeds a [`SheetsActor`](crate::SheetsActor) with them:
    ///
    /// ```
    /// use ratesheet::{AssetPair, Price, Quote, QuoteBatch, SheetIndex, jiff::Timestamp};
    ///
    /// let pair: AssetPair = "xbteur".parse()?;
    /// let mut quote = Quote::empty(Timestamp::now());
    /// quote.last = Price::new(57_550.into());
    /// let batch = QuoteBatch::new(1, [SheetIndex(0)], [(pair, quote)]);
    /// assert!(batch.missing.is_empty());
    /// # Ok::<(), ratesheet::InvalidPair>(())
    /// ```
    pub fn new(
        tick: u64,
        due: impl IntoIterator<Item = SheetIndex>,
        quotes: impl IntoIterator<Item = (AssetPair, Quote)>,
    ) -> Self {
        Self {
            tick,
            due: due.into_iter().collect(),
            quotes: Arc::new(quotes.into_iter().collect()),
            missing: Arc::default(),
        }
    }

    /// Says of which pairs there is no quote, and why. The cells of a pair that is neither here
    /// nor there stay as they are.
    #[must_use]
    pub fn missing(self, missing: impl IntoIterator<Item = (AssetPair, Failure)>) -> Self {
        Self { missing: Arc::new(missing.into_iter().collect()), ..self }
    }
}

/// Something expected went wrong: it is told, and tried again. Never a bug.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// What sort of thing went wrong, by what it means for trying again.
    pub class: FailureClass,
    /// What went wrong, in words: a clause without a full stop.
    pub reason: String,
    /// What to do about it, in words: a sentence without a full stop; empty where there is
    /// nothing to do but to wait.
    pub remedy: String,
}

impl Failure {
    /// A failure: what it means, what went wrong (a clause without a full stop), what to do about
    /// it (a sentence without a full stop, or nothing).
    pub fn new(class: FailureClass, reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { class, reason: reason.into(), remedy: remedy.into() }
    }

    /// Kraken has a quote of a pair, and no number in this field of it.
    pub fn not_stated(pair: &AssetPair, field: QuoteField) -> Self {
        let reason = format!("Kraken states no {field} for {pair} at present");
        Self::new(FailureClass::NoQuote, reason, "")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        if !self.remedy.is_empty() {
            write!(f, ". {}", self.remedy)?;
        }
        Ok(())
    }
}

/// What a failure means for trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FailureClass {
    /// It may pass by itself: the network, a server in trouble. Tried again with backoff.
    Transient,
    /// The server asks for fewer requests. Tried again when it allows.
    RateLimited,
    /// The server's certificate is not to be trusted. Tried again with backoff, never bypassed.
    Tls,
    /// Kraken has no number for a cell at present, such as for an empty side of the book. It alone
    /// stands still, until a tick of its sheet brings one.
    NoQuote,
    /// Kraken does not know a pair. Its cells alone stand still; it is asked for from time to time.
    Pair,
    /// One cell cannot be written. It alone stands still, and is probed from time to time.
    Cell,
    /// A whole spreadsheet cannot be written. Probed from time to time.
    Spreadsheet,
    /// Google rejects the credentials, or they cannot be read. The file is read again.
    Credentials,
    /// Google rejects the credentials since this machine's clock is wrong.
    Clock,
}

impl FailureClass {
    /// Whether it lasts until somebody changes something at Kraken, at Google or in the
    /// configuration. A clock that is wrong is not among them: most machines set theirs themselves.
    pub const fn is_permanent(self) -> bool {
        matches!(self, Self::Pair | Self::Cell | Self::Spreadsheet | Self::Credentials)
    }

    /// A short name for logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::RateLimited => "rate_limited",
            Self::Tls => "tls",
            Self::NoQuote => "no_quote",
            Self::Pair => "pair",
            Self::Cell => "cell",
            Self::Spreadsheet => "spreadsheet",
            Self::Credentials => "credentials",
            Self::Clock => "clock",
        }
    }
}

/// A failure that lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failing {
    /// The newest of it.
    pub failure: Failure,
    /// Since when.
    pub since: Timestamp,
    /// How many attempts have failed in a row.
    pub attempts: u32,
}

impl Failing {
    /// One more failure, at `now`, after those that there have been in a row.
    pub(crate) fn after(before: Option<Self>, failure: Failure, now: Timestamp) -> Self {
        let (since, attempts) = before.map_or((now, 0), |before| (before.since, before.attempts));
        Self { failure, since, attempts: attempts.saturating_add(1) }
    }
}

/// How an actor is doing. Cumulative: the newest says all, a lost one costs nothing.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
#[non_exhaustive]
pub enum Report {
    /// From the ScheduleActor.
    Schedule(ScheduleReport),
    /// From the KrakenActor.
    Kraken(KrakenReport),
    /// From a SheetsActor.
    Spreadsheet(SpreadsheetReport),
}

/// How the ScheduleActor is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScheduleReport {
    /// Ticks sent since the start.
    pub ticks: u64,
    /// Due times that passed while this process stood still, or the machine was suspended: each
    /// stall is followed by one tick.
    pub missed: u64,
    /// Attempts to send a tick that came to nothing since the start: the KrakenActor's mailbox was
    /// full, so that its sheets are due with the next, or closed.
    pub undelivered: u64,
}

/// How the KrakenActor is doing.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct KrakenReport {
    /// Requests sent since the start.
    pub requests: u64,
    /// Fetches that brought quotes since the start.
    pub fetches: u64,
    /// Fetches that came into trouble and brought no quote since the start, also those of pairs
    /// that are asked for apart from the others.
    pub failures: u64,
    /// A sheet's ticks that found its predecessor unfinished, since the start: they are skipped.
    pub skipped: u64,
    /// Attempts to hand a batch to a receiver whose mailbox was full or closed, since the start:
    /// where it was full, the newest is offered again.
    pub undelivered: u64,
    /// When the last fetch that brought quotes began: before it waited for its turn.
    pub last_success: Option<Timestamp>,
    /// Why fetches fail, while they do.
    pub failing: Option<Failing>,
    /// The newest quote of each pair that there has been one of, however old; `at` tells its age.
    pub quotes: Arc<BTreeMap<AssetPair, Quote>>,
    /// The pairs that the last fetch brought no quote of.
    pub missing: Arc<BTreeMap<AssetPair, Failure>>,
}

/// How one spreadsheet is doing.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SpreadsheetReport {
    /// The spreadsheet's id.
    pub spreadsheet: Arc<str>,
    /// The newest tick that has been dealt with: written, found unchanged, or failed.
    pub settled: u64,
    /// Writes that succeeded since the start.
    pub writes: u64,
    /// Attempts to write that came to nothing since the start, be it for want of a token or for
    /// what has to be read before.
    pub write_failures: u64,
    /// Ticks in which no value had changed, so that nothing was sent: a success too.
    pub unchanged: u64,
    /// Cells written since the start.
    pub cells_written: u64,
    /// When a tick was last dealt with successfully.
    pub last_success: Option<Timestamp>,
    /// Why nothing can be written, while that is so.
    pub failing: Option<Failing>,
    /// The cells, in the order of the configuration.
    pub cells: Arc<[CellReport]>,
}

impl SpreadsheetReport {
    /// The report of a spreadsheet of which nothing is known yet.
    pub fn new(spreadsheet: impl Into<Arc<str>>) -> Self {
        Self {
            spreadsheet: spreadsheet.into(),
            settled: 0,
            writes: 0,
            write_failures: 0,
            unchanged: 0,
            cells_written: 0,
            last_success: None,
            failing: None,
            cells: Arc::new([]),
        }
    }
}

/// How one cell is doing.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CellReport {
    /// The configured sheet that it belongs to.
    pub sheet: SheetIndex,
    /// Where it is, as a person writes it: `'Sheet 1'!A1` or the name of a range.
    pub cell: Arc<str>,
    /// What it shows.
    pub content: CellContent,
    /// The newest value that Google has confirmed; none after a write whose outcome is not known,
    /// or a restart of its actor, until the next that is confirmed.
    pub written: Option<CellValue>,
    /// Why it stands still, while it does.
    pub failing: Option<Failure>,
}

impl CellReport {
    /// The report of a cell that has not been written yet.
    pub fn new(sheet: SheetIndex, cell: &str, content: CellContent) -> Self {
        Self { sheet, cell: cell.into(), content, written: None, failing: None }
    }
}

/// What a cell shows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CellContent {
    /// A field of a pair.
    Quote(AssetPair, QuoteField),
    /// When the oldest price of its sheet was asked for.
    Updated,
    /// What is wrong with its sheet.
    Problem,
}

impl CellContent {
    /// Whether it is a time, which is told in the spreadsheet's own zone.
    pub const fn tells_time(&self) -> bool {
        matches!(self, Self::Updated | Self::Quote(_, QuoteField::Time))
    }
}

impl fmt::Display for CellContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quote(pair, field) => write!(f, "{pair} {field}"),
            Self::Updated => f.write_str("updated"),
            Self::Problem => f.write_str("problem"),
        }
    }
}

/// What is written into a cell: a number, or the text of a `problem` cell.
#[derive(Debug, Clone, PartialEq)]
pub enum CellValue {
    /// A finite number.
    Number(f64),
    /// A text of a fixed alphabet, perhaps empty.
    Text(Arc<str>),
}

impl fmt::Display for CellValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// One of the supervisor's children.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ActorName {
    /// The ScheduleActor.
    Schedule,
    /// The KrakenActor.
    Kraken,
    /// The SheetsActor of the spreadsheet with this id.
    Sheets(Arc<str>),
}

impl fmt::Display for ActorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schedule => f.write_str("ScheduleActor"),
            Self::Kraken => f.write_str("KrakenActor"),
            Self::Sheets(id) => {
                let short: String = id.chars().take(8).collect();
                write!(f, "SheetsActor({short}…)")
            }
        }
    }
}

/// An actor broke its promise: a bug. From the guard that keeps it alive to the supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[rtype(result = "()")]
#[non_exhaustive]
pub struct Fault {
    /// Who.
    pub actor: ActorName,
    /// How.
    pub exit: Exit,
    /// How many faults of this actor count against its restart intensity now, this one too.
    pub count: u32,
    /// What happens next.
    pub next: Next,
}

impl Fault {
    /// A fault, as a test of whoever hears of faults needs one.
    pub const fn new(actor: ActorName, exit: Exit, count: u32, next: Next) -> Self {
        Self { actor, exit, count, next }
    }
}

/// How an actor ended that should not have.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// It panicked, with this message; one that may quote what was being read is not shown.
    Panicked(String),
    /// It stopped by itself.
    Stopped,
    /// It no longer answers.
    Stuck,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked(message) => write!(f, "panicked: {message}"),
            Self::Stopped => f.write_str("stopped by itself"),
            Self::Stuck => f.write_str("no longer answers"),
        }
    }
}

/// What happens to an actor after a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It is restarted after this wait.
    Restart(Duration),
    /// It has failed too often: it is tried again after this long wait, the others go on.
    Park(Duration),
    /// It has failed too often, and nothing works without it.
    GiveUp,
}

/// Are you there? An actor that does not answer in time is stuck.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Ping;

/// Finish what is in flight, begin nothing new, and stop.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Stop;
