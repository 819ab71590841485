//! How many restarts are too many. Pure: no I/O, no clock, no randomness.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// As many restarts within as long a time are borne, and one more is not: Erlang/OTP's
/// *maximum restart intensity*.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestartIntensity {
    /// The most restarts within the period.
    pub max_restarts: u32,
    /// The period.
    pub period: Duration,
}

/// The restarts of one actor that still count.
#[derive(Debug, Default)]
pub(super) struct Restarts(VecDeque<Instant>);

impl Restarts {
    /// Counts a fault at `now`, and says how many count now.
    pub(super) fn record(&mut self, now: Instant, intensity: RestartIntensity) -> u32 {
        self.0.retain(|&at| now.saturating_duration_since(at) < intensity.period);
        self.0.push_back(now);
        self.len()
    }

    /// How many count.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    /// Forgets them all: the actor gets a new chance.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_restarts_within_the_period_count() {
        let intensity = RestartIntensity { max_restarts: 3, period: Duration::from_secs(60) };
        let start = Instant::now();
        let mut restarts = Restarts::default();
        let counts: Vec<_> = [0, 10, 20, 59, 60, 69, 200]
            .into_iter()
            .map(|s| restarts.record(start + Duration::from_secs(s), intensity))
            .collect();
        assert_eq!(counts, [1, 2, 3, 4, 4, 5, 1]);
        restarts.clear();
        assert_eq!(restarts.record(start, intensity), 1);
    }
}
