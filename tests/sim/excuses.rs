//! What has happened of late that excuses the product for what it would not do otherwise.

use std::{collections::BTreeMap, time::Duration};

use ratesheet::{Fault, Next};

use super::{
    broken::{Broken, Verdict, broken_if},
    lately::Lately,
    plan::{Plan, Role, secs},
};

/// Requests may be on the way for so long between their making and their arrival: connecting
/// takes 3 s at the most.
pub(crate) const ON_THE_WAY: Duration = secs(4);

/// After a drill it may take so long until the fault is noticed: three pings of 5 s, and a stop or
/// a panic that waits behind what else is in the mailbox.
const NOTICED: Duration = secs(30);

/// An actor that has been restarted, or built, is well again after so long.
const RECOVERED: Duration = secs(2);

/// For so long a drill, or a tree that is built, excuses more requests than usual.
const STIRRED: Duration = secs(180);

/// Faults that are to come, and those that may.
#[derive(Debug, Default)]
struct Expected {
    due: usize,
    possible: usize,
    since: Duration,
}

#[derive(Debug, Default)]
pub(crate) struct Excuses {
    drills: BTreeMap<Role, Duration>,
    expected: BTreeMap<Role, Expected>,
    /// Until when an actor is excused.
    ill: BTreeMap<Role, Duration>,
    reloads: Lately,
    stalls: Lately,
    /// How long the process has stood still in all.
    pub(crate) stalled: Duration,
    /// By spreadsheet, and of what all of them feel: when something last failed.
    failed: BTreeMap<Option<usize>, Duration>,
}

impl Excuses {
    /// Something has failed that one spreadsheet may feel, or all.
    pub(crate) fn fails(&mut self, now: Duration, book: Option<usize>) {
        self.failed.insert(book, now);
    }

    /// When something last failed that a spreadsheet may have felt.
    pub(crate) fn failed(&self, book: usize) -> Duration {
        let [all, own] = [None, Some(book)].map(|of| self.failed.get(&of).copied());
        all.max(own).unwrap_or_default()
    }

    /// The process stands still for so long from now on.
    pub(crate) fn stalls(&mut self, now: Duration, long: Duration) {
        self.stalled += long;
        self.stalls.note(now + long);
    }

    /// How often it has gone on after a standstill since then, or within a minute before.
    pub(crate) fn stalls_since(&self, then: Duration, now: Duration) -> usize {
        self.stalls.within(now, now.saturating_sub(then) + secs(60))
    }

    pub(crate) fn drills(&mut self, now: Duration, role: Role) {
        self.drills.insert(role, now);
        self.ill.insert(role, now + NOTICED);
        let expected = self.expected.entry(role).or_default();
        (expected.due, expected.since) = (expected.due + 1, now);
        self.fails(now, None);
    }

    /// Whether there was such an actor just then.
    pub(crate) fn drilled(&mut self, role: Role, met: bool) {
        self.expected.entry(role).or_default().due -= usize::from(!met);
    }

    /// The tree is built afresh, with full budgets; nobody will hear of what ailed the old one.
    pub(crate) fn reloads(&mut self, now: Duration, plan: &Plan) {
        let books = (0..plan.spreadsheets.len()).map(Role::Sheets);
        for role in books.chain([Role::Kraken]) {
            self.drills.insert(role, now);
            self.ill.insert(role, now + plan.config.shutdown_grace + RECOVERED);
        }
        for expected in self.expected.values_mut() {
            expected.possible += std::mem::take(&mut expected.due);
        }
        self.reloads.note(now);
        self.fails(now, None);
    }

    /// An actor has failed.
    pub(crate) fn fault(&mut self, now: Duration, role: Role, fault: &Fault) -> Verdict {
        let Next::Restart(wait) = fault.next else {
            return Err((Broken::Fault, format!("{fault:?}")));
        };
        self.ill.insert(role, now + wait + RECOVERED);
        let expected = self.expected.entry(role).or_default();
        let Expected { due, possible, .. } = expected;
        match (*due, *possible) {
            (0, 0) => return Err((Broken::Fault, format!("{fault:?}"))),
            (0, _) => *possible -= 1,
            _ => *due -= 1,
        }
        Ok(())
    }

    /// Every actor that was made to fail must have been missed by now.
    pub(crate) fn all_noticed(&self, now: Duration) -> Verdict {
        let unnoticed = self.expected.iter().find(|(_, expected)| {
            let Expected { due, since, .. } = expected;
            *due > 0 && now > *since + NOTICED
        });
        let how = || format!("nobody has noticed what ails {unnoticed:?}");
        broken_if(unnoticed.is_some(), Broken::Fault, how)
    }

    pub(crate) fn is_ill(&self, role: Role, now: Duration) -> bool {
        let lately = |role: &Role| self.ill.get(role).is_some_and(|until| now < *until);
        lately(&role) || lately(&Role::Kraken)
    }

    /// How many actors have been made to fail, or have been built, of late.
    pub(crate) fn stirred(&self, now: Duration) -> usize {
        self.drills.values().filter(|at| now < **at + STIRRED).count()
    }

    /// How many trees there have been of late.
    pub(crate) fn trees(&self, now: Duration) -> usize {
        self.reloads.within(now, secs(120)) + 1
    }
}
