//! The beat of the ticks when all is well. It is exact, as nothing here is busy but the product,
//! and what that takes is no time.

use std::time::Duration;

use super::super::{
    kraken,
    plan::{Plan, secs},
    seen::Kind,
    sheet::Sheet,
};
use super::{Measured, Record, ensure, lively, watch};

/// By so much a tick may be late: a timer is rounded up to a whole millisecond.
const LATE: Duration = Duration::from_millis(5);

/// A run ends so long before one more tick: by then what the last has brought is written.
const REST: Duration = Duration::from_millis(10);

/// Twenty ticks a second for ten minutes: each has its fetch, in its time from the very start on,
/// and its write.
pub(super) fn of_twelve_thousand() -> Measured {
    const TICKS: u32 = 12_000;
    const EVERY: Duration = Duration::from_millis(50);
    let plan = || {
        let sheet = Sheet::plain(0, 1, EVERY, &lively(0, 2));
        let mut plan = Plan::quiet(7, vec![sheet], EVERY * TICKS - REST);
        plan.latency = 10; // all of it is over before the next tick
        plan.config.kraken.requests_per_second = 50.0;
        plan.config.google.writes_per_minute = 3_000;
        plan
    };
    let record = watch("twenty ticks a second", 7, plan);
    let latest = in_time(&record, EVERY, TICKS as usize)?;
    let writes = count(&record, Kind::Write(0));
    ensure(writes == TICKS as usize, || format!("{writes} writes"))?;
    Ok(format!("{TICKS} ticks, {TICKS} fetches and as many writes, late by {latest:?} at the most"))
}

/// Ten thousand cells of fifty spreadsheets and five hundred pairs, every second: with each tick
/// each of the spreadsheets has one write, of every cell whose price has moved.
pub(super) fn of_ten_thousand_cells() -> Measured {
    const TICKS: u32 = 10;
    const EVERY: Duration = secs(1);
    const BOOKS: usize = 50;
    const PAIRS: usize = 10;
    const CELLS: usize = 200;
    let pairs = |book: usize| (0..CELLS).map(move |cell| book * PAIRS + cell % PAIRS);
    let plan = move || {
        let sheet = |book| Sheet::plain(book, 1, EVERY, &pairs(book).collect::<Vec<_>>());
        let sheets = (0..BOOKS).map(sheet).collect();
        let mut plan = Plan::quiet(7, sheets, EVERY * TICKS - REST);
        plan.latency = 100;
        plan.config.google.writes_per_minute = 6_000;
        plan
    };
    let record = watch("ten thousand cells", 7, plan);
    let latest = in_time(&record, EVERY, TICKS as usize)?;
    for book in 0..BOOKS {
        let writes = count(&record, Kind::Write(book));
        ensure(writes == TICKS as usize, || format!("{writes} writes of spreadsheet {book}"))?;
        // The first fetch has a price for each, the next ones for those that never stand still.
        let moves = pairs(book).filter(|pair| kraken::stands(*pair) == 1).count();
        let least = CELLS + moves * (TICKS as usize - 1);
        let written = record.written().filter(|(sheet, ..)| *sheet == book).count();
        ensure(written >= least, || format!("{written} cells of {book}, not {least}"))?;
    }
    let cells = BOOKS * CELLS;
    Ok(format!("{cells} cells in each of {TICKS} ticks, late by {latest:?} at the most"))
}

/// How late a fetch is at the most, where each of so many ticks has one and there are no others.
/// The first tick is due when the tree is started, so whoever is always late by the same is late;
/// its fetch comes after the list of pairs.
fn in_time(record: &Record, every: Duration, ticks: usize) -> Result<Duration, String> {
    let fetches = record.0.iter().filter(|seen| matches!(seen.kind, Kind::Fetch(_)));
    let mut begun: Vec<_> = fetches.map(|seen| seen.at).collect();
    ensure(begun.len() == ticks, || format!("{} fetches in {ticks} ticks", begun.len()))?;
    let list = record.0.iter().find(|seen| seen.kind == Kind::List).and_then(|list| list.ended);
    begun[0] -= list.unwrap_or_default();
    let late = |(at, tick): (&Duration, u32)| at.saturating_sub(every * tick);
    let latest = begun.iter().zip(0..).map(late).max().unwrap_or_default();
    ensure(latest <= LATE, || format!("a tick is late by {latest:?}"))?;
    Ok(latest)
}

fn count(record: &Record, kind: Kind) -> usize {
    record.0.iter().filter(|seen| seen.kind == kind).count()
}
