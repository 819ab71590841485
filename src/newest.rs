//! The newest quotes of each sheet, kept for somebody who may need them again, or cannot take them
//! yet. Pure: no I/O, no clock, no randomness.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    messages::{QuoteBatch, SheetIndex},
    quote::{AssetPair, Quote},
};

/// The newest batch of each of some sheets, and in it, of pairs that have no quote by then, the
/// last that there was. What one batch has for a sheet is never mixed with what a newer one says of
/// another: a pair that has no quote by now may have had one when a slower sheet was due.
#[derive(Debug, Default)]
pub(crate) struct Newest {
    /// The pairs of each sheet.
    sheets: BTreeMap<SheetIndex, Vec<AssetPair>>,
    /// The oldest first, each with its number.
    batches: Vec<(u64, QuoteBatch)>,
    /// How many have been taken in.
    count: u64,
}

impl Newest {
    /// Nothing has come for these sheets, each with its pairs, yet.
    pub(crate) fn of(sheets: impl IntoIterator<Item = (SheetIndex, Vec<AssetPair>)>) -> Self {
        Self { sheets: sheets.into_iter().collect(), batches: Vec::new(), count: 0 }
    }

    /// Takes in a batch, in the place of what was kept for the sheets that it is for.
    pub(crate) fn take_in(&mut self, mut batch: QuoteBatch) {
        self.count += 1;
        let own = batch.due.iter().filter(|due| self.sheets.contains_key(due));
        let own: BTreeSet<_> = own.copied().collect();
        if own.is_empty() {
            return;
        }
        let last = self.last(&own, &batch);
        if !last.is_empty() {
            Arc::make_mut(&mut batch.quotes).extend(last);
        }
        self.batches.retain_mut(|(_, older)| {
            let theirs = older.due.iter().filter(|due| self.sheets.contains_key(due));
            older.due = theirs.filter(|due| !own.contains(due)).copied().collect();
            !older.due.is_empty()
        });
        self.batches.push((self.count, batch));
    }

    /// The last quotes that are kept for these sheets, of their pairs that a newer batch lacks.
    fn last(&self, sheets: &BTreeSet<SheetIndex>, newer: &QuoteBatch) -> Vec<(AssetPair, Quote)> {
        let mut last = Vec::new();
        for (_, kept) in &self.batches {
            let theirs = kept.due.iter().filter(|sheet| sheets.contains(sheet));
            let pairs = theirs.filter_map(|sheet| self.sheets.get(sheet)).flatten();
            let lacking = pairs.filter(|pair| !newer.quotes.contains_key(pair));
            last.extend(lacking.filter_map(|pair| kept.quotes.get_key_value(pair)));
        }
        last.into_iter().map(|(pair, quote)| (pair.clone(), quote.clone())).collect()
    }

    /// Whether nothing is kept.
    pub(crate) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// What is kept, the oldest first.
    pub(crate) fn batches(&self) -> impl Iterator<Item = &QuoteBatch> {
        self.batches.iter().map(|(_, batch)| batch)
    }

    /// Hands out what is kept, the oldest first, until one is not taken.
    pub(crate) fn hand_out<E>(
        &mut self,
        mut take: impl FnMut(QuoteBatch) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some((_, oldest)) = self.batches.first() {
            take(oldest.clone())?;
            self.batches.remove(0);
        }
        Ok(())
    }

