//! ratesheet reads quotes from the Kraken exchange and writes them into cells of Google
//! spreadsheets, tick after tick, for ever.

mod config;
mod gate;
mod heartbeat;
mod http;
mod kraken;
mod messages;
mod pace;
mod quote;
#[cfg(feature = "sandbox")]
pub mod sandbox;
mod schedule;
mod sheets;
#[cfg(feature = "status")]
mod status;
mod suggest;
mod supervisor;
mod tree;

pub use crate::{
    config::{Config, HeartbeatConfig, LogConfig, LogFormat, LogLevel, StatusConfig},
    http::{TlsConfig, TlsError},
    kraken::{Feed, KrakenActor, KrakenConfig, Market, Markets, asset_pairs},
    messages::*,
    pace::{Backoff, RetryConfig},
    quote::{AssetPair, InvalidPair, Price, Quote, QuoteField},
    schedule::ScheduleActor,
    sheets::{
        Account, CellHolds, CellMapping, CellRef, FoundCell, GoogleConfig, InspectedCell,
        Inspection, InvalidCell, InvalidKey, ServiceAccountKey, SheetConfig, SheetsActor,
        SpreadsheetId, Tab,
    },
    supervisor::{
        Escalated, Event, GetStatus, Reload, Restart, RestartIntensity, Shutdown, State, Status,
        Subscribe, SupervisionConfig, SupervisorActor,
    },
    tree::{ConfigError, ConfigProblem, Overlays},
};

#[cfg(feature = "status")]
pub use crate::status::StatusServer;
#[cfg(feature = "sandbox")]
pub use crate::supervisor::{Drill, DrillActor};

/// Where records go that no logger was given for: to the `log` facade, which costs nothing when
/// the host has none.
fn log_facade() -> slog::Logger {
    use slog::Drain;
    slog::Logger::root(slog_stdlog::StdLog.fuse(), slog::o!())
}
