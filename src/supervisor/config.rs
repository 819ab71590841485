//! When actors are restarted. Pure: no I/O, no clock, no randomness.

use std::time::Duration;

use super::intensity::RestartIntensity;
use crate::{
    retry::Backoff,
    tree::{DurationRange, Mistakes, Section, millis},
};

/// How many restarts may be borne within a period.
const MAX_RESTARTS: (u32, u32) = (0, 1_000);

/// From how long to how long anything here may be.
const SPAN: DurationRange = millis(1, 86_400_000);

/// How often an actor may be asked whether it still answers. It is stuck after three pings, and
/// what holds up the loop that it shares with all others, such as a large body, holds it up too:
/// for half a second at the most where the machine is slow. Less would take the loop's fault for
/// the actor's.
const PING: DurationRange = millis(500, 86_400_000);

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
    /// How often each actor is asked whether it still answers: 5 s, and 500 ms at the least. It is
    /// stuck when it has not answered three times in a row.
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

impl SupervisionConfig {
    /// Reads the section `supervision`.
    pub(crate) fn from_section(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        let intensity = RestartIntensity {
            max_restarts: section
                .integer("max_restarts", MAX_RESTARTS)
                .unwrap_or(default.intensity.max_restarts),
            period: section.duration("period", &SPAN).unwrap_or(default.intensity.period),
        };
        let keys = ["backoff_min", "backoff_max"];
        let [min, max] = section.bounds(keys, &SPAN, [default.backoff.min, default.backoff.max]);
        Self {
            intensity,
            backoff: Backoff { min, max },
            park: section.duration("park", &SPAN).unwrap_or(default.park),
            ping: section.duration("ping", &PING).unwrap_or(default.ping),
        }
    }

    /// Notes what is wrong with a section that was built in code.
    pub(crate) fn check(&self, mistakes: &mut Mistakes) {
        let [min, max] = [
            ("supervision.backoff.min", self.backoff.min),
            ("supervision.backoff.max", self.backoff.max),
        ];
        mistakes.integer(
            "supervision.intensity.max_restarts",
            self.intensity.max_restarts,
            MAX_RESTARTS,
        );
        for (path, value) in [
            ("supervision.intensity.period", self.intensity.period),
            min,
            max,
            ("supervision.park", self.park),
        ] {
            mistakes.duration(path, value, &SPAN);
        }
        mistakes.duration("supervision.ping", self.ping, &PING);
        mistakes.ordered(min, max);
    }
}
