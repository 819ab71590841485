//! ratesheet reads quotes from the Kraken exchange and writes them into cells of Google
//! spreadsheets, tick after tick, for ever.

mod config;
mod http;
mod kraken;
mod messages;
mod pace;
mod quote;
mod sheets;
mod suggest;
mod supervisor;
mod tree;

pub use crate::{
    config::{Config, HeartbeatConfig, LogConfig, LogFormat, LogLevel, StatusConfig},
    http::TlsConfig,
    kraken::KrakenConfig,
    messages::*,
    pace::{Backoff, RetryConfig},
    quote::{AssetPair, InvalidPair, Price, Quote, QuoteField},
    sheets::{
        CellMapping, CellRef, GoogleConfig, InvalidCell, InvalidKey, ServiceAccountKey,
        SheetConfig, SpreadsheetId, Tab,
    },
    supervisor::{RestartIntensity, SupervisionConfig},
    tree::{ConfigError, ConfigProblem, Overlays},
};
