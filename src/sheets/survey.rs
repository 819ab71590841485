//! When the spreadsheet's properties are to be read. Pure: no I/O, no clock, no randomness.

use std::time::Duration;

use tokio::time::Instant;

/// Titles, sizes and the time zone are read again after so many times `retry.probe` (an hour):
/// somebody may have exchanged two titles, which no refusal would tell.
const GOOD_FOR: u32 = 12;

/// What is known of the spreadsheet's properties: how old it is, and when to ask again.
#[derive(Debug)]
pub(super) struct Survey {
    due: Instant,
    read: Option<Instant>,
    failures: u32,
    probe: Duration,
}

impl Survey {
    /// Nothing is known yet. `probe` is how often what is amiss is looked at again.
    pub(super) const fn new(now: Instant, probe: Duration) -> Self {
        Self { due: now, read: None, failures: 0, probe }
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due <= now
    }

    /// They have been read.
    pub(super) fn done(&mut self, now: Instant) {
        *self = Self {
            due: now + self.probe * GOOD_FOR,
            read: Some(now),
            ..Self::new(now, self.probe)
        };
    }

    /// They could not be read; how often in a row.
    pub(super) const fn failed(&mut self) -> u32 {
        self.failures = self.failures.saturating_add(1);
        self.failures
    }

    /// They are to be read again at `then`.
    pub(super) const fn again_at(&mut self, then: Instant) {
        self.due = then;
    }

    /// They may have changed: they are read again now, unless they have just been. Of many bad
    /// cells each would cost a read.
    pub(super) fn doubt(&mut self, now: Instant) {
        let lately = |read| now.saturating_duration_since(read) < self.probe / 10;
        if !self.read.is_some_and(lately) {
            self.due = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_good_for_an_hour_unless_they_are_doubted() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut survey = Survey::new(start, Duration::from_secs(300));
        assert!(survey.is_due(start));
        assert_eq!((survey.failed(), survey.failed()), (1, 2));
        survey.done(start);
        assert!(!survey.is_due(after(3_599)) && survey.is_due(after(3_600)));
        survey.doubt(after(29));
        assert!(!survey.is_due(after(29)), "they have just been read");
        survey.doubt(after(30));
        assert!(survey.is_due(after(30)));
        assert_eq!(survey.failed(), 1);
    }
}