    /// How many batches have been taken in.
    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    /// Forgets the first so many of all that have been taken in.
    pub(crate) fn forget_first(&mut self, count: u64) {
        self.batches.retain(|(number, _)| *number > count);
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::{
        messages::{Failure, FailureClass},
        quote::{AssetPair, Quote},
    };

    const FAST: SheetIndex = SheetIndex(0);
    const SLOW: SheetIndex = SheetIndex(1);
    const STRANGE: SheetIndex = SheetIndex(2);

    fn pair() -> AssetPair {
        "xbteur".parse().unwrap()
    }

    fn newest() -> Newest {
        Newest::of([FAST, SLOW].map(|sheet| (sheet, vec![pair()])))
    }

    fn with_quote<const N: usize>(tick: u64, due: [SheetIndex; N]) -> QuoteBatch {
        QuoteBatch::new(tick, due, [(pair(), Quote::empty(Timestamp::UNIX_EPOCH))])
    }

    fn without<const N: usize>(tick: u64, due: [SheetIndex; N]) -> QuoteBatch {
        let why = Failure::new(FailureClass::Transient, "it is down", "");
        QuoteBatch::new(tick, due, []).missing([(pair(), why)])
    }

    /// The ticks that are kept, and for which sheets.
    fn kept(newest: &Newest) -> Vec<(u64, Vec<SheetIndex>)> {
        newest.batches().map(|batch| (batch.tick, batch.due.to_vec())).collect()
    }

    #[test]
    fn a_slow_sheet_keeps_its_quote_when_a_fast_one_has_none_any_more() {
        let mut newest = newest();
        newest.take_in(with_quote(1, [FAST, SLOW]));
        newest.take_in(without(2, [FAST]));
        assert_eq!(kept(&newest), [(1, vec![SLOW]), (2, vec![FAST])]);
        assert!(newest.batches().next().unwrap().quotes.contains_key(&pair()));
        newest.take_in(with_quote(3, [SLOW, FAST]));
        assert_eq!(kept(&newest), [(3, vec![SLOW, FAST])]);
    }

    #[test]
    fn of_a_pair_that_has_no_quote_any_more_the_last_is_kept_beside_the_reason() {
        let other: AssetPair = "etheur".parse().unwrap();
        let mut newest = newest();
        newest.take_in(without(1, [FAST]));
        assert!(newest.batches().next().unwrap().quotes.is_empty(), "there was none");
        let quote = |at| Quote::empty(Timestamp::from_second(at).unwrap());
        let both = [(pair(), quote(2)), (other.clone(), quote(2))];
        newest.take_in(QuoteBatch::new(2, [FAST], both));
        for tick in 3..5 {
            newest.take_in(without(tick, [FAST]));
            let batch = newest.batches().next().unwrap();
            assert_eq!((batch.tick, batch.quotes[&pair()].at), (tick, quote(2).at));
            assert!(batch.missing.contains_key(&pair()));
            assert!(!batch.quotes.contains_key(&other), "it is none of this sheet's");
        }
        newest.take_in(QuoteBatch::new(5, [FAST], [(pair(), quote(5))]));
        assert_eq!(newest.batches().next().unwrap().quotes[&pair()].at, quote(5).at);
    }

    #[test]
    fn only_batches_for_its_own_sheets_are_kept_however_many_come() {
        let mut newest = newest();
        newest.take_in(with_quote(1, [SLOW, STRANGE]));
        for tick in 2..100 {
            newest.take_in(with_quote(tick, [FAST, STRANGE]));
            newest.take_in(with_quote(tick, [STRANGE]));
        }
        assert_eq!(kept(&newest), [(1, vec![SLOW]), (99, vec![FAST, STRANGE])]);
    }

    #[test]
    fn what_is_not_taken_stays_and_what_is_taken_is_gone() {
        let mut newest = newest();
        newest.take_in(with_quote(1, [SLOW]));
        newest.take_in(with_quote(2, [FAST]));
        let refused = newest.hand_out(|batch| if batch.tick == 1 { Ok(()) } else { Err("full") });
        assert_eq!((refused, kept(&newest)), (Err("full"), vec![(2, vec![FAST])]));
        assert!(!newest.is_empty());
        assert_eq!(newest.hand_out(|_| Ok::<_, ()>(())), Ok(()));
        assert!(newest.is_empty());
    }

    #[test]
    fn what_is_forgotten_is_so_by_when_it_came() {
        let mut newest = newest();
        newest.take_in(with_quote(1, [SLOW]));
        newest.take_in(with_quote(1, [FAST]));
        newest.forget_first(0);
        assert_eq!(newest.batches().count(), 2);
        newest.forget_first(1);
        assert_eq!(kept(&newest), [(1, vec![FAST])]);
        newest.forget_first(newest.count());
        assert!(newest.is_empty());
    }
}
