//! What all spreadsheets have in common: a token that Google does not take any more.

use super::super::{
    plan::{Happening, Plan, secs},
    seen::Kind,
    sheet::Sheet,
};
use std::time::Duration;

use super::{BEGIN, Measured, TICK, ensure, lively, watch};

/// Two spreadsheets of three cells each.
const CELLS: usize = 3;

fn plan() -> Plan {
    let sheet = |book| Sheet::plain(book, 1, TICK, &lively(CELLS * book, CELLS));
    let mut plan = Plan::quiet(7, vec![sheet(0), sheet(1)], BEGIN + secs(120));
    plan.happenings = vec![(BEGIN, Happening::Revoke)];
    plan
}

/// Each spreadsheet's write is refused, one token asked for, and each write made again, at once,
/// with what was fetched in this same tick.
pub(super) fn revoked() -> Measured {
    let record = watch("a revoked token", 7, plan);
    let tick = record.tick_after(BEGIN);
    let count = |kind: Kind, status: u16| {
        let all = record.within(tick..tick + TICK);
        all.filter(|seen| seen.kind == kind && seen.status == status).count()
    };
    let tokens = count(Kind::Token, 200);
    ensure(tokens == 1, || format!("{tokens} tokens are asked for"))?;
    let fetches = record.within(tick..tick + TICK);
    let fetches = fetches.filter(|seen| matches!(seen.kind, Kind::Fetch(_))).count();
    ensure(fetches == 1, || format!("{fetches} fetches in a tick"))?;
    let mut told = Vec::new();
    for book in [0, 1] {
        let [refused, done] = [401, 200].map(|status| count(Kind::Write(book), status));
        ensure((refused, done) == (1, 1), || format!("{refused} are refused, {done} done"))?;
        let own = record.written().filter(|(sheet, ..)| *sheet == book);
        let own: Vec<_> = own.filter(|(_, _, asked, _)| *asked == tick).collect();
        ensure(own.len() == CELLS, || format!("{own:?} are written of this tick's prices"))?;
        let there = own.iter().map(|(.., there)| *there).max().unwrap_or_default();
        // Prices, a refusal, a token, and it is done: nothing is waited for but answers.
        let (took, answers) = (there - tick, 4 * Duration::from_millis(plan().latency));
        ensure(took == answers, || format!("it takes {took:?}, not {answers:?}"))?;
        told.push(took);
    }
    Ok(format!("a token that is not taken: written {told:?} after the tick"))
}
