//! When to try again, and how fast to go.
//! Pure: no I/O, no clock, no randomness: `now` and the dice come in as arguments.

use std::time::Duration;

use tokio::time::Instant;

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

/// Lets something be said once a minute at the most.
#[derive(Debug, Default)]
pub(crate) struct OnceAMinute(Option<Instant>);

impl OnceAMinute {
    /// Whether to say it now.
    pub(crate) fn may_say(&mut self, now: Instant) -> bool {
        let say = self.left(now).is_zero();
        if say {
            self.0 = Some(now);
        }
        say
    }

    /// How long until it may be said again.
    fn left(&self, now: Instant) -> Duration {
        const MINUTE: Duration = Duration::from_secs(60);
        self.0.map_or(Duration::ZERO, |said| (said + MINUTE).saturating_duration_since(now))
    }
}

/// Says seldom what goes on and on: at once when it begins, and then once a minute at the most,
/// and only if it is news: not what was said last.
#[derive(Debug)]
pub(crate) struct Seldom<T>(Option<(T, OnceAMinute)>);

impl<T: Clone + PartialEq> Seldom<T> {
    /// Whether to say it now.
    ///
    /// # Errors
    /// When not: how long until it may be said, which is for ever if it is no news.
    pub(crate) fn say(&mut self, what: &T, now: Instant) -> Result<(), Duration> {
        if let Some((said, minute)) = &self.0 {
            match minute.left(now) {
                _ if said == what => return Err(Duration::MAX),
                Duration::ZERO => {}
                left => return Err(left),
            }
        }
        self.0 = Some((what.clone(), OnceAMinute(Some(now))));
        Ok(())
    }

    /// It is over, and may begin again. Whether anything has been said of it.
    pub(crate) fn over(&mut self) -> bool {
        self.0.take().is_some()
    }
}

impl<T> Default for Seldom<T> {
    fn default() -> Self {
        Self(None)
    }
}

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

/// The wait that a `Retry-After` header asks for: seconds, or a date (RFC 9110 §10.2.3), at most
/// fifteen minutes. What is neither is ignored; a date in the past is no wait.
pub(crate) fn retry_after(header: &str, now: jiff::Timestamp) -> Option<Duration> {
    const LONGEST: Duration = Duration::from_secs(15 * 60);
    let header = header.trim();
    if !header.is_empty() && header.bytes().all(|b| b.is_ascii_digit()) {
        return Some(header.parse().map_or(LONGEST, Duration::from_secs).min(LONGEST));
    }
    let date = jiff::Timestamp::try_from(httpdate::parse_http_date(header).ok()?).ok()?;
    let wait = Duration::try_from(date.duration_since(now)).unwrap_or_default();
    Some(wait.min(LONGEST))
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
    fn what_goes_on_is_said_seldom() {
        let start = Instant::now();
        let mut seldom = Seldom::default();
        let say =
            |seldom: &mut Seldom<_>, s, what| seldom.say(&what, start + Duration::from_secs(s));
        assert!(!seldom.over(), "nothing was said");
        let secs = |s| Err(Duration::from_secs(s));
        assert_eq!(say(&mut seldom, 0, "a"), Ok(()));
        assert_eq!([1, 59].map(|s| say(&mut seldom, s, "b")), [secs(59), secs(1)]);
        assert_eq!(say(&mut seldom, 60, "a"), Err(Duration::MAX), "it is no news");
        assert_eq!(say(&mut seldom, 61, "b"), Ok(()), "although it was the reason before");
        assert_eq!(say(&mut seldom, 62, "a"), secs(59));
        assert!(seldom.over());
        assert_eq!(say(&mut seldom, 63, "b"), Ok(()), "it has begun again");
    }

    #[test]
    fn what_is_always_worth_a_word_has_one_a_minute() {
        let start = Instant::now();
        let mut minute = OnceAMinute::default();
        let said = (0..180).filter(|s| minute.may_say(start + Duration::from_secs(*s)));
        assert_eq!(said.collect::<Vec<_>>(), [0, 60, 120]);
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

    #[test]
    fn a_paused_bucket_gives_nothing_until_then() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(5, 1.0, start);
        bucket.pause_until(start + ms(700));
        assert_eq!(bucket.take(start), Err(ms(700)));
        assert_eq!(bucket.take(start + ms(700)), Ok(()));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_or_nothing() {
        let now = "2026-11-24T08:00:00Z".parse().unwrap();
        for (header, wait) in [
            ("7", Some(Duration::from_secs(7))),
            (" 7 ", Some(Duration::from_secs(7))),
            ("99999999999999999999999", Some(Duration::from_secs(900))),
            ("Tue, 24 Nov 2026 08:00:09 GMT", Some(Duration::from_secs(9))),
            ("Tuesday, 24-Nov-26 08:00:09 GMT", Some(Duration::from_secs(9))),
            ("Tue Nov 24 08:00:09 2026", Some(Duration::from_secs(9))),
            ("Tue, 24 Nov 2026 07:00:00 GMT", Some(Duration::ZERO)),
            ("Thu, 31 Dec 9998 23:59:59 GMT", Some(Duration::from_secs(900))),
            ("-5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_after(header, now), wait, "{header:?}");
        }
    }
}
