//! The room of quotes.

mod config;

pub use self::config::KrakenConfig;
