//! Bugs that the checker must find, at least one for each thing that must not happen. They are
//! planted between the product and its servers: what the journal sees is what it would see of a
//! product that has them. `meddle` has them at work.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use serde_json::Value;

use super::{
    broken::{Broken, listed},
    google::Place,
    http1::{Reply, Request},
};

listed! {
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
    /// When a cell is refused, what has just been written is written once more.
    AllAgain,
    /// What is wrong is told with each write.
    TellsAgain,
    /// For some minutes after a failure what stands still is written with each write.
    NeverSure,
    /// Kraken is shown a token.
    TokenForKraken,
    /// Prices get into the column beside theirs.
    OneColumnOff,
    /// Two cells have each other's prices.
    Swapped,
    /// A price is wrong, once.
    Negative,
    /// After a standstill every missed tick is made up for.
    Burst,
    /// Every fetch is made twice.
    FetchTwice,
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
    /// What fails is tried again every few seconds, however often it has failed.
    Restless,
    /// The properties are read again every few seconds, however often that has failed.
    RestlessSurvey,
    /// That Kraken says there is an error is not taken for a failure.
    RestlessError,
    /// What fails is tried again once at once, and then as it should be.
    Hasty,
    /// What is not shared is asked for every few seconds.
    Insistent,
    /// A write that Google refuses is made again and again.
    RestlessRefusal,
    /// A tick comes between two requests of one fetch.
    ComesBetween,
    /// After an outage every fetch that has failed is made up for.
    MakesUp,
    /// Every failure is told, and not the first of many.
    Chatters,
    /// That something fails is never told.
    Silent,
    /// That it goes on is never told.
    NeverOver,
    /// An actor that has failed is not missed.
    BlindGuard,
    /// An actor that hangs is missed after ten pings.
    SlowGuard,
    /// A token is asked for with each write.
    TokenForEachWrite,
    /// A token is asked for after each write that fails.
    TokenForEachFailure,
    /// Something panics that nobody looks after.
    StrayPanic,
    /// When all is well again it takes a minute until anything is written.
    SlowRecovery,
    /// A spreadsheet that is shared again is looked at after twice the time that is promised.
    SlowProbe,
    /// Prices are written as if somebody had typed them.
    UserEntered,
    /// A price gets into the row below, too.
    TwoRows,
    /// It takes too long to stop.
    SlowStop,
    /// A write that is in flight is broken off when it stops.
    CutWrite,
    /// There is one more fetch after the end.
    Straggler,
}
}

impl Bug {
    /// What the checker must notice of it.
    pub(crate) const fn breaks(self) -> Broken {
        match self {
            Self::NoInFlightGuard => Broken::TwoWrites,
            Self::ImpatientFetch | Self::ComesBetween => Broken::TwoFetches,
            Self::StaleQueue => Broken::Backwards,
            Self::OldPayload => Broken::OldPayload,
            Self::EverythingTwice | Self::AllAgain | Self::TellsAgain | Self::NeverSure => {
                Broken::WrittenTwice
            }
            Self::OneColumnOff | Self::UserEntered | Self::TwoRows => Broken::Foreign,
            Self::Swapped | Self::Negative => Broken::WrongValue,
            Self::Burst | Self::FetchTwice | Self::MakesUp => Broken::Burst,
            Self::LostTick => Broken::LostTick,
            Self::Restless
            | Self::RestlessSurvey
            | Self::RestlessError
            | Self::Hasty
            | Self::Insistent
            | Self::RestlessRefusal => Broken::RetryStorm,
            Self::PoisonedToken => Broken::RejectedToken,
            Self::TokenForEachWrite | Self::TokenForEachFailure => Broken::TokenStorm,
            Self::ListWithoutEnd => Broken::KrakenPace,
            Self::NoBackoff => Broken::WriteBudget,
            Self::SurveyWithoutEnd => Broken::ReadBudget,
            Self::Leak => Broken::Growth,
            Self::Chatters => Broken::Flood,
            Self::Silent => Broken::Untold,
            Self::NeverOver => Broken::NotOver,
            Self::Panic | Self::BlindGuard | Self::SlowGuard => Broken::Fault,
            Self::TokenForKraken => Broken::Leaked,
            Self::StrayPanic => Broken::Panic,
            Self::GivenUp | Self::SlowRecovery | Self::SlowProbe => Broken::NotFresh,
            Self::AllForOne => Broken::Infected,
            Self::TrustsItself => Broken::TypedOver,
            Self::CutWrite => Broken::Cut,
            Self::SlowStop | Self::Straggler => Broken::NotStopped,
        }
    }
}

/// A bug at work, and what it remembers.
#[derive(Debug, Default)]
pub(crate) struct Planted {
    pub(crate) bug: Option<Bug>,
    /// By spreadsheet: the body of the write that failed last.
    pub(crate) failed: BTreeMap<String, Vec<u8>>,
    /// By spreadsheet: what has been written of late.
    pub(crate) written: BTreeMap<String, Vec<Value>>,
    /// By spreadsheet: when a write last failed.
    pub(crate) unsure: BTreeMap<String, Duration>,
    /// A write has just been refused.
    pub(crate) refused: bool,
    /// By spreadsheet: an entry that tells what is wrong.
    pub(crate) told: BTreeMap<String, Value>,
    /// By spreadsheet: the bodies of some writes.
    pub(crate) queue: BTreeMap<String, VecDeque<Vec<u8>>>,
    /// How many seconds the process has just stood still.
    pub(crate) stalled: Option<u64>,
    /// The first token.
    pub(crate) token: Option<Reply>,
    /// By spreadsheet and cell: the price that somebody has typed over.
    pub(crate) typed: BTreeMap<(usize, Place), Value>,
    /// The first request of a fetch, of more than one.
    pub(crate) first: Option<Request>,
    /// How many fetches have failed.
    pub(crate) missed: usize,
    /// When all faults are over, once they are.
    pub(crate) healed: Option<Duration>,
    /// A spreadsheet that is, or was, in trouble.
    pub(crate) troubled: Option<usize>,
    /// Until when a spreadsheet is not looked at.
    pub(crate) unseen: Option<(usize, Duration)>,
}

impl Planted {
    pub(crate) fn new(bug: Option<Bug>) -> Self {
        Self { bug, ..Self::default() }
    }
}
