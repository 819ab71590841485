//! What must not happen.

/// An enum all of whose variants can be had, so that none of them is forgotten.
macro_rules! listed {
    ($(#[$about:meta])* pub(crate) enum $name:ident { $($(#[$doc:meta])* $one:ident,)* }) => {
        $(#[$about])* pub(crate) enum $name { $($(#[$doc])* $one,)* }
        impl $name { pub(crate) const ALL: &[Self] = &[$(Self::$one),*]; }
    };
}
pub(crate) use listed;

listed! {
/// What must not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Broken {
    /// Two writes of one spreadsheet in flight.
    TwoWrites,
    /// Two fetches in flight.
    TwoFetches,
    /// A cell goes back to an older price.
    Backwards,
    /// A write carries an older price than there was when it began.
    OldPayload,
    /// A cell is written with success twice in a tick, or a price of it twice without need.
    WrittenTwice,
    /// What was not configured is touched.
    Foreign,
    /// Somebody sees a token who is not to see it.
    Leaked,
    /// What is neither a price of the cell's nor a plain text gets into a cell.
    WrongValue,
    /// More fetches than ticks and failures account for.
    Burst,
    /// No fetch after a standstill.
    LostTick,
    /// What fails again and again is tried as often as ever.
    RetryStorm,
    /// A token that was rejected is used again and again.
    RejectedToken,
    /// More tokens are asked for than are needed.
    TokenStorm,
    /// More requests to Kraken than its pace allows.
    KrakenPace,
    /// More writes than the budget allows.
    WriteBudget,
    /// More reads than the budget allows.
    ReadBudget,
    /// Connections or requests pile up, or are left over.
    Growth,
    /// More is told in the log than need be.
    Flood,
    /// Something fails for long, and that is not told.
    Untold,
    /// All is well again, and that is not told.
    NotOver,
    /// An actor fails that nobody has made fail, or one that was made to is not missed.
    Fault,
    /// Something panics that is no actor.
    Panic,
    /// A cell is not fresh when it must be.
    NotFresh,
    /// A cell is not fresh because of the trouble of another spreadsheet.
    Infected,
    /// What somebody has typed over a price stays.
    TypedOver,
    /// A write is broken off before its time.
    Cut,
    /// It does not stop in time, or begins something meanwhile.
    NotStopped,
}
}

/// Nothing; or what must not have happened, and how it showed.
pub(crate) type Verdict = Result<(), (Broken, String)>;

/// It is broken if this is so.
pub(crate) fn broken_if(so: bool, what: Broken, how: impl FnOnce() -> String) -> Verdict {
    if so { Err((what, how())) } else { Ok(()) }
}
