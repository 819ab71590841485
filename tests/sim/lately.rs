//! When things happened, and how often.

use std::{collections::VecDeque, time::Duration};

use super::plan::secs;

pub(crate) const MINUTE: Duration = secs(60);

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

    /// Whether it has happened at such a time.
    pub(crate) fn any(&self, such: impl Fn(Duration) -> bool) -> bool {
        self.0.iter().any(|at| such(*at))
    }

    pub(crate) fn last(&self) -> Option<Duration> {
        self.0.back().copied()
    }
}

/// Failures one after the other.
#[derive(Debug, Default)]
pub(crate) struct Failing {
    count: usize,
    late: VecDeque<Duration>,
}

impl Failing {
    /// By then the waits have grown to the longest, each of them thrown from nothing to that.
    const GROWN: usize = 8;

    /// So many waits are looked at together.
    const WAITS: u32 = 12;

    /// One more. Whether the last waits were far too short, where so many wait beside each other.
    /// Half of the longest is usual; of twelve that are thrown, one in millions of dozens comes to
    /// less than a quarter of that in all.
    pub(crate) fn storms(&mut self, now: Duration, longest: Duration, beside: usize) -> bool {
        self.count += 1;
        if self.count > Self::GROWN {
            self.late.push_back(now);
        }
        if self.late.len() <= Self::WAITS as usize {
            return false;
        }
        let first = self.late.pop_front().unwrap_or_default();
        now - first < longest / 2 * Self::WAITS / 4 / beside as u32
    }

    pub(crate) fn ends(&mut self) {
        *self = Self::default();
    }
}
