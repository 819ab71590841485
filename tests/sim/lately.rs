//! When things happened, and how often.

use std::{collections::VecDeque, time::Duration};

use super::plan::secs;

/// How long it is remembered.
const KEPT: Duration = secs(240);

/// When something happened of late.
#[derive(Debug, Default)]
pub(crate) struct Lately(VecDeque<Duration>);

impl Lately {
    pub(crate) fn note(&mut self, now: Duration) {
        self.0.push_back(now);
        while self.0.front().is_some_and(|at| *at + KEPT <= now) {
            self.0.pop_front();
        }
    }

    /// How often it has happened, from so long ago to now.
    pub(crate) fn within(&self, now: Duration, long: Duration) -> usize {
        self.0.iter().rev().take_while(|at| **at + long > now).count()
    }

    pub(crate) fn last(&self) -> Option<Duration> {
        self.0.back().copied()
    }
}

/// Failures one after the other.
#[derive(Debug, Default)]
pub(crate) struct Failing {
    length: usize,
    late: Lately,
}

impl Failing {
    /// By then the waits have grown to the longest, each of them thrown from nothing to that.
    const GROWN: usize = 8;

    /// One more. Whether there are far too many of them for the longest wait.
    pub(crate) fn storms(&mut self, now: Duration, longest_wait: Duration) -> bool {
        let window = secs(120);
        self.length += 1;
        if self.length > Self::GROWN {
            self.late.note(now);
        }
        // Half of the longest wait is usual. For each there may be two requests that fail.
        let usual = 2.0 * window.div_duration_f64(longest_wait / 2);
        self.late.within(now, window) > (3.0 * usual) as usize + 10
    }

    pub(crate) fn ends(&mut self) {
        *self = Self::default();
    }
}
