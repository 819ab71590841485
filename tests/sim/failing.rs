//! What fails again and again: how long it is waited for, by how long it might be waited for.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use ratesheet::Backoff;

use super::broken::{Broken, Verdict, broken_if};

/// So many waits in a row are looked at together.
const IN_A_ROW: usize = 8;

/// … and they may come to so much of the longest, in all. A share is thrown evenly from nothing to
/// one: of eight, one in a hundred millions of times it is less.
const LEAST: f64 = 0.35;

/// A mean may be so many of its own deviations below the half that is to be expected.
const DEVIATIONS: f64 = 6.0;

/// Failures one after the other.
#[derive(Debug, Default)]
pub(crate) struct Failing {
    count: u32,
    /// When it last failed, if it is to be waited for.
    failed: Option<Duration>,
    /// The last waits, in shares of the longest.
    shares: VecDeque<f64>,
    pub(crate) waits: Waits,
}

impl Failing {
    /// It is tried again.
    pub(crate) fn begins(&mut self, now: Duration, backoff: &Backoff) -> Verdict {
        let Some(failed) = self.failed.take() else { return Ok(()) };
        let longest = self.doubled(backoff.min).min(backoff.max);
        let share = (now - failed).div_duration_f64(longest).min(1.0);
        self.waits.note(self.count, share);
        self.shares.push_back(share);
        if self.shares.len() > IN_A_ROW {
            self.shares.pop_front();
        }
        let storms = self.shares.len() == IN_A_ROW && self.shares.iter().sum::<f64>() < LEAST;
        broken_if(storms, Broken::RetryStorm, || format!("it was waited for {:?}", self.shares))
    }

    /// It has failed, and is to be waited for.
    pub(crate) const fn fails(&mut self, now: Duration) {
        self.fails_once();
        self.failed = Some(now);
    }

    /// It has failed, and may be tried again at once.
    pub(crate) const fn fails_once(&mut self) {
        self.count = self.count.saturating_add(1);
        self.failed = None;
    }

    /// A first wait, doubled with each failure.
    pub(crate) fn doubled(&self, first: Duration) -> Duration {
        let doublings = self.count.saturating_sub(1).min(31);
        first.saturating_mul(1 << doublings)
    }

    /// It has succeeded, or is begun anew.
    pub(crate) fn ends(&mut self) {
        (self.count, self.failed) = (0, None);
        self.shares.clear();
    }
}

/// By how often something had failed: how many waits there were, and their shares in all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waits(BTreeMap<u32, (u32, f64)>);

impl Waits {
    /// Beyond this all are the same.
    const GROWN: u32 = 9;

    fn note(&mut self, failure: u32, share: f64) {
        let (count, sum) = self.0.entry(failure.min(Self::GROWN)).or_default();
        *count += 1;
        *sum += share;
    }

    pub(crate) fn add(&mut self, others: &Self) {
        for (failure, (more, shares)) in &others.0 {
            let (count, sum) = self.0.entry(*failure).or_default();
            *count += more;
            *sum += shares;
        }
    }

    /// The mean share after the first failure, after the second, and so on.
    pub(crate) fn means(&self) -> Vec<f64> {
        self.0.values().map(|(count, sum)| sum / f64::from(*count)).collect()
    }

    /// On the whole half of the longest is waited for, also for each of them alone.
    pub(crate) fn are_long_enough(&self) -> Verdict {
        let all = self.0.values().fold((0, 0.0), |all, one| (all.0 + one.0, all.1 + one.1));
        let short = |(count, sum): &(u32, f64)| {
            let deviation = (f64::from(*count) / 12.0).sqrt();
            *sum < f64::from(*count) / 2.0 - DEVIATIONS * deviation
        };
        let short = short(&all) || self.0.values().any(short);
        let how = || format!("it is tried again too soon: {:.2?}, {self:?}", self.means());
        broken_if(short, Broken::RetryStorm, how)
    }
}
