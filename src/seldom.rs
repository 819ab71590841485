//! How often a log is told of what goes on and on.
//! Pure: no I/O, no clock, no randomness: `now` comes in as an argument.

use std::time::Duration;

use tokio::time::Instant;

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
