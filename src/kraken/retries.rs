//! Pairs whose requests fail while others are answered: each is asked for again at its own time,
//! and nobody else waits for it. Pure: no I/O, no clock, no randomness.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::time::Instant;

use crate::{messages::Failure, quote::AssetPair};

/// The pairs, and how it stands with each.
#[derive(Debug, Default)]
pub(super) struct Retries(BTreeMap<AssetPair, Retry>);

#[derive(Debug)]
struct Retry {
    /// How many requests for it have failed in a row. None if it only came after one that did.
    failures: u32,
    why: Failure,
    /// It is not asked for before.
    at: Instant,
}

impl Retries {
    /// How many requests for a pair have failed in a row.
    pub(super) fn failures(&self, pair: &AssetPair) -> u32 {
        self.0.get(pair).map_or(0, |retry| retry.failures)
    }

    /// Whether there is no such pair.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub(super) fn pairs(&self) -> BTreeSet<AssetPair> {
        self.0.keys().cloned().collect()
    }

    /// Puts off pairs whose requests have failed, or come after one that did and were not
    /// `asked`: each by the wait after so many failures in a row. Those that have failed as often
    /// share a request again. The waits are what comes of it.
    pub(super) fn put_off(
        &mut self,
        pairs: BTreeSet<AssetPair>,
        asked: bool,
        why: &Failure,
        now: Instant,
        wait: impl Fn(u32) -> Duration,
    ) -> BTreeSet<Duration> {
        let put_off = |pair: AssetPair| {
            let before = self.failures(&pair);
            let after = before.saturating_add(1);
            let wait = wait(after);
            let failures = if asked { after } else { before };
            self.0.insert(pair, Retry { failures, why: why.clone(), at: now + wait });
            wait
        };
        pairs.into_iter().map(put_off).collect()
    }

    /// There was an answer for the pair, whatever it was; or it is not asked for any more.
    pub(super) fn forget(&mut self, pair: &AssetPair) {
        self.0.remove(pair);
    }

    /// Those of the wanted pairs that are not to be asked for now, and why.
    pub(super) fn held_back(
        &self,
        wanted: &BTreeSet<AssetPair>,
        now: Instant,
    ) -> BTreeMap<AssetPair, Failure> {
        let held = self.0.iter().filter(|(pair, retry)| now < retry.at && wanted.contains(pair));
        held.map(|(pair, retry)| (pair.clone(), retry.why.clone())).collect()
    }

    /// Those whose time has come.
    pub(super) fn due(&self, now: Instant) -> BTreeSet<AssetPair> {
        let due = self.0.iter().filter(|(_, retry)| retry.at <= now);
        due.map(|(pair, _)| pair.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{messages::FailureClass, pace::Backoff};

    fn pair(text: &str) -> AssetPair {
        AssetPair::parse(text).unwrap()
    }

    fn busy() -> Failure {
        Failure::new(FailureClass::Transient, "busy", "")
    }

    #[test]
    fn a_pair_is_held_back_until_its_time_and_its_failures_are_counted_until_it_is_answered_for() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let (ada, xbt) = (pair("adaeur"), pair("xbteur"));
        let wanted = [ada.clone(), xbt.clone()].into();
        let mut retries = Retries::default();
        let after = |wait: Duration| move |_| wait;
        for _ in 0..2 {
            retries.put_off([ada.clone()].into(), true, &busy(), start, after(second));
        }
        retries.put_off([xbt.clone()].into(), false, &busy(), start, after(2 * second));
        assert_eq!((retries.failures(&ada), retries.failures(&xbt)), (2, 0));
        assert_eq!(retries.held_back(&wanted, start).len(), 2);
        assert_eq!(retries.held_back(&[xbt.clone()].into(), start), [(xbt.clone(), busy())].into());
        assert!(retries.due(start).is_empty());
        assert_eq!(retries.due(start + second), [ada.clone()].into());
        assert_eq!(retries.held_back(&wanted, start + second), [(xbt.clone(), busy())].into());
        retries.put_off([ada.clone()].into(), false, &busy(), start, after(3 * second));
        assert_eq!(retries.failures(&ada), 2, "it was not asked for");
        assert_eq!(retries.pairs(), wanted);
        retries.forget(&ada);
        retries.forget(&xbt);
        assert!(retries.is_empty() && retries.failures(&ada) == 0);
    }

    #[test]
    fn the_waits_of_each_pair_grow_by_themselves() {
        let (ada, xbt) = (pair("adaeur"), pair("xbteur"));
        let backoff = Backoff { min: Duration::from_secs(1), max: Duration::from_secs(60) };
        let mut retries = Retries::default();
        let mut waits = |pairs: &[&AssetPair], asked| {
            let pairs = pairs.iter().copied().cloned().collect();
            let wait = |failures| backoff.jittered(failures, 1.0);
            let waits = retries.put_off(pairs, asked, &busy(), Instant::now(), wait);
            waits.iter().map(Duration::as_secs).collect::<Vec<_>>()
        };
        assert_eq!(waits(&[&ada], true), [1]);
        assert_eq!(waits(&[&ada], true), [2]);
        assert_eq!(waits(&[&ada, &xbt], true), [1, 4]);
        assert_eq!(waits(&[&ada], false), [8], "what was not asked for is not put off for longer");
        assert_eq!(waits(&[&ada], false), [8]);
        assert_eq!(waits(&[&xbt], true), [2]);
    }
}
