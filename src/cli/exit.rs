//! How the process ends, in numbers. Those from 64 on are the BSD's `sysexits.h`.

use std::process::ExitCode;

/// What the process says when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Done, or stopped cleanly by a signal.
    Done = 0,
    /// `once`: some cells were not written; `check --online`: some would not be; `pairs`: none was
    /// found; `healthcheck`: not all is well.
    Incomplete = 1,
    /// The arguments make no sense.
    Usage = 64,
    /// `once`, `check --online`, `pairs`: Kraken or Google is not to be had. `once`: nor is a price
    /// of some cells.
    Unavailable = 69,
    /// The supervisor has given up, or has failed itself.
    GaveUp = 70,
    /// The system refuses what the service needs, such as its address, and may grant it later.
    System = 71,
    /// Standard output cannot be written.
    Output = 74,
    /// The credentials are rejected, or cannot be read.
    Credentials = 77,
    /// The configuration cannot be used.
    Config = 78,
    /// SIGINT, the second one of `run` and `demo`: 128 and its number.
    Interrupted = 130,
    /// SIGTERM, likewise.
    Terminated = 143,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
