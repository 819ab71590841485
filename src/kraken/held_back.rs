//! Pairs that are left out of the next requests, each until its own time, and how often their
//! requests have failed while others were answered. Pure: no I/O, no clock, no randomness.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::time::Instant;

use crate::{messages::Failure, quote::AssetPair};

/// The pairs, and how it stands with each.
#[derive(Debug, Default)]
pub(super) struct HeldBack(BTreeMap<AssetPair, Held>);

#[derive(Debug)]
struct Held {
    why: Failure,
    /// It is not asked for before.
    until: Instant,
    /// How many requests for it have failed in a row.
    failures: u32,
}

impl HeldBack {
    /// How many requests for a pair have failed in a row.
    pub(super) fn failures(&self, pair: &AssetPair) -> u32 {
        self.0.get(pair).map_or(0, |held| held.failures)
    }

    /// Whether there is no such pair.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Holds back a pair until a time, whether its requests fail or not.
    pub(super) fn hold(&mut self, pair: AssetPair, why: Failure, until: Instant) {
        let failures = self.failures(&pair);
        self.0.insert(pair, Held { why, until, failures });
    }

    /// Puts off pairs whose requests have failed, or come after one that did and were not
    /// `asked`: each by the wait after so many failures in a row. Those that have failed as often
    /// share a request again. The waits are what comes of it, each of them once.
    pub(super) fn put_off(
        &mut self,
        pairs: BTreeSet<AssetPair>,
        asked: bool,
        why: &Failure,
        now: Instant,
        wait: impl Fn(u32) -> Duration,
    ) -> Vec<Duration> {
        let mut waits = Vec::new();
        for pair in pairs {
            let before = self.failures(&pair);
            let after = before.saturating_add(1);
            let wait = wait(after);
            if !waits.contains(&wait) {
                waits.push(wait);
            }
            let failures = if asked { after } else { before };
            self.0.insert(pair, Held { why: why.clone(), until: now + wait, failures });
        }
        waits
    }

    /// Forgets all but some of them.
    pub(super) fn retain(&mut self, keep: impl Fn(&AssetPair) -> bool) {
        self.0.retain(|pair, _| keep(pair));
    }

    /// Those of the wanted pairs that are not to be asked for now, and why.
    pub(super) fn now(
        &self,
        wanted: &BTreeSet<AssetPair>,
        now: Instant,
    ) -> BTreeMap<AssetPair, Failure> {
        let held = self.0.iter().filter(|(pair, held)| now < held.until && wanted.contains(pair));
        held.map(|(pair, held)| (pair.clone(), held.why.clone())).collect()
    }

    /// Those whose time has come.
    pub(super) fn due(&self, now: Instant) -> BTreeSet<AssetPair> {
        let due = self.0.iter().filter(|(_, held)| held.until <= now);
        due.map(|(pair, _)| pair.clone()).collect()
    }

    /// All of them.
    pub(super) fn into_pairs(self) -> BTreeSet<AssetPair> {
        self.0.into_keys().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{messages::FailureClass, retry::Backoff};

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
        let mut held = HeldBack::default();
        let after = |wait: Duration| move |_| wait;
        for _ in 0..2 {
            held.put_off([ada.clone()].into(), true, &busy(), start, after(second));
        }
        held.put_off([xbt.clone()].into(), false, &busy(), start, after(2 * second));
        assert_eq!((held.failures(&ada), held.failures(&xbt)), (2, 0));
        assert_eq!(held.now(&wanted, start).len(), 2);
        assert_eq!(held.now(&[xbt.clone()].into(), start), [(xbt.clone(), busy())].into());
        assert_eq!(held.due(start), [].into());
        assert_eq!(held.due(start + second), [ada.clone()].into());
        assert_eq!(held.now(&wanted, start + second), [(xbt.clone(), busy())].into());
        held.put_off([ada.clone()].into(), false, &busy(), start, after(3 * second));
        assert_eq!(held.failures(&ada), 2, "it was not asked for");
        held.retain(|pair| *pair != ada);
        assert!(held.failures(&ada) == 0 && !held.is_empty());
        assert_eq!(held.into_pairs(), [xbt].into());
    }

    #[test]
    fn the_waits_of_each_pair_grow_by_themselves() {
        let (ada, xbt) = (pair("adaeur"), pair("xbteur"));
        let backoff = Backoff { min: Duration::from_secs(1), max: Duration::from_secs(60) };
        let mut held = HeldBack::default();
        let mut waits = |pairs: &[&AssetPair], asked| {
            let pairs = pairs.iter().copied().cloned().collect();
            let wait = |failures| backoff.jittered(failures, 1.0);
            let waits = held.put_off(pairs, asked, &busy(), Instant::now(), wait);
            waits.iter().map(Duration::as_secs).collect::<Vec<_>>()
        };
        assert_eq!(waits(&[&ada], true), [1]);
        assert_eq!(waits(&[&ada], true), [2]);
        assert_eq!(waits(&[&ada, &xbt], true), [4, 1]);
        assert_eq!(waits(&[&ada], false), [8], "what was not asked for is not put off for longer");
        assert_eq!(waits(&[&ada], false), [8]);
        assert_eq!(waits(&[&xbt], true), [2]);
    }
}
