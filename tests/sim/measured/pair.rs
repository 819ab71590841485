//! A pair that Kraken has delisted, and for which it refuses every request that names it.

use std::{collections::BTreeMap, time::Duration};

use super::super::{
    kraken,
    plan::{Happening, Plan, secs},
    seen::Kind,
    sheet::{Sheet, requests_for},
};
use super::{BEGIN, Measured, Record, each, ensure, lively, watch};

/// How often the sheet is written: there are many cells.
const TICK: Duration = secs(30);

/// When it is listed again.
const BACK: Duration = secs(905);

/// How many pairs there are in all: more than a hundred take two requests.
const COUNTS: [usize; 5] = [2, 8, 20, 100, 150];

/// A sheet of so many pairs, of which one is delisted for a while.
fn plan(pairs: &[usize], delisted: usize) -> Plan {
    let all = Sheet::plain(0, 1, TICK, pairs);
    let mut plan = Plan::quiet(7, vec![all], BACK + secs(450));
    plan.happenings =
        vec![(BEGIN, Happening::Delist(delisted)), (BACK, Happening::Relist(delisted))];
    plan
}

/// How many requests for tickers, and for the list of pairs, there are within some time.
fn asked(record: &Record, from: Duration, to: Duration) -> (usize, usize) {
    let fetches = record.within(from..to).filter(|seen| matches!(seen.kind, Kind::Fetch(_)));
    let lists = record.within(from..to).filter(|seen| seen.kind == Kind::List);
    (fetches.count(), lists.count())
}

/// Whichever of however many pairs it is.
pub(super) fn delisted() -> Measured {
    let which = |count: usize| [0, count / 2, count - 1].map(|which| (count, which));
    let all: Vec<_> = COUNTS.into_iter().flat_map(which).collect();
    let told: Result<Vec<_>, String> =
        each(&all, |&(count, which)| one(count, which)).into_iter().collect();
    Ok(told?.join("\n"))
}

fn one(count: usize, which: usize) -> Measured {
    let name = format!("pair {which} of {count}");
    let pairs = lively(0, count);
    let of = pairs.clone();
    let record = watch(&name, 7, move || plan(&of, of[which]));
    let plan = plan(&pairs, pairs[which]);
    let usual = requests_for(count);
    let tick = record.tick_after(BEGIN);
    // The request that names it is refused, and all that there is is asked for once; what was to be
    // asked after it is among that.
    let name_of = |pair: &usize| kraken::names(*pair)[0].clone();
    let before = pairs.iter().filter(|pair| name_of(pair) < name_of(&pairs[which])).count();
    let first = before / 100 + 2;
    let (asked_first, _) = asked(&record, tick, tick + TICK);
    ensure(asked_first == first, || format!("{name}: {asked_first} requests, not {first}"))?;
    // From then on it is left out, and all others take what they take.
    let (asked_later, lists) = asked(&record, tick + TICK, BACK);
    let ticks = (BACK - tick).as_secs().div_ceil(TICK.as_secs()) as usize - 1;
    let later = ticks * requests_for(count - 1);
    ensure(asked_later == later, || format!("{name}: {asked_later} requests, not {later}"))?;
    let more = first - usual;
    let most = count.ilog2() as usize + 1;
    // The list is looked at after a minute, and then as often as whatever only a person can mend.
    let probe = plan.config.retry.probe;
    let looks = 1 + (BACK - BEGIN).div_duration_f64(probe) as usize;
    ensure((1..=looks).contains(&lists), || {
        format!("{name}: the list is asked for {lists} times")
    })?;
    ensure(more < most, || format!("{name}: {more} more requests, and one for the list"))?;
    let fresh = others(&record, which, count)
        .ok_or_else(|| format!("{name}: not all the others are written"))?;
    let limit = tick - BEGIN + secs(4);
    ensure(fresh <= limit, || {
        format!("{name}: the others are fresh after {fresh:?}, not {limit:?}")
    })?;
    let back = record.fresh(0, count, BACK).unwrap_or(Duration::MAX);
    let limit = probe.mul_f64(1.2) + 2 * TICK;
    ensure(back <= limit, || format!("{name}: it is back after {back:?}, not {limit:?}"))?;
    Ok(format!(
        "{name} is delisted: {more} more requests for prices, {lists} for the list, the others \
         within {fresh:?}, back within {back:?}"
    ))
}

/// How long it takes until all others show what was asked for since, while it is delisted.
fn others(record: &Record, which: usize, count: usize) -> Option<Duration> {
    let own = format!("Sheet 1!B{}", which + 1);
    let mut fresh = BTreeMap::new();
    for (_, cell, asked, there) in record.written() {
        if asked >= BEGIN && there < BACK {
            fresh.entry(cell).or_insert(there);
        }
    }
    let others = fresh.len() == count - 1 && !fresh.contains_key(own.as_str());
    let last = fresh.values().max().filter(|_| others)?;
    Some(*last - BEGIN)
}
