//! The whole configuration: composed of the rooms' own. Pure: no I/O, no clock, no randomness.

use std::{path::PathBuf, time::Duration};

use crate::{
    http::TlsConfig,
    kraken::KrakenConfig,
    pace::RetryConfig,
    sheets::{GoogleConfig, SheetConfig},
    supervisor::SupervisionConfig,
};

/// Everything that ratesheet can be told.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// The sheets. None is valid: then nothing happens.
    pub sheets: Vec<SheetConfig>,
    /// The file with the service account's key.
    pub credentials: Option<PathBuf>,
    /// How Kraken is asked.
    pub kraken: KrakenConfig,
    /// How Google is asked.
    pub google: GoogleConfig,
    /// When to try again after a failure.
    pub retry: RetryConfig,
    /// When to restart an actor after a fault, and when to give up.
    pub supervision: SupervisionConfig,
    /// The longest that a clean stop may take: 8 s, which is below Docker's ten.
    pub shutdown_grace: Duration,
    /// Which certificate authorities are trusted.
    pub tls: TlsConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            sheets: Vec::new(),
            credentials: None,
            kraken: KrakenConfig::default(),
            google: GoogleConfig::default(),
            retry: RetryConfig::default(),
            supervision: SupervisionConfig::default(),
            shutdown_grace: Duration::from_secs(8),
            tls: TlsConfig::default(),
        }
    }
}
