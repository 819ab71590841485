//! How many restarts are too many. Pure: no I/O, no clock, no randomness.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// As many restarts within as long a time are borne, and one more is not: Erlang/OTP's
/// *maximum restart intensity*. Neither is more than twice as many within ten times as long: with
/// growing waits between restarts, and with actors that hang, which takes a while to notice, no
/// number within a short time would ever be too many.
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

/// How many restarts count, and whether they are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count {
    /// Those within the period; when there are too many within the longer one, those.
    pub(super) restarts: u32,
    pub(super) too_many: bool,
}

impl Restarts {
    /// Counts a fault at `now`, and says how it stands.
    pub(super) fn record(&mut self, now: Instant, intensity: RestartIntensity) -> Count {
        let RestartIntensity { max_restarts, period } = intensity;
        let within = |span: Duration| move |at: &Instant| now.saturating_duration_since(*at) < span;
        self.0.retain(within(period.saturating_mul(10)));
        self.0.push_back(now);
        let lately = self.0.iter().copied().filter(within(period)).count();
        let [lately, all] = [lately, self.0.len()].map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        let too_often = all > max_restarts.saturating_mul(2);
        Count {
            restarts: if too_often { all } else { lately },
            too_many: too_often || lately > max_restarts,
        }
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
        let mut at = |s| restarts.record(start + Duration::from_secs(s), intensity);
        let counts = [0, 10, 20, 59].map(&mut at).map(|count| (count.restarts, count.too_many));
        assert_eq!(counts, [(1, false), (2, false), (3, false), (4, true)]);
        restarts.clear();
        assert!(!restarts.record(start, intensity).too_many);
    }

    #[test]
    fn slow_ones_are_too_many_in_the_end() {
        let intensity = RestartIntensity { max_restarts: 3, period: Duration::from_secs(60) };
        let start = Instant::now();
        let too_many = |every: u64| {
            let mut restarts = Restarts::default();
            let mut at = |n| restarts.record(start + Duration::from_secs(n * every), intensity);
            (0..100).find(|&n| at(n).too_many)
        };
        assert_eq!(too_many(10), Some(3), "four within a minute");
        assert_eq!(too_many(45), Some(6), "seven within ten minutes");
        assert_eq!(too_many(101), None);
    }

    #[test]
    fn what_is_counted_is_what_counting_all_of_them_says() {
        for seed in 0..200 {
            let mut dice = fastrand::Rng::with_seed(seed);
            let period = Duration::from_secs(dice.u64(1..100));
            let intensity = RestartIntensity { max_restarts: dice.u32(..5), period };
            let mut restarts = Restarts::default();
            let (mut now, mut all) = (Instant::now(), Vec::new());
            for _ in 0..100 {
                now += Duration::from_secs(dice.u64(..60));
                all.push(now);
                let within = |span: Duration| {
                    let counts = all.iter().filter(|at| now.duration_since(**at) < span);
                    u32::try_from(counts.count()).unwrap()
                };
                let (lately, long) = (within(period), within(period * 10));
                let too_many = lately > intensity.max_restarts || long > intensity.max_restarts * 2;
                let count = restarts.record(now, intensity);
                assert_eq!(count.too_many, too_many, "seed {seed}");
            }
        }
    }
}
