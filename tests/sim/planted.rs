//! Bugs that the checker must find, one for each thing that must not happen. They are planted
//! between the product and its servers: what the journal sees is what it would see of a product
//! that has them. `meddle` has them at work.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use crate::{checker::Broken, google::Place, http1::Reply};

/// A bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// A write begins although one is in flight.
    NoInFlightGuard,
    /// A fetch begins although one is in flight.
    ImpatientFetch,
    /// Writes wait in a queue, and now and then an old one is sent.
    StaleQueue,
    /// After a failure the payload that failed is sent again.
    OldPayload,
    /// A write that has succeeded is made once more.
    EverythingTwice,
    /// Prices get into the column beside theirs.
    OneColumnOff,
    /// Two cells have each other's prices.
    Swapped,
    /// After a standstill every missed tick is made up for.
    Burst,
    /// After a standstill there is no tick until the next is due.
    LostTick,
    /// A token that was rejected is kept for ever.
    PoisonedToken,
    /// The list of pairs is asked for again and again.
    ListWithoutEnd,
    /// A write that is refused is made again at once.
    NoBackoff,
    /// The properties are read again and again.
    SurveyWithoutEnd,
    /// Connections are never closed.
    Leak,
    /// An actor panics.
    Panic,
    /// After a while nothing is written any more.
    GivenUp,
    /// When one spreadsheet is in trouble the others are not written either.
    AllForOne,
    /// What was written is taken to be there for as long as its price stands still.
    TrustsItself,
    /// It takes too long to stop.
    SlowStop,
}

impl Bug {
    /// The bug by which it is shown that the checker notices this.
    pub(crate) const fn that_breaks(what: Broken) -> Self {
        match what {
            Broken::TwoWrites => Self::NoInFlightGuard,
            Broken::TwoFetches => Self::ImpatientFetch,
            Broken::Backwards => Self::StaleQueue,
            Broken::OldPayload => Self::OldPayload,
            Broken::WrittenTwice => Self::EverythingTwice,
            Broken::Foreign => Self::OneColumnOff,
            Broken::WrongValue => Self::Swapped,
            Broken::Burst => Self::Burst,
            Broken::LostTick => Self::LostTick,
            Broken::RejectedToken => Self::PoisonedToken,
            Broken::KrakenPace => Self::ListWithoutEnd,
            Broken::WriteBudget => Self::NoBackoff,
            Broken::ReadBudget => Self::SurveyWithoutEnd,
            Broken::Growth => Self::Leak,
            Broken::Fault => Self::Panic,
            Broken::NotFresh => Self::GivenUp,
            Broken::Infected => Self::AllForOne,
            Broken::TypedOver => Self::TrustsItself,
            Broken::NotStopped => Self::SlowStop,
        }
    }
}

/// A bug at work, and what it remembers.
#[derive(Debug, Default)]
pub(crate) struct Planted {
    pub(crate) bug: Option<Bug>,
    /// By spreadsheet: the body of the write that failed last.
    pub(crate) failed: BTreeMap<String, Vec<u8>>,
    /// By spreadsheet: the bodies of some writes.
    pub(crate) queue: BTreeMap<String, VecDeque<Vec<u8>>>,
    /// How many seconds the process has just stood still.
    pub(crate) stalled: Option<u64>,
    /// The first token.
    pub(crate) token: Option<Reply>,
    /// By spreadsheet and cell: the price that somebody has typed over.
    pub(crate) typed: BTreeMap<(usize, Place), Value>,
    /// Whether all faults are over.
    pub(crate) healed: bool,
    /// A spreadsheet that is, or was, in trouble.
    pub(crate) troubled: Option<usize>,
}

impl Planted {
    pub(crate) fn new(bug: Option<Bug>) -> Self {
        Self { bug, ..Self::default() }
    }
}
