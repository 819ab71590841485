//! When to try again after a failure.
//! Pure: no I/O, no clock, no randomness: the dice come in as arguments.

use std::time::Duration;

use crate::tree::{DurationRange, Mistakes, Section, millis};

/// From how long to how long a wait may be.
const WAIT: DurationRange = millis(1, 86_400_000);

/// Growing waits between attempts: `min`, twice that, four times, never more than `max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The first wait at the most.
    pub min: Duration,
    /// Any wait at the most.
    pub max: Duration,
}

impl Backoff {
    /// The longest wait after this many failures in a row (one is the first).
    pub fn ceiling(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        self.min.saturating_mul(1 << doublings).min(self.max)
    }

    /// The wait after this many failures, spread over everything up to its ceiling by `dice`
    /// (0 to 1), so that many clients of one server do not come back in step. This is the *full
    /// jitter* of AWS's Builders' Library.
    pub fn jittered(&self, failures: u32, dice: f64) -> Duration {
        self.ceiling(failures).mul_f64(dice.clamp(0.0, 1.0))
    }
}

/// When to try again after a failure: section `retry` of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryConfig {
    /// The waits between attempts while a server is in trouble: up to 0.5 s, growing to 60 s.
    pub backoff: Backoff,
    /// How often something that only a person can mend (a renamed tab, a sheet that is not
    /// shared, a pair that Kraken does not know) is tried again: every 5 minutes, ± 20 %.
    pub probe: Duration,
}

impl RetryConfig {
    /// The wait until the next probe, spread by `dice` (0 to 1) over ± 20 %.
    pub fn probe_in(&self, dice: f64) -> Duration {
        self.probe.mul_f64(dice.clamp(0.0, 1.0).mul_add(0.4, 0.8))
    }

    /// The wait until the next probe after this many failures in a row: 10 s at first, doubling
    /// up to [`probe_in`](Self::probe_in). Whoever has just been told what to mend is about to.
    pub fn probe_after(&self, failures: u32, dice: f64) -> Duration {
        const FIRST: Duration = Duration::from_secs(10);
        let probe = self.probe_in(dice);
        Backoff { min: FIRST, max: probe }.ceiling(failures).min(probe)
    }

    /// Reads the section `retry`.
    pub(crate) fn from_section(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        let keys = ["backoff_min", "backoff_max"];
        let [min, max] = section.bounds(keys, &WAIT, [default.backoff.min, default.backoff.max]);
        Self {
            backoff: Backoff { min, max },
            probe: section.duration("probe", &WAIT).unwrap_or(default.probe),
        }
    }

    /// Notes what is wrong with a section that was built in code.
    pub(crate) fn check(&self, mistakes: &mut Mistakes) {
        let [min, max] =
            [("retry.backoff.min", self.backoff.min), ("retry.backoff.max", self.backoff.max)];
        for (path, value) in [min, max, ("retry.probe", self.probe)] {
            mistakes.duration(path, value, &WAIT);
        }
        mistakes.ordered(min, max);
    }
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            backoff: Backoff { min: Duration::from_millis(500), max: Duration::from_secs(60) },
            probe: Duration::from_secs(300),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn backoff_doubles_up_to_its_cap_and_jitter_stays_below() {
        let backoff = Backoff { min: ms(500), max: ms(3_000) };
        let ceilings: Vec<_> = (1..=5).map(|n| backoff.ceiling(n)).collect();
        assert_eq!(ceilings, [ms(500), ms(1_000), ms(2_000), ms(3_000), ms(3_000)]);
        assert_eq!(backoff.ceiling(u32::MAX), ms(3_000));
        assert_eq!(backoff.jittered(2, 0.0), ms(0));
        assert_eq!(backoff.jittered(2, 0.25), ms(250));
        assert_eq!(backoff.jittered(2, 7.0), ms(1_000));
    }

    #[test]
    fn probes_begin_soon_and_grow_apart() {
        let retry = RetryConfig::default();
        let waits = [1, 2, 3, 4, 5, 6, 99].map(|n| retry.probe_after(n, 0.5).as_secs());
        assert_eq!(waits, [10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(retry.probe_in(0.0).as_secs(), 240);
    }

    #[test]
    fn waits_never_shrink_while_it_goes_on_and_dice_only_shorten_them() {
        for seed in 0..1_000 {
            let mut dice = fastrand::Rng::with_seed(seed);
            let min = ms(dice.u64(1..5_000));
            let backoff = Backoff { min, max: min + ms(dice.u64(..100_000)) };
            let mut last = Duration::ZERO;
            for failures in 1..70 {
                let ceiling = backoff.ceiling(failures);
                assert!((last..=backoff.max).contains(&ceiling), "seed {seed}: {ceiling:?}");
                assert!(backoff.jittered(failures, dice.f64()) <= ceiling);
                last = ceiling;
            }
            assert_eq!(last, backoff.max);
        }
    }
}
