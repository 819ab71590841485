//! How Kraken is asked. Pure: no I/O, no clock, no randomness.

use std::time::Duration;

/// How Kraken is asked: section `kraken` of the configuration.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct KrakenConfig {
    /// Where Kraken is: `https://api.kraken.com`. Without a path; plain http for loopback alone.
    pub url: String,
    /// The longest that one request may take in all, from connecting to the last byte: 10 s.
    pub deadline: Duration,
    /// Requests a second, on the average: 1, which is what Kraken allows an address.
    pub requests_per_second: f64,
}

impl Default for KrakenConfig {
    fn default() -> Self {
        Self {
            url: "https://api.kraken.com".into(),
            deadline: Duration::from_secs(10),
            requests_per_second: 1.0,
        }
    }
}
