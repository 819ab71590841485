//! ratesheet reads quotes from the Kraken exchange and writes them into cells of Google
//! spreadsheets, tick after tick, for ever.

mod config;
mod http;
mod kraken;
mod messages;
mod pace;
mod quote;
#[cfg(feature = "sandbox")]
pub mod sandbox;
mod sheets;
mod suggest;
mod supervisor;

pub use crate::{
    config::Config,
    http::TlsConfig,
    kraken::KrakenConfig,
    messages::*,
    pace::{Backoff, RetryConfig},
    quote::{AssetPair, InvalidPair, Price, Quote, QuoteField},
    sheets::{CellMapping, CellRef, GoogleConfig, InvalidCell, SheetConfig, SpreadsheetId, Tab},
    supervisor::{RestartIntensity, SupervisionConfig},
};
