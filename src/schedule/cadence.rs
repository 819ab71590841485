//! When each sheet is due. Pure: no I/O, no clock, no randomness.

use std::time::Duration;

use tokio::time::Instant;

use crate::messages::SheetIndex;

/// The cadences of all sheets. They begin together, so that those which coincide share a tick.
#[derive(Debug)]
pub(super) struct Cadences(Vec<Cadence>);

/// One sheet's cadence: from its start on, every so often.
#[derive(Debug)]
struct Cadence {
    sheet: SheetIndex,
    every: Duration,
    next: Instant,
}

impl Cadences {
    /// All sheets are due at `start`, and then each at multiples of its own period.
    pub(super) fn new(
        sheets: impl IntoIterator<Item = (SheetIndex, Duration)>,
        start: Instant,
    ) -> Self {
        // A period of nothing would never let anything else happen.
        const LEAST: Duration = Duration::from_millis(1);
        let cadence =
            |(sheet, every): (_, Duration)| Cadence { sheet, every: every.max(LEAST), next: start };
        Self(sheets.into_iter().map(cadence).collect())
    }

    /// Has all sheets due at `start`.
    pub(super) fn begin(&mut self, start: Instant) {
        self.0.iter_mut().for_each(|cadence| cadence.next = start);
    }

    /// When the next sheet is due; `None` without sheets.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.iter().map(|cadence| cadence.next).min()
    }

    /// All sheets.
    pub(super) fn sheets(&self) -> impl Iterator<Item = SheetIndex> {
        self.0.iter().map(|cadence| cadence.sheet)
    }

    /// Has each sheet due earlier by as much: so long the machine was suspended, and no `Instant`
    /// has counted it.
    pub(super) fn suspended(&mut self, slept: Duration) {
        for cadence in &mut self.0 {
            // Where there is no such moment, its rhythm is not what it was.
            cadence.next = cadence.next.checked_sub(slept).unwrap_or(cadence.next);
        }
    }

    /// The sheets that are due at `now`, each once however late it is, and how many due times
    /// have been missed. The next due time of each keeps to its multiples.
    pub(super) fn due(&mut self, now: Instant) -> (Vec<SheetIndex>, u64) {
        let mut missed = 0;
        let mut due = Vec::new();
        for cadence in self.0.iter_mut().filter(|cadence| cadence.next <= now) {
            missed += cadence.advance(now);
            due.push(cadence.sheet);
        }
        (due, missed)
    }
}

impl Cadence {
    /// Moves the next due time to the first multiple after `now`; returns how many were passed
    /// over.
    fn advance(&mut self, now: Instant) -> u64 {
        let late = now.saturating_duration_since(self.next).as_nanos();
        let missed = late / self.every.as_nanos();
        let ahead = self.every.as_nanos() - late % self.every.as_nanos();
        self.next = now + Duration::from_nanos(u64::try_from(ahead).unwrap_or(u64::MAX));
        u64::try_from(missed).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn cadences_that_coincide_share_a_tick() {
        let start = Instant::now();
        let (a, b) = (SheetIndex(0), SheetIndex(1));
        let mut cadences = Cadences::new([(a, ms(100)), (b, ms(300))], start);
        let mut ticks = Vec::new();
        while let Some(next) = cadences.next().filter(|next| *next < start + ms(700)) {
            ticks.push((next.duration_since(start), cadences.due(next).0));
        }
        let expected = [
            (ms(0), vec![a, b]),
            (ms(100), vec![a]),
            (ms(200), vec![a]),
            (ms(300), vec![a, b]),
            (ms(400), vec![a]),
            (ms(500), vec![a]),
            (ms(600), vec![a, b]),
        ];
        assert_eq!(ticks, expected);
    }

    #[test]
    fn after_a_stall_there_is_one_tick_and_no_drift() {
        let start = Instant::now();
        let mut cadences = Cadences::new([(SheetIndex(0), ms(100))], start);
        assert_eq!(cadences.due(start), (vec![SheetIndex(0)], 0));
        assert_eq!(cadences.due(start + ms(99)), (vec![], 0));
        assert_eq!(cadences.due(start + ms(4_050)), (vec![SheetIndex(0)], 39));
        assert_eq!(cadences.due(start + ms(4_051)), (vec![], 0));
        assert_eq!(cadences.next(), Some(start + ms(4_100)));
    }

    #[test]
    fn a_suspend_is_like_a_stall_and_each_sheet_keeps_to_its_multiples() {
        let start = Instant::now();
        let [often, seldom] = [0, 1].map(SheetIndex);
        let mut cadences = Cadences::new([(often, ms(100)), (seldom, ms(10_000))], start);
        assert_eq!(cadences.sheets().collect::<Vec<_>>(), [often, seldom]);
        assert_eq!(cadences.due(start), (vec![often, seldom], 0));
        cadences.suspended(ms(4_030));
        assert_eq!(cadences.due(start + ms(20)), (vec![often], 39), "4.05 s have passed");
        assert_eq!(cadences.next(), Some(start + ms(70)));
        cadences.suspended(ms(100_000));
        assert_eq!(cadences.due(start + ms(20)), (vec![often, seldom], 999 + 9));
    }

    #[test]
    fn a_million_late_ticks_do_not_drift() {
        let start = Instant::now();
        let mut cadences = Cadences::new([(SheetIndex(0), ms(7))], start);
        for n in 0..1_000_000 {
            let next = cadences.next().unwrap();
            assert_eq!(next, start + ms(7 * n));
            assert_eq!(cadences.due(next + ms(n % 7)).1, 0);
        }
    }

    #[test]
    fn whatever_the_stalls_every_due_time_is_a_tick_or_counted_as_missed() {
        for seed in 0..50 {
            let mut dice = fastrand::Rng::with_seed(seed);
            let start = Instant::now();
            let every: Vec<_> = (0..3).map(|_| ms(dice.u64(1..5_000))).collect();
            let sheets = every.iter().enumerate().map(|(n, every)| (SheetIndex(n), *every));
            let mut cadences = Cadences::new(sheets, start);
            let (mut now, mut ticks, mut all_missed) = (start, 0, 0);
            for _ in 0..200 {
                let next = cadences.next().unwrap();
                // On time, or late by anything between nothing and an hour.
                let late = ms(dice.u64(..2) * dice.u64(..3_600_000));
                now = now.max(next) + late;
                let (due, missed) = cadences.due(now);
                assert!(!due.is_empty() && due.is_sorted(), "seed {seed}: {due:?}");
                assert!(cadences.next().is_some_and(|next| next > now), "seed {seed}: in the past");
                ticks += due.len() as u128;
                all_missed += u128::from(missed);
            }
            let passed = now.duration_since(start).as_nanos();
            let due_times: u128 = every.iter().map(|every| passed / every.as_nanos() + 1).sum();
            assert_eq!(ticks + all_missed, due_times, "seed {seed}");
        }
    }

    #[test]
    fn no_sheets_are_never_due() {
        let mut cadences = Cadences::new([], Instant::now());
        assert_eq!(cadences.next(), None);
        assert_eq!(cadences.due(Instant::now()), (vec![], 0));
    }
}
