//! The rhythm of one sheet's ticks, as Kraken hears it: whether each has its fetch, and how late
//! they are. Pure: no I/O, no clock, no randomness. `benches/soak` judges by it, too.
//!
//! Nobody outside knows when a tick was due. So of every hundred fetches the earliest is taken as
//! in time; by then the machine's clock, which is set little by little, has not gone far astray.

use std::time::Duration;

use ratesheet::{
    jiff::Timestamp,
    sandbox::{Entry, Service},
};

/// So many fetches are held against the earliest of them.
const WINDOW: usize = 100;

/// A fetch of quotes.
#[derive(Debug, Clone, Copy)]
struct Fetch {
    at: Timestamp,
    /// Whether no fault met it.
    well: bool,
}

/// The fetches of a sheet that is due every so often.
#[derive(Debug)]
pub(crate) struct Rhythm {
    every: Duration,
    fetches: Vec<Fetch>,
}

impl Rhythm {
    pub(crate) const fn new(every: Duration) -> Self {
        Self { every, fetches: Vec::new() }
    }

    /// Takes in what was asked since the last time.
    pub(crate) fn hear(&mut self, journal: &[Entry]) {
        let tickers = journal
            .iter()
            .filter(|entry| entry.service == Service::Kraken && entry.path().ends_with("/Ticker"));
        self.fetches
            .extend(tickers.map(|entry| Fetch { at: entry.at, well: entry.fault.is_none() }));
    }

    /// How many fetches there were.
    pub(crate) fn fetches(&self) -> usize {
        self.fetches.len()
    }

    /// How many ticks were due from the first fetch to the last.
    pub(crate) fn due(&self) -> usize {
        let [first, .., last] = &self.fetches[..] else { return self.fetches.len() };
        1 + self.beats(first, last)
    }

    /// How many ticks were skipped though the fetch before them was answered well: one that comes
    /// after a failure waits for its time, and the ticks meanwhile share it.
    pub(crate) fn skipped(&self) -> usize {
        let after_good_ones = self.fetches.windows(2).enumerate().filter(|(_, two)| two[0].well);
        let passed = after_good_ones.map(|(at, two)| {
            // One that is late is not skipped: the one after it comes the sooner.
            let next = self.fetches.get(at + 2).filter(|_| two[1].well);
            let by_the_next =
                next.map_or(usize::MAX, |next| self.beats(&two[0], next).saturating_sub(1));
            self.beats(&two[0], &two[1]).min(by_the_next).saturating_sub(1)
        });
        passed.sum()
    }

    /// The longest time from one to the next.
    pub(crate) fn pause(&self) -> Duration {
        let gaps = self.fetches.windows(2).map(|two| nanos(&two[0], &two[1]));
        Duration::from_nanos(gaps.max().and_then(|gap| u64::try_from(gap).ok()).unwrap_or(0))
    }

    /// By how much those that follow a good one are late, the least first.
    pub(crate) fn lateness(&self) -> Vec<Duration> {
        let mut all = Vec::new();
        for window in self.fetches.windows(2).collect::<Vec<_>>().chunks(WINDOW) {
            // What follows a failure begins when its wait is over.
            let in_time: Vec<_> =
                window.iter().filter(|two| two[0].well).map(|two| two[1]).collect();
            let Some(first) = in_time.first() else { continue };
            // By the middle one: who is late by more than half of a beat is not early.
            let mut off: Vec<_> =
                in_time.iter().map(|fetch| self.wrapped(nanos(first, fetch), 2)).collect();
            off.sort_unstable();
            let middle = off[off.len() / 2];
            off.iter_mut().for_each(|off| *off = self.wrapped(*off - middle, 4));
            let earliest = off.iter().min().copied().unwrap_or_default();
            let late = |off: i128| u64::try_from(off - earliest).unwrap_or(u64::MAX);
            all.extend(off.into_iter().map(|off| Duration::from_nanos(late(off))));
        }
        all.sort_unstable();
        all
    }

    /// How many beats one fetch is after another.
    fn beats(&self, earlier: &Fetch, later: &Fetch) -> usize {
        let every = self.every.as_nanos() as i128;
        ((nanos(earlier, later) + every / 2) / every) as usize
    }

    /// So many nanoseconds, less whole beats: early by such a part of one at the most, or late.
    fn wrapped(&self, nanos: i128, part: i128) -> i128 {
        let every = self.every.as_nanos() as i128;
        (nanos + every / part).rem_euclid(every) - every / part
    }
}

fn nanos(earlier: &Fetch, later: &Fetch) -> i128 {
    later.at.as_nanosecond() - earlier.at.as_nanosecond()
}

/// Of so many in a hundred, none is greater than this. They are in order.
pub(crate) fn percentile(sorted: &[Duration], of_a_hundred: usize) -> Duration {
    let at = (sorted.len() * of_a_hundred).div_ceil(100).max(1) - 1;
    sorted.get(at).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Fetches at so many milliseconds, of which some have failed.
    fn heard(at: impl IntoIterator<Item = u64>, failed: &[u64]) -> Rhythm {
        let fetch = |at: u64| Fetch {
            at: Timestamp::from_millisecond(1_800_000_000_000 + at as i64).unwrap(),
            well: !failed.contains(&at),
        };
        Rhythm { every: ms(50), fetches: at.into_iter().map(fetch).collect() }
    }

    #[test]
    fn a_tick_that_has_no_fetch_is_missed() {
        let all = heard((0..200).map(|n| 50 * n + n % 7), &[]);
        assert_eq!((all.fetches(), all.due(), all.skipped()), (200, 200, 0));
        let all = heard([0, 50, 104, 200, 250, 400], &[]);
        assert_eq!((all.fetches(), all.due(), all.skipped()), (6, 9, 3));
        assert_eq!(heard([0, 50, 130, 150, 200], &[]).skipped(), 0, "late, and not skipped");
    }

    #[test]
    fn what_a_failure_holds_up_is_not_skipped() {
        // The third hangs for 150 ms and is tried again after 30; then all is as before.
        let all = heard([0, 50, 100, 280, 300, 350], &[100]);
        assert_eq!((all.skipped(), all.due(), all.pause()), (0, 8, ms(180)));
        assert_eq!(all.lateness(), [ms(0); 4]);
        let all = heard([0, 50, 100, 280, 300, 350], &[]);
        assert_eq!(all.skipped(), 2);
    }

    #[test]
    fn lateness_is_held_against_the_earliest_of_a_hundred() {
        // The first is late itself; one is late by 9 ms; the beat creeps by 1 ms in a hundred.
        let at =
            |n: u64| 50 * n + n / 100 + if n == 0 { 3 } else { 0 } + if n == 77 { 9 } else { 0 };
        let late = heard((0..1_000).map(at), &[]).lateness();
        assert_eq!(late.len(), 999);
        assert_eq!((percentile(&late, 50), percentile(&late, 99)), (ms(0), ms(1)));
        assert_eq!((late[998], percentile(&late, 100)), (ms(9), ms(9)));
        assert_eq!(percentile(&[], 99), ms(0));
        // Late by more than half of a beat is not early.
        let late = heard((0..90).map(|n| 50 * n + if n == 40 { 30 } else { 0 }), &[]).lateness();
        assert_eq!((late[87], late[88]), (ms(0), ms(30)));
    }
}
