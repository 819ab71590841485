//! What is known of Kraken's pairs: the list of them, when to ask for it again, and which pairs
//! Kraken has refused all the same. Pure: no I/O, no clock, no randomness.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    held_back::HeldBack,
    pairs::{PairIndex, unknown},
};
use crate::{messages::Failure, quote::AssetPair, suggest::Effort};

/// The list is fetched afresh after this long: Kraken lists and delists some pairs every month.
const GOOD_FOR: Duration = Duration::from_secs(60 * 60);

/// The list of pairs, and what does not follow from it.
#[derive(Debug, Default)]
pub(super) struct Roster {
    index: Option<PairIndex>,
    asking: Asking,
    /// Pairs that are not in the list, and what is nearest to each of them.
    unknown: BTreeMap<AssetPair, Failure>,
    /// Pairs that are not to be asked for before their time, and why.
    refused: HeldBack,
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
    pub(super) const fn index(&self) -> Option<&PairIndex> {
        self.index.as_ref()
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

    /// The list has come. What was refused may be known now; but not by the name that it was
    /// refused by.
    pub(super) fn arrived(&mut self, index: PairIndex, now: Instant) {
        let before = self.index.take();
        self.refused.retain(|pair| {
            let key = before.as_ref().and_then(|before| before.key(pair));
            key.is_some() && key == index.key(pair)
        });
        self.unknown.clear();
        self.index = Some(index);
        self.asking = Asking::Again { at: now + GOOD_FOR, failures: 0 };
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
    pub(super) fn missed(&mut self, at: Instant) {
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
        self.refused.hold(pair, failure, until);
    }

    /// Those of the wanted pairs that are not in the list. What was meant is looked for once for
    /// each list, and as far as a turn of the loop bears it: there are thousands of names.
    pub(super) fn unknown(&mut self, wanted: &BTreeSet<AssetPair>) -> BTreeMap<AssetPair, Failure> {
        let Some(index) = &self.index else { return BTreeMap::new() };
        let mut effort = Effort::default();
        let why = |pair: &AssetPair| {
            let why = self.unknown.entry(pair.clone());
            let why = why.or_insert_with(|| unknown(pair, index.did_you_mean(pair, &mut effort)));
            (pair.clone(), why.clone())
        };
        wanted.iter().filter(|pair| index.key(pair).is_none()).map(why).collect()
    }

    /// Those of the wanted pairs that are held back now, and why.
    pub(super) fn held_back(
        &self,
        wanted: &BTreeSet<AssetPair>,
        now: Instant,
    ) -> BTreeMap<AssetPair, Failure> {
        self.refused.now(wanted, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{kraken::wire::AssetPairInfo, messages::FailureClass};

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn the_first_list_is_waited_for_and_no_other() {
        let start = Instant::now();
        let mut roster = Roster::default();
        assert!(roster.is_due(start) && roster.is_awaited());
        assert!(!roster.is_due(start), "it is on its way");
        roster.missed(after(start, 1));
        assert_eq!(roster.failures(), 1);
        assert!(!roster.is_due(start) && !roster.is_awaited());
        assert!(roster.is_due(after(start, 1)) && !roster.is_awaited());
        roster.missed(after(start, 3));
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

    fn pair(text: &str) -> AssetPair {
        AssetPair::parse(text).unwrap()
    }

    /// A list of these pairs, by key and name.
    fn list(pairs: &[(&str, &str)]) -> PairIndex {
        let row = |(key, name): &(&str, &str)| {
            let info = AssetPairInfo { altname: String::new(), wsname: (*name).to_owned() };
            ((*key).to_owned(), info)
        };
        PairIndex::new(&pairs.iter().map(row).collect())
    }

    #[test]
    fn a_list_that_fails_to_come_leaves_the_one_that_there_is() {
        let start = Instant::now();
        let mut roster = Roster::default();
        let key = |roster: &Roster| roster.index()?.key(&pair("ADA/EUR")).map(str::to_owned);
        assert_eq!(key(&roster), None);
        roster.arrived(list(&[("ADAEUR", "ADA/EUR")]), start);
        assert!(roster.is_due(after(start, 3_600)));
        roster.missed(after(start, 3_700));
        assert_eq!(key(&roster).as_deref(), Some("ADAEUR"));
    }

    #[test]
    fn a_refused_pair_is_held_back_until_its_time_or_until_it_has_another_name() {
        let start = Instant::now();
        let wanted = [pair("ADA/EUR"), pair("xbteur")].into();
        let (named, renamed) = (list(&[("ADAEUR", "ADA/EUR")]), list(&[("ADA.EUR", "ADA/EUR")]));
        let mut roster = Roster::default();
        let refuse = |roster: &mut Roster| {
            let failure = Failure::new(FailureClass::Pair, "unknown", "");
            roster.refuse(pair("adaeur"), failure, after(start, 300));
        };
        refuse(&mut roster);
        assert_eq!(roster.held_back(&wanted, start).len(), 1);
        assert_eq!(roster.held_back(&wanted, after(start, 300)).len(), 0);
        roster.arrived(named, start);
        assert_eq!(roster.held_back(&wanted, start).len(), 0, "it was asked for without a list");
        refuse(&mut roster);
        roster.arrived(list(&[("ADAEUR", "ADA/EUR"), ("XXBTZEUR", "XBT/EUR")]), start);
        assert_eq!(roster.held_back(&wanted, start).len(), 1, "it would be refused again");
        roster.arrived(renamed, start);
        assert_eq!(roster.held_back(&wanted, start).len(), 0);
        refuse(&mut roster);
        roster.arrived(list(&[]), start);
        assert_eq!(roster.held_back(&wanted, start).len(), 0, "it is no longer in the list");
    }

    #[test]
    fn what_was_meant_by_an_unknown_pair_is_looked_for_once_for_each_list() {
        let start = Instant::now();
        let wanted = [pair("ADA/EUR"), pair("adaeru")].into();
        let mut roster = Roster::default();
        assert!(roster.unknown(&wanted).is_empty(), "there is no list yet");
        roster.arrived(list(&[("ADAEUR", "ADA/EUR")]), start);
        let unknown = roster.unknown(&wanted);
        assert!(unknown[&pair("adaeru")].remedy.contains("Did you mean ADA/EUR?"));
        assert_eq!(roster.unknown, unknown);
        roster.arrived(list(&[("ADAEUR", "ADA/EUR"), ("ADAERU", "ADA/ERU")]), start);
        assert!(roster.unknown(&wanted).is_empty());
    }

    #[test]
    fn two_thousand_unknown_pairs_among_ten_thousand_are_told_of_in_a_turn() {
        let names: Vec<_> = (0..10_000).map(|n| format!("X{n:07}")).collect();
        let rows: Vec<_> = names.iter().map(|name| (name.as_str(), name.as_str())).collect();
        let wanted: BTreeSet<_> = (0..2_000).map(|n| pair(&format!("Y{n:07}"))).collect();
        let mut roster = Roster::default();
        roster.arrived(list(&rows), Instant::now());
        let begun = Instant::now();
        assert_eq!(roster.unknown(&wanted).len(), wanted.len());
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    }
}
