//! The room of quotes.

mod config;

pub use self::config::KrakenConfig;
pub(crate) use self::config::PAIRS_PER_REQUEST;
