//! How Kraken is asked. Pure: no I/O, no clock, no randomness.

use std::time::Duration;

use crate::tree::{DurationRange, Mistakes, Section, millis};

/// The most pairs that are asked for in one request: with all of Kraken's it answers 520.
pub(crate) const PAIRS_PER_REQUEST: usize = 100;

/// More requests than this, and all of Kraken's tickers in one are cheaper (430 kB, one request
/// of the one a second that Kraken allows).
pub(super) const MOST_REQUESTS: usize = 4;

/// How many requests the tickers of so many pairs take.
pub(crate) fn requests_for(pairs: usize) -> u32 {
    let requests = pairs.div_ceil(PAIRS_PER_REQUEST);
    if requests > MOST_REQUESTS { 1 } else { u32::try_from(requests).unwrap_or(u32::MAX) }
}

/// From how long to how long a request may be let take.
const DEADLINE: DurationRange = millis(1, 600_000);

/// How many requests a second may be asked for: a stand-in of Kraken's bears more than Kraken.
const REQUESTS_PER_SECOND: (f64, f64) = (0.001, 1_000.0);

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

impl KrakenConfig {
    /// Reads the section `kraken`.
    pub(crate) fn from_section(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        Self {
            url: section.endpoint("url").unwrap_or(default.url),
            deadline: section.duration("deadline", &DEADLINE).unwrap_or(default.deadline),
            requests_per_second: section
                .number("requests_per_second", REQUESTS_PER_SECOND)
                .unwrap_or(default.requests_per_second),
        }
    }

    /// Notes what is wrong with a section that was built in code.
    pub(crate) fn check(&self, mistakes: &mut Mistakes) {
        mistakes.endpoint("kraken.url", &self.url);
        mistakes.duration("kraken.deadline", self.deadline, &DEADLINE);
        mistakes.number(
            "kraken.requests_per_second",
            self.requests_per_second,
            REQUESTS_PER_SECOND,
        );
    }
}
