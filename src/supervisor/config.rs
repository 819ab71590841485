//! When actors are restarted. Pure: no I/O, no clock, no randomness.

use std::time::Duration;

use super::intensity::RestartIntensity;
use crate::pace::Backoff;

/// When an actor is restarted after a fault: section `supervision` of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SupervisionConfig {
    /// More restarts than this, and it is given up: 5 in 60 s.
    pub intensity: RestartIntensity,
    /// The wait before a restart: 0.5 s, doubling up to 30 s.
    pub backoff: Backoff,
    /// After this long an actor that was given up is tried again, if the others can do without
    /// it: 5 minutes.
    pub park: Duration,
    /// How often each actor is asked whether it still answers: 5 s. It is stuck when it has not
    /// answered three times in a row.
    pub ping: Duration,
}

impl Default for SupervisionConfig {
    fn default() -> Self {
        Self {
            intensity: RestartIntensity { max_restarts: 5, period: Duration::from_secs(60) },
            backoff: Backoff { min: Duration::from_millis(500), max: Duration::from_secs(30) },
            park: Duration::from_secs(300),
            ping: Duration::from_secs(5),
        }
    }
}
