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
