//! When the spreadsheet's properties are to be read. Pure: no I/O, no clock, no randomness.

use std::time::Duration;

use tokio::time::Instant;

use crate::{messages::Failure, seldom::Seldom};

/// Titles, sizes and the time zone are read again after so many times `retry.probe` (an hour):
/// somebody may have exchanged two titles, which no refusal would tell.
const GOOD_FOR: u32 = 12;

/// `retry.probe` counts as no longer than this: however seldom a person's mistake is looked for, no
/// price goes into a tab that is somebody else's by now for more than an hour.
const LONGEST_PROBE: Duration = Duration::from_secs(300);

/// They are not read sooner than a tenth of `retry.probe` after the last time (30 s): of many bad
/// cells each would cost a read.
const APART: u32 = 10;

/// What is known of the spreadsheet's properties: how old it is, and when to ask again.
#[derive(Debug)]
pub(super) struct Survey {
    due: Instant,
    is_reading: bool,
    /// They may not be what was read last: they are due before their time.
    in_doubt: bool,
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
        Self {
            due: now,
            is_reading: false,
            in_doubt: false,
            not_before: now,
            read: None,
            again: false,
            failures: 0,
            told: Seldom::default(),
            probe: probe.min(LONGEST_PROBE),
        }
    }

    /// Whether they are to be read now, and are not being read already.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        !self.is_reading && self.due <= now
    }

    /// Whether they should have been read for a while: the last tick was long ago.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        const WHILE: Duration = Duration::from_secs(60);
        let good_until = self.read.map(|read| read + self.probe * GOOD_FOR + WHILE);
        good_until.is_none_or(|until| until < now)
    }

    /// When they are to be read before their time, should nothing else happen until then.
    pub(super) fn early(&self) -> Option<Instant> {
        (self.in_doubt && !self.is_reading).then_some(self.due)
    }

    /// They are being read now.
    pub(super) const fn begin(&mut self) {
        self.is_reading = true;
        self.in_doubt = false;
    }

    /// Whether they are being read.
    pub(super) const fn is_reading(&self) -> bool {
        self.is_reading
    }

    /// They have been read; what was doubted meanwhile is so still. Whether it was told that they
    /// could not be.
    pub(super) fn done(&mut self, now: Instant) -> bool {
        let told = self.told.over();
        let in_doubt = self.in_doubt;
        *self = Self {
            due: now + self.probe * GOOD_FOR,
            read: Some(now),
            again: self.again,
            ..Self::new(now, self.probe)
        };
        if in_doubt {
            self.doubt(now, false);
        }
        told
    }

    /// Whether to tell why they cannot be read.
    pub(super) fn tells(&mut self, why: &Failure, now: Instant) -> bool {
        self.told.say(why, now).is_ok()
    }

    /// They could not be read; how often in a row.
    pub(super) const fn failed(&mut self) -> u32 {
        self.is_reading = false;
        self.failures = self.failures.saturating_add(1);
        self.failures
    }

    /// They are to be read again at `then`, and whatever happens no sooner.
    pub(super) const fn again_at(&mut self, then: Instant) {
        self.due = then;
        self.in_doubt = true;
        self.not_before = then;
    }

    /// They may have changed: they are read again now, or as soon as may be if they have just been,
    /// or could not be. If they `must` have changed, once more at once.
    pub(super) fn doubt(&mut self, now: Instant, must: bool) {
        let apart = self.read.map(|read| read + self.probe / APART).filter(|apart| now < *apart);
        let at_once = must && !self.again;
        let soonest = apart.filter(|_| !at_once).unwrap_or(now);
        if soonest == now {
            self.again = apart.is_some();
        }
        self.due = self.due.min(soonest.max(self.not_before));
        self.in_doubt = true;
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
        assert_eq!(survey.early(), None);
        survey.doubt(after(1), false);
        assert!(!survey.is_due(after(29)), "they have just been read");
        assert!(survey.is_due(after(30)), "the doubt is forgotten");
        assert_eq!(survey.early(), Some(after(30)));
        assert_eq!(survey.failed(), 1);
    }

    #[test]
    fn what_is_known_is_old_when_it_should_have_been_read_again_a_minute_ago() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut survey = Survey::new(start, Duration::from_secs(300));
        assert!(survey.is_overdue(start), "nothing is known");
        survey.done(start);
        assert_eq!([0, 3_600, 3_660].map(|at| survey.is_overdue(after(at))), [false; 3]);
        assert!(survey.is_overdue(after(3_661)));
        survey.doubt(after(60), true);
        assert!(!survey.is_overdue(after(60)), "a doubt makes it no older");
    }

    #[test]
    fn prices_go_into_a_tab_that_is_not_theirs_for_an_hour_at_the_most() {
        let start = Instant::now();
        let day = Duration::from_secs(86_400);
        let mut survey = Survey::new(start, day);
        survey.done(start);
        assert!(survey.is_due(start + Duration::from_secs(3_600)));
        survey.doubt(start, false);
        assert!(survey.is_due(start + Duration::from_secs(30)));
    }

    #[test]
    fn what_is_doubted_while_they_are_read_is_read_once_more() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut survey = Survey::new(start, Duration::from_secs(300));
        survey.begin();
        assert!(!survey.is_due(start), "one read at a time");
        survey.doubt(after(1), false);
        assert!(survey.early().is_none() && !survey.is_due(after(1)));
        survey.done(after(2));
        assert!(!survey.is_due(after(31)) && survey.is_due(after(32)));
        survey.begin();
        survey.failed();
        assert!(survey.is_due(after(32)), "it is over, and has failed");
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
