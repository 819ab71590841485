//! ratesheet reads quotes from the Kraken exchange and writes them into cells of Google
//! spreadsheets, tick after tick, for ever: a tree of actix actors that looks after itself.
//!
//! # Start it
//!
//! ```
//! use actix::Actor;
//! use ratesheet::{Config, GetStatus, SheetConfig, Shutdown, SupervisorActor};
//! use std::time::Duration;
//!
//! # actix_rt::System::new().block_on(async {
//! # use std::io::Write;
//! # #[cfg(feature = "sandbox")] {
//! let config = Config::new().credentials("/run/secrets/key.json").sheet(
//!     SheetConfig::new("15CcPNtMZUSYhO99NOiFyHNjZCmgkvWnV5sKrGrtFLOk", "Sheet 1")
//!         .every(Duration::from_secs(5))
//!         .cell("kraken:xbteur:sell", "A1"),
//! );
//! config.check()?;
//! # let sandbox = ratesheet::sandbox::Sandbox::start()?;
//! # sandbox.auto_create(&[("Sheet 1", 100, 26)]);
//! # let mut key = tempfile::NamedTempFile::new()?;
//! # key.write_all(sandbox.service_account_key().as_bytes())?;
//! # let mut config = config.credentials(key.path());
//! # config.kraken.url = sandbox.url();
//! # config.google.url = sandbox.url();
//! let tree = SupervisorActor::new(config).start(); // its address may go to any thread
//! let status = tree.send(GetStatus).await?; // quotes, cells, failures, restarts
//! println!("{:?}", status.state);
//! tree.send(Shutdown).await?; // finishes the write in flight
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It runs on the thread that starts it, which must have an actix system. It is a guest there: it
//! installs no logger and no signal handler, reads no environment, ends no process and stops no
//! system. Records go to the `log` facade, or to whatever [`SupervisorActor::logger`] is given.
//!
//! # The rooms
//!
//! ```text
//! Config ─▶ ScheduleActor ── Tick ─▶ KrakenActor ── QuoteBatch ─▶ SheetsActor, one a spreadsheet
//! ```
//!
//! | room | what is in it |
//! |---|---|
//! | configuration | [`Config`], from a file ([`Config::from_json`]) or built in code, and the part of each room: [`SheetConfig`], [`KrakenConfig`], [`GoogleConfig`], [`RetryConfig`], [`SupervisionConfig`] |
//! | quotes | [`AssetPair`], [`Quote`], [`QuoteField`], [`Price`]: decimals, never floats |
//! | schedule | [`ScheduleActor`] sends a [`Tick`] whenever sheets are due |
//! | kraken | [`KrakenActor`] answers it with a [`QuoteBatch`] |
//! | sheets | [`SheetsActor`] brings the cells of one spreadsheet to the newest quotes, in the name of an [`Account`] |
//! | supervision | [`SupervisorActor`] builds all of them and keeps them alive. It is asked by [`GetStatus`], [`Subscribe`], [`Reload`], [`Restart`] and [`Shutdown`], and tells its subscribers of every [`Event`] |
//!
//! Each actor is given [`Recipient`](actix::Recipient)s and knows nobody, so each can be used by
//! itself. What goes wrong as expected is a [`Failure`], a value in a [`Report`], and is tried
//! again; only what is a bug is a [`Fault`], and restarts an actor. `actors.md` in the repository
//! tells the whole of it, and `examples/` has an application around the tree and an actor alone.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `cli` | yes | the `ratesheet` command; brings `sandbox` and `status` |
//! | `status` | by way of `cli` | `StatusServer`: `/livez` and `/readyz` of a tree |
//! | `sandbox` | by way of `cli` | `ratesheet::sandbox`: stand-ins of Kraken and Google on the loopback, for tests |
//!
//! An application that embeds the actors says `default-features = false`.

mod config;
mod dial;
mod file;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod gate;
mod heartbeat;
mod http;
#[cfg(test)]
mod journal;
mod kraken;
mod messages;
mod newest;
mod patience;
mod quote;
mod retry;
#[cfg(feature = "sandbox")]
pub mod sandbox;
mod schedule;
#[cfg(test)]
mod scripted;
mod seldom;
mod setup;
mod sheets;
#[cfg(feature = "status")]
mod status;
mod suggest;
mod supervisor;
mod suspend;
mod timer;
mod tree;

pub use crate::{
    config::{Config, HeartbeatConfig, LogConfig, LogFormat, LogLevel, StatusConfig},
    dial::{Dialer, Line},
    file::{read_at_most, read_regular, reading_remedy},
    http::{TlsConfig, TlsError},
    kraken::{Feed, KrakenActor, KrakenConfig, Market, Markets, asset_pairs},
    messages::{
        ActorName, CellContent, CellReport, CellValue, Exit, Failing, Failure, FailureClass, Fault,
        KrakenReport, Next, Ping, QuoteBatch, Report, ScheduleReport, SheetIndex,
        SpreadsheetReport, Stop, Tick,
    },
    quote::{AssetPair, InvalidPair, Price, Quote, QuoteField},
    retry::{Backoff, RetryConfig},
    schedule::ScheduleActor,
    setup::SetupError,
    sheets::{
        Account, CellHolds, CellMapping, CellRef, Credentials, FoundCell, GoogleConfig,
        InspectedCell, Inspection, InvalidCell, InvalidKey, MetadataServer, ServiceAccountKey,
        SheetConfig, SheetsActor, SpreadsheetId, Tab,
    },
    supervisor::{
        Escalated, Event, GetStatus, Reload, Restart, RestartIntensity, Shutdown, State, Status,
        Subscribe, SupervisionConfig, SupervisorActor,
    },
    tree::{ConfigError, ConfigProblem, Overlays, span},
};

#[cfg(feature = "status")]
pub use crate::status::StatusServer;
#[cfg(feature = "sandbox")]
pub use crate::supervisor::{Drill, DrillActor};

// The crates whose types are part of this interface, so that a host need not find out which
// versions fit.
pub use {actix, jiff, rust_decimal, slog, tokio};

/// Where records go that no logger was given for: to the `log` facade, which costs nothing when
/// the host has none.
fn log_facade() -> slog::Logger {
    use slog::Drain;
    slog::Logger::root(slog_stdlog::StdLog.fuse(), slog::o!())
}
