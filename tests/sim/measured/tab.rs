//! A tab that is renamed, and renamed back.

use std::time::Duration;

use super::super::{
    plan::{Happening, Plan, secs},
    seen::Kind,
    sheet::Sheet,
};
use super::{BEGIN, Measured, Record, TICK, ensure, lively, watch};

/// When it is renamed back.
const BACK: Duration = secs(1_505);

/// The sheet in the tab that is renamed; those in the other tab and in the other spreadsheet.
const RENAMED: usize = 1;
const OTHERS: [usize; 2] = [0, 2];

/// So many cells has each of them.
const CELLS: usize = 4;

fn plan(names_entries: bool, by_number: bool) -> Plan {
    let sheet = |book, gid, first| Sheet::plain(book, gid, TICK, &lively(first, CELLS));
    let sheets = vec![sheet(0, 1, 0), sheet(0, 2, CELLS), sheet(1, 1, 2 * CELLS)];
    let mut plan = Plan::quiet(7, sheets, BACK + secs(600));
    plan.names_entries = names_entries;
    if by_number {
        plan.config.sheets[RENAMED].tab = ratesheet::Tab::Gid(2);
    }
    plan.happenings =
        vec![(BEGIN, Happening::Rename(RENAMED)), (BACK, Happening::RenameBack(RENAMED))];
    plan
}

/// What is asked of the spreadsheet within some time: what, with which status, of how many cells.
fn asked(record: &Record, from: Duration, to: Duration) -> Vec<(&'static str, u16, usize)> {
    let asked = record.within(from..to).filter_map(|seen| match seen.kind {
        Kind::Read(0) => Some(("read", seen.status, 0)),
        Kind::Write(0) => Some(("write", seen.status, seen.prices.len())),
        _ => None,
    });
    asked.collect()
}

/// In the tick after the renaming one write is refused, as all of it is done or nothing; then the
/// spreadsheet is read, and the rest written, in writes of so many cells. All others are fresh by
/// then.
fn first_tick(
    record: &Record,
    after: Duration,
    rest: &[usize],
    plan: &Plan,
) -> Result<Duration, String> {
    let tick = record.tick_after(after);
    let asked = asked(record, tick, tick + TICK);
    let mut expected = vec![("write", 400, 2 * CELLS), ("read", 200, 0)];
    expected.extend(rest.iter().map(|cells| ("write", 200, *cells)));
    ensure(asked == expected, || format!("it is asked for {asked:?}, not {expected:?}"))?;
    let answers = 1 + expected.len() as u32;
    let most = tick - after + answers * Duration::from_millis(plan.latency) + secs(1);
    for sheet in OTHERS {
        let fresh = record.fresh(sheet, CELLS, after).unwrap_or(Duration::MAX);
        ensure(fresh <= most, || format!("sheet {sheet} is fresh after {fresh:?}, not {most:?}"))?;
    }
    ensure(most <= TICK, || format!("{most:?} is more than a tick"))?;
    Ok(most)
}

/// A tab that the configuration calls by its title is gone.
pub(super) fn by_title() -> Measured {
    let mut told = Vec::new();
    for names_entries in [true, false] {
        let record = watch("a renamed tab", 7, move || plan(names_entries, false));
        let plan = plan(names_entries, false);
        let within = first_tick(&record, BEGIN, &[CELLS], &plan)?;
        // The others are written with each tick, and it is read again when that is looked at.
        let later = record.tick_after(BEGIN) + TICK;
        let asked = asked(&record, later, BACK);
        let (reads, writes): (Vec<_>, Vec<_>) =
            asked.into_iter().partition(|(what, ..)| *what == "read");
        let ticks = (BACK - later).as_secs().div_ceil(TICK.as_secs()) as usize;
        let all = writes.iter().all(|write| *write == ("write", 200, CELLS));
        ensure(all && writes.len() == ticks, || format!("{ticks} ticks: {writes:?}"))?;
        let probe = plan.config.retry.probe;
        let probes = (BACK - later).div_duration_f64(probe.mul_f64(0.8)) as usize;
        ensure((1..=probes).contains(&reads.len()), || format!("it is read: {reads:?}"))?;
        let back = record.fresh(RENAMED, CELLS, BACK).unwrap_or(Duration::MAX);
        let most = probe.mul_f64(1.2) + TICK;
        ensure(back <= most, || format!("it is back after {back:?}, not {most:?}"))?;
        told.push(format!(
            "a tab that is renamed: the others within {within:?}, {} readings in {:?}, back within {back:?}",
            reads.len(), BACK - later,
        ));
    }
    Ok(told.join("\n"))
}

/// A tab that the configuration calls by its number is found again, and written in the same tick:
/// if Google names the cell that it refuses, that one and the others apart; if not, one half and
/// the other.
pub(super) fn by_number() -> Measured {
    for (names_entries, rest) in [(true, &[CELLS, 1, CELLS - 1][..]), (false, &[CELLS, CELLS])] {
        let record = watch("a renamed tab", 7, move || plan(names_entries, true));
        let plan = plan(names_entries, true);
        for at in [BEGIN, BACK] {
            let most = first_tick(&record, at, rest, &plan)?;
            let fresh = record.fresh(RENAMED, CELLS, at).unwrap_or(Duration::MAX);
            ensure(fresh <= most, || format!("it is fresh after {fresh:?}, not {most:?}"))?;
        }
    }
    Ok("a tab that is known by its number: nothing stands still when it is renamed".into())
}
