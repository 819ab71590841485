//! What is known of Kraken's pairs: the list of them, when to ask for it again, and which pairs
//! Kraken has refused all the same. Pure: no I/O, no clock, no randomness.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::Duration,
};

use tokio::time::Instant;

use super::pairs::PairIndex;
use crate::{messages::Failure, quote::AssetPair};

/// The list is fetched afresh after this long: Kraken lists and delists some pairs every month.
const GOOD_FOR: Duration = Duration::from_secs(60 * 60);

/// The list of pairs, and what does not follow from it.
#[derive(Debug, Default)]
pub(super) struct Roster {
    index: Option<Rc<PairIndex>>,
    asking: Asking,
    /// Pairs that are not to be asked for before their time, and why.
    refused: BTreeMap<AssetPair, (Failure, Instant)>,
}

/// How it stands with the list.
#[derive(Debug, Clone, Copy, Default)]
enum Asking {
    #[default]
    Never,
    /// It is on its way; the very first time it is waited for.
    Now { first: bool, failures: u32 },
    /// It has failed to come so many times in a row, and is to be asked for again at that time.
    Again { at: Instant, failures: u32 },
}

impl Roster {
    /// The list, if there is one.
    pub(super) fn index(&self) -> Option<Rc<PairIndex>> {
        self.index.clone()
    }

    /// Whether the list is to be asked for now. It counts as asked for then.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        self.asking = match self.asking {
            Asking::Never => Asking::Now { first: true, failures: 0 },
            Asking::Again { at, failures } if at <= now => Asking::Now { first: false, failures },
            Asking::Now { .. } | Asking::Again { .. } => return false,
        };
        true
    }

    /// Whether there is nothing to go by before it comes. A list that fails to come the first
    /// time is not waited for again: names will do.
    pub(super) const fn is_awaited(&self) -> bool {
        matches!(self.asking, Asking::Now { first: true, .. })
    }

    /// The list has come: whatever was refused may be known now.
    pub(super) fn arrived(&mut self, index: PairIndex, now: Instant) {
        self.index = Some(Rc::new(index));
        self.asking = Asking::Again { at: now + GOOD_FOR, failures: 0 };
        self.refused.clear();
    }

    /// How many times in a row the list has failed to come, this time too.
    pub(super) const fn failures(&self) -> u32 {
        match self.asking {
            Asking::Never => 0,
            Asking::Now { failures, .. } => failures.saturating_add(1),
            Asking::Again { failures, .. } => failures,
        }
    }

    /// The list has failed to come: it is asked for again at `at`.
    pub(super) fn failed(&mut self, at: Instant) {
        self.asking = Asking::Again { at, failures: self.failures() };
    }

    /// The list may be out of date: it is asked for again at `at`, if not sooner.
    pub(super) fn doubted(&mut self, at: Instant) {
        if let Asking::Again { at: planned, .. } = &mut self.asking {
            *planned = at.min(*planned);
        }
    }

    /// Kraken does not know a pair that was asked for: it is held back until `until`.
    pub(super) fn refuse(&mut self, pair: AssetPair, failure: Failure, until: Instant) {
        self.refused.insert(pair, (failure, until));
    }

    /// Those of the wanted pairs that are held back now, and why.
    pub(super) fn held_back(
        &self,
        wanted: &BTreeSet<AssetPair>,
        now: Instant,
    ) -> BTreeMap<AssetPair, Failure> {
        self.refused
            .iter()
            .filter(|(pair, (_, until))| now < *until && wanted.contains(pair))
            .map(|(pair, (failure, _))| (pair.clone(), failure.clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::FailureClass;

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn the_first_list_is_waited_for_and_no_other() {
        let start = Instant::now();
        let mut roster = Roster::default();
        assert!(roster.is_due(start) && roster.is_awaited());
        assert!(!roster.is_due(start), "it is on its way");
        roster.failed(after(start, 1));
        assert_eq!(roster.failures(), 1);
        assert!(!roster.is_due(start) && !roster.is_awaited());
        assert!(roster.is_due(after(start, 1)) && !roster.is_awaited());
        roster.failed(after(start, 3));
        assert_eq!(roster.failures(), 2);
        assert!(roster.is_due(after(start, 3)));
        roster.arrived(PairIndex::default(), after(start, 3));
        assert_eq!(roster.failures(), 0);
    }

    #[test]
    fn a_list_is_good_for_an_hour_unless_it_is_doubted() {
        let start = Instant::now();
        let mut roster = Roster::default();
        roster.arrived(PairIndex::default(), start);
        assert!(!roster.is_due(after(start, 3_599)));
        roster.doubted(after(start, 300));
        roster.doubted(after(start, 400));
        assert!(!roster.is_due(after(start, 299)));
        assert!(roster.is_due(after(start, 300)));
    }

    #[test]
    fn a_refused_pair_is_held_back_until_its_time_or_the_next_list() {
        let start = Instant::now();
        let mut roster = Roster::default();
        let pair = |text| AssetPair::parse(text).unwrap();
        let failure =
            Failure { class: FailureClass::Pair, reason: "unknown".into(), remedy: String::new() };
        roster.refuse(pair("adaeur"), failure, after(start, 300));
        let wanted = [pair("ADA/EUR"), pair("xbteur")].into();
        assert_eq!(roster.held_back(&wanted, start).len(), 1);
        assert_eq!(roster.held_back(&wanted, after(start, 300)).len(), 0);
        roster.arrived(PairIndex::default(), start);
        assert_eq!(roster.held_back(&wanted, start).len(), 0);
    }
}
