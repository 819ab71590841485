//! Outages of each kind, and how soon everything is fresh after each.

use std::time::Duration;

use super::super::{
    bound::TOKEN_DEADLINE,
    faults::{Episode, Fault, Service},
    plan::{Plan, secs},
    sheet::Sheet,
};
use super::{Measured, TICK, each, ensure, lively, watch};

/// An outage lasts for a hundred ticks, and ends between two.
const FROM: Duration = secs(65);
const TO: Duration = secs(1_065);

/// How long a server asks to be left alone, in seconds.
const REST: u64 = 45;

/// What may be wrong with each of the services.
const FAULTS: [(&str, Fault); 9] = [
    ("is refused", Fault::Refuse),
    ("is never connected", Fault::NeverConnect),
    ("hangs", Fault::Hang),
    ("is reset", Fault::Reset),
    ("is reset in the middle", Fault::ResetMid),
    ("loses its answers", Fault::LostReply),
    ("says 503", Fault::Says(503, None)),
    ("says 429", Fault::Says(429, None)),
    ("says 429 and for how long", Fault::Says(429, Some(REST))),
];

/// So many times each, since waits are thrown by dice.
const TIMES: u64 = 3;

/// So many cells has each of two spreadsheets.
const CELLS: usize = 2;

fn plan(seed: u64, service: Service, fault: Fault) -> Plan {
    let sheet = |book| Sheet::plain(book, 1, TICK, &lively(CELLS * book, CELLS));
    let mut plan = Plan::quiet(seed, vec![sheet(0), sheet(1)], TO + secs(200));
    plan.episodes = vec![Episode::whole(service, fault, None, (FROM, TO))];
    // Or else there would be one all the time.
    plan.token_life = 120;
    plan
}

/// X = T + Dk + Ds + B, by the configuration, and what the server asks for: how long after an
/// outage, of whatever kind, all must be fresh. After so many attempts the backoff has long grown
/// to its longest.
fn bound(plan: &Plan, fault: Fault) -> Duration {
    let config = &plan.config;
    let asked = if let Fault::Says(_, Some(rest)) = fault { secs(rest) } else { Duration::ZERO };
    TICK + config.kraken.deadline + config.google.deadline + config.retry.backoff.max + asked
}

/// After each of them it takes no longer than that.
pub(super) fn bounds() -> Measured {
    let services = [Service::Kraken, Service::Sheets, Service::Token];
    let of = |service| FAULTS.into_iter().map(move |(name, fault)| (service, name, fault));
    let mut all: Vec<_> = services.into_iter().flat_map(of).collect();
    all.push((Service::Sheets, "takes no token", Fault::Unauthorized));
    all.push((Service::Token, "rejects the key", Fault::Says(400, None)));
    let told: Result<Vec<_>, String> =
        each(&all, |&(service, name, fault)| one(service, name, fault)).into_iter().collect();
    Ok(told?.join("\n"))
}

fn one(service: Service, name: &str, fault: Fault) -> Measured {
    let name = format!("{service:?} {name}");
    let bound = bound(&plan(0, service, fault), fault);
    let mut longest = Duration::ZERO;
    for seed in 0..TIMES {
        let record = watch(&name, seed, move || plan(seed, service, fault));
        let fresh = [0, 1].map(|sheet| record.fresh(sheet, CELLS, TO).unwrap_or(Duration::MAX));
        longest = longest.max(fresh[0]).max(fresh[1]);
        // It has been an outage: nothing that was asked for in it, from a while on, was written.
        let asked = FROM + secs(120)..TO.saturating_sub(TOKEN_DEADLINE);
        let during = record.written().filter(|(_, _, at, there)| asked.contains(at) && *there < TO);
        ensure(during.count() == 0, || format!("{name}: it is written all the same"))?;
    }
    ensure(longest <= bound, || format!("{name}: all is fresh after {longest:?}, not {bound:?}"))?;
    Ok(format!("{name} for a hundred ticks: all is fresh within {longest:.1?} of {bound:?}"))
}
