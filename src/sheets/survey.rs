//! When the spreadsheet's properties are to be read. Pure: no I/O, no clock, no randomness.

use std::time::Duration;

use tokio::time::Instant;

use crate::{messages::Failure, pace::Seldom};

/// Titles, sizes and the time zone are read again after so many times `retry.probe` (an hour):
/// somebody may have exchanged two titles, which no refusal would tell.
const GOOD_FOR: u32 = 12;

/// What is known of the spreadsheet's properties: how old it is, and when to ask again.
#[derive(Debug)]
pub(super) struct Survey {
    due: Instant,
    /// No doubt has them read sooner: while a failure's backoff lasts it changes nothing.
    not_before: Instant,
    read: Option<Instant>,
    /// They are read, or were, although they had just been.
    again: bool,
    failures: u32,
    /// What is told of why they could not be read.
    told: Seldom<Failure>,
    probe: Duration,
}

impl Survey {
    /// Nothing is known yet. `probe` is how often what is amiss is looked at again.
    pub(super) fn new(now: Instant, probe: Duration) -> Self {
        let told = Seldom::default();
        Self { due: now, not_before: now, read: None, again: false, failures: 0, told, probe }
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due <= now
    }

    /// They have been read. Whether it was told that they could not be.
    pub(super) fn done(&mut self, now: Instant) -> bool {
        let told = self.told.over();
        *self = Self {
            due: now + self.probe * GOOD_FOR,
            read: Some(now),
            again: self.again,
            ..Self::new(now, self.probe)
        };
        told
    }

    /// Whether to tell why they cannot be read.
    pub(super) fn tells(&mut self, why: &Failure, now: Instant) -> bool {
        self.told.say(why, now).is_ok()
    }

    /// They could not be read; how often in a row.
    pub(super) const fn failed(&mut self) -> u32 {
        self.failures = self.failures.saturating_add(1);
        self.failures
    }

    /// They are to be read again at `then`, and whatever happens no sooner.
    pub(super) const fn again_at(&mut self, then: Instant) {
        self.due = then;
        self.not_before = then;
    }

    /// They may have changed: they are read again now, unless they have just been, or could not
    /// be. Of many bad cells each would cost a read. If they `must` have changed, once more.
    pub(super) fn doubt(&mut self, now: Instant, must: bool) {
        let lately = |read| now.saturating_duration_since(read) < self.probe / 10;
        let again = self.read.is_some_and(lately);
        if !again || (must && !self.again) {
            self.again = again;
            self.due = self.due.min(now.max(self.not_before));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::FailureClass;

    #[test]
    fn properties_are_good_for_an_hour_unless_they_are_doubted() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut survey = Survey::new(start, Duration::from_secs(300));
        assert!(survey.is_due(start));
        assert_eq!((survey.failed(), survey.failed()), (1, 2));
        assert!(!survey.done(start), "nothing was told");
        assert!(!survey.is_due(after(3_599)) && survey.is_due(after(3_600)));
        survey.doubt(after(29), false);
        assert!(!survey.is_due(after(29)), "they have just been read");
        survey.doubt(after(30), false);
        assert!(survey.is_due(after(30)));
        assert_eq!(survey.failed(), 1);
    }

    #[test]
    fn what_must_have_changed_is_read_again_at_once_and_then_as_ever() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut survey = Survey::new(start, Duration::from_secs(300));
        survey.done(start);
        survey.doubt(after(1), true);
        assert!(survey.is_due(after(1)));
        survey.done(after(1));
        survey.doubt(after(2), true);
        assert!(!survey.is_due(after(30)), "of many bad cells each would cost a read");
        survey.doubt(after(31), true);
        assert!(survey.is_due(after(31)));
        survey.done(after(31));
        survey.doubt(after(32), true);
        assert!(survey.is_due(after(32)), "it is another time");
    }

    #[test]
    fn however_often_they_are_doubted_they_are_read_with_backoff() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut survey = Survey::new(start, Duration::from_secs(300));
        survey.done(start);
        survey.doubt(after(60), false);
        assert!(survey.is_due(after(60)));
        survey.failed();
        survey.again_at(after(80));
        survey.doubt(after(61), false);
        assert!(!survey.is_due(after(61)) && !survey.is_due(after(79)));
        assert!(survey.is_due(after(80)));
        survey.doubt(after(81), false);
        assert!(survey.is_due(after(80)), "a doubt puts nothing off");
        survey.done(after(82));
        survey.doubt(after(112), false);
        assert!(survey.is_due(after(112)), "the backoff is over");
    }

    #[test]
    fn why_they_cannot_be_read_is_told_at_once_and_then_seldom() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut survey = Survey::new(start, Duration::from_secs(300));
        let [one, other] =
            ["trouble", "more trouble"].map(|why| Failure::new(FailureClass::Transient, why, ""));
        assert!(survey.tells(&one, start));
        assert!(!survey.tells(&one, after(100)), "it is no news");
        assert!(survey.tells(&other, after(101)));
        assert!(!survey.tells(&one, after(102)), "it has just been spoken of");
        assert!(survey.done(after(103)));
        assert!(survey.tells(&one, after(104)), "it has begun again");
    }
}
