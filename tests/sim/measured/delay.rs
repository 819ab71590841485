//! A spreadsheet that fails for ever, among nine others.

use std::time::Duration;

use super::super::{
    faults::{Episode, Fault, Service},
    plan::{Happening, Plan, secs},
    sheet::Sheet,
};
use super::{Measured, TICK, each, ensure, lively, watch};

/// The one that fails: it comes last, so that the others have the same places in the queue for the
/// budget whether it writes or not.
const FAILING: usize = 9;

/// When it begins to fail, and when that has been watched for long enough.
const FROM: Duration = secs(120);
const TO: Duration = secs(1_200);

/// What is wrong with it.
const TROUBLES: [(&str, Option<Trouble>); 6] = [
    ("nothing", None),
    ("it hangs", Some(|plan| always(plan, Fault::Hang))),
    ("it is reset", Some(|plan| always(plan, Fault::Reset))),
    ("403", Some(|plan| plan.happenings.push((FROM, Happening::Deny(FAILING))))),
    ("404", Some(|plan| plan.happenings.push((FROM, Happening::Bin(FAILING))))),
    ("400", Some(|plan| plan.happenings.push((FROM, Happening::Protect(FAILING))))),
];

type Trouble = fn(&mut Plan);

fn always(plan: &mut Plan, fault: Fault) {
    plan.episodes.push(Episode::whole(Service::Sheets, fault, Some(FAILING), (FROM, TO)));
}

/// Ten spreadsheets of three cells each.
fn plan(writes_per_minute: u32, every: Duration, trouble: Option<Trouble>) -> Plan {
    let sheet = |book| Sheet::plain(book, 1, every, &lively(3 * book, 3));
    let mut plan = Plan::quiet(7, (0..=FAILING).map(sheet).collect(), TO);
    plan.config.google.writes_per_minute = writes_per_minute;
    // Google does not name what it refuses: to find that out takes most writes.
    plan.names_entries = false;
    if let Some(trouble) = trouble {
        trouble(&mut plan);
    }
    plan
}

/// How long the prices of the others take from the request for them to their cells: of a hundred
/// the longest but one, for each trouble.
fn longest(writes_per_minute: u32, every: Duration) -> Vec<(&'static str, Duration)> {
    each(&TROUBLES, |&(name, trouble)| {
        let record = watch(name, 7, move || plan(writes_per_minute, every, trouble));
        let others = record.written().filter(|(sheet, ..)| *sheet != FAILING);
        let mut lags: Vec<_> =
            others.filter(|(_, _, asked, _)| *asked >= FROM).map(|(.., a, t)| t - a).collect();
        lags.sort();
        (name, lags[lags.len() * 99 / 100])
    })
}

/// By the budget that there is by default, and so fast that it is nearly used up, the others are as
/// quick as with nothing wrong, within a tenth.
pub(super) fn of_others() -> Measured {
    let lags = longest(50, secs(15));
    let control = lags[0].1;
    for (name, lag) in &lags {
        let off = lag.abs_diff(control);
        ensure(off <= control / 10, || format!("{name}: {lag:?}, and {control:?} without"))?;
    }
    Ok(format!("ten spreadsheets, fifty writes a minute: {lags:?}"))
}

/// Where the budget is no matter, they are exactly as quick.
pub(super) fn with_room() -> Measured {
    let lags = longest(3_000, TICK);
    let control = lags[0].1;
    for (name, lag) in &lags {
        ensure(*lag == control, || format!("{name}: {lag:?}, and {control:?} without"))?;
    }
    Ok(format!("ten spreadsheets, writes without number: {lags:?}"))
}
