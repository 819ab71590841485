//! The arithmetic of a gate: how fast to go.
//! Pure: no I/O, no clock, no randomness: `now` comes in as an argument.

use std::time::Duration;

use tokio::time::Instant;

/// Spends a budget of so many a second, some at once: a token bucket.
#[derive(Debug, Clone)]
pub(crate) struct TokenBucket {
    capacity: f64,
    per_second: f64,
    tokens: f64,
    at: Instant,
    paused_until: Instant,
}

impl TokenBucket {
    /// A full bucket of `capacity` tokens (at least one) that refills at `per_second`.
    pub(crate) fn new(capacity: u32, per_second: f64, now: Instant) -> Self {
        let capacity = f64::from(capacity.max(1));
        Self { capacity, per_second, tokens: capacity, at: now, paused_until: now }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// When there is none: how long until there will be one.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let pause = self.pause(now);
        if !pause.is_zero() {
            return Err(pause);
        }
        self.refill(now);
        // A hair under one is one: a wait that was computed in floating point must be enough.
        if self.tokens >= 1.0 - 1e-6 {
            self.tokens = (self.tokens - 1.0).max(0.0);
            return Ok(());
        }
        let missing = (1.0 - self.tokens) / self.per_second;
        Err(Duration::try_from_secs_f64(missing).unwrap_or(Duration::MAX))
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = passed.mul_add(self.per_second, self.tokens).min(self.capacity);
        self.at = now;
    }

    /// Has no more in it than another has.
    pub(crate) fn inherit(&mut self, other: &mut Self, now: Instant) {
        other.refill(now);
        self.refill(now);
        self.tokens = self.tokens.min(other.tokens);
    }

    /// Gives nothing before `until`: the server has said that it has had enough.
    pub(crate) fn pause_until(&mut self, until: Instant) {
        self.paused_until = self.paused_until.max(until);
    }

    /// For how long it gives nothing, however much there is in it.
    pub(crate) fn pause(&self, now: Instant) -> Duration {
        self.paused_until.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(2, 1.0, start);
        assert_eq!(bucket.take(start), Ok(()));
        assert_eq!(bucket.take(start), Ok(()));
        let wait = bucket.take(start).unwrap_err();
        assert_eq!(wait, ms(1_000));
        assert_eq!(bucket.take(start + wait), Ok(()));
        assert_eq!(bucket.take(start + wait + ms(250)), Err(ms(750)));
        // A clock that stands still or goes back gives nothing for free.
        assert!(bucket.take(start).is_err());
    }

    #[test]
    fn any_wait_that_a_bucket_asks_for_is_enough() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(1, 50.0 / 60.0, start);
        let mut now = start;
        for _ in 0..10_000 {
            if let Err(wait) = bucket.take(now) {
                now += wait;
                assert_eq!(bucket.take(now), Ok(()));
            }
        }
        let rate = 10_000.0 / now.duration_since(start).as_secs_f64();
        assert!(rate < 50.0 / 60.0 * 1.01, "{rate}");
    }

    #[test]
    fn no_span_of_time_sees_more_than_the_burst_and_its_share() {
        for seed in 0..50 {
            let mut dice = fastrand::Rng::with_seed(seed);
            let (capacity, rate) = (dice.u32(1..10), 0.1 + dice.f64() * 20.0);
            let mut now = Instant::now();
            let mut bucket = TokenBucket::new(capacity, rate, now);
            let mut taken = Vec::new();
            for _ in 0..1_000 {
                now += ms(dice.u64(..300));
                if bucket.take(now).is_ok() {
                    taken.push(now);
                }
            }
            for (n, from) in taken.iter().enumerate() {
                for (count, to) in (1_u32..).zip(&taken[n..]) {
                    let span = to.duration_since(*from).as_secs_f64();
                    let most = f64::from(capacity) + rate * span + 1e-6;
                    assert!(f64::from(count) <= most, "seed {seed}: {count} in {span} s");
                }
            }
        }
    }

    #[test]
    fn a_paused_bucket_gives_nothing_until_then() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(5, 1.0, start);
        bucket.pause_until(start + ms(700));
        assert_eq!(bucket.take(start), Err(ms(700)));
        assert_eq!(bucket.take(start + ms(700)), Ok(()));
    }
}
