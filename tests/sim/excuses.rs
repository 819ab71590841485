//! What has happened of late that excuses the product for what it would not do otherwise.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use ratesheet::{Drill, Fault, Next};

use super::{
    bound::noticed,
    broken::{Broken, Verdict, broken_if},
    lately::Lately,
    plan::{Plan, Role, secs},
};

/// Requests may be on the way for so long between their making and their arrival: connecting
/// takes 3 s at the most.
pub(crate) const ON_THE_WAY: Duration = secs(4);

/// An actor that has been restarted, or built, is well again after so long.
const RECOVERED: Duration = secs(2);

/// For so long a drill, or a tree that is built, excuses more requests than usual.
const STIRRED: Duration = secs(180);

/// Faults that are to come, and those that may: until when.
#[derive(Debug, Default)]
struct Expected {
    due: VecDeque<Duration>,
    possible: VecDeque<Duration>,
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
    /// When something last failed at all.
    pub(crate) failed: Duration,
    /// By spreadsheet, and of what all of them feel: until when it may be told of something that
    /// makes it write all its cells once more.
    afresh: BTreeMap<Option<usize>, Duration>,
}

impl Excuses {
    /// Something has failed: who fails uses up what the others may wait for.
    pub(crate) const fn fails(&mut self, now: Duration) {
        self.failed = now;
    }

    /// One spreadsheet, or each, writes all its cells once more, because of what it is told by
    /// then.
    pub(crate) fn writes_afresh(&mut self, by: Duration, book: Option<usize>) {
        let until = self.afresh.entry(book).or_default();
        *until = by.max(*until);
    }

    /// What a spreadsheet has written since then it writes no more without a reason.
    pub(crate) fn afresh(&self, book: usize) -> Duration {
        let [all, own] = [None, Some(book)].map(|of| self.afresh.get(&of).copied());
        all.max(own).unwrap_or_default()
    }

    /// The process stands still for so long from now on.
    pub(crate) fn stalls(&mut self, now: Duration, long: Duration) {
        self.stalled += long;
        self.stalls.note(now + long);
        let expected = self.expected.values_mut();
        let untils = expected.flat_map(|known| known.due.iter_mut().chain(&mut known.possible));
        let ill = self.ill.values_mut().filter(|until| **until >= now);
        untils.chain(ill).for_each(|until| *until += long);
    }

    /// How often it has gone on after a standstill since then, or within a minute before.
    pub(crate) fn stalls_since(&self, then: Duration, now: Duration) -> usize {
        self.stalls.within(now, now.saturating_sub(then) + secs(60))
    }

    /// An actor is made to fail, and is to be missed soon; or when it is at work again, if it is
    /// failing already.
    pub(crate) fn drills(&mut self, now: Duration, role: Role, drill: Drill, plan: &Plan) {
        let supervision = &plan.config.supervision;
        self.drills.insert(role, now);
        let ill = self.ill.entry(role).or_default();
        let Expected { due, .. } = self.expected.entry(role).or_default();
        let before = due.back().map(|until| *until + supervision.backoff.max);
        let noticed =
            now.max(*ill).max(before.unwrap_or_default()) + noticed(supervision.ping, drill);
        *ill = noticed;
        due.push_back(noticed);
        self.fails(now);
    }

    /// Whether there was such an actor just then.
    pub(crate) fn drilled(&mut self, role: Role, met: bool) {
        if !met {
            self.expected.entry(role).or_default().due.pop_back();
        }
    }

    /// The tree is built afresh, with full budgets; nobody will hear of what ailed the old one.
    pub(crate) fn reloads(&mut self, now: Duration, plan: &Plan) {
        let books = (0..plan.spreadsheets.len()).map(Role::Sheets);
        for role in books.chain([Role::Kraken]) {
            self.drills.insert(role, now);
            self.ill.insert(role, now + plan.handover() + RECOVERED);
        }
        for expected in self.expected.values_mut() {
            let grace = plan.handover();
            expected.possible.extend(expected.due.drain(..).map(|until| until + grace));
        }
        self.reloads.note(now);
        self.fails(now);
        self.writes_afresh(now + plan.handover() + ON_THE_WAY, None);
    }

    /// An actor has failed.
    pub(crate) fn fault(&mut self, now: Duration, role: Role, fault: &Fault) -> Verdict {
        let Next::Restart(wait) = fault.next else {
            return Err((Broken::Fault, format!("{fault:?}")));
        };
        self.ill.insert(role, now + wait + RECOVERED);
        let Expected { due, possible } = self.expected.entry(role).or_default();
        possible.retain(|until| now <= *until);
        let expected = due.pop_front().or_else(|| possible.pop_front());
        broken_if(expected.is_none(), Broken::Fault, || format!("{fault:?}"))
    }

    /// Every actor that was made to fail must be missed in time.
    pub(crate) fn all_noticed(&self, now: Duration) -> Verdict {
        let late = |expected: &Expected| expected.due.front().is_some_and(|until| now > *until);
        let unnoticed = self.expected.iter().find(|(_, expected)| late(expected));
        let how = || format!("nobody has noticed what ails {unnoticed:?}");
        broken_if(unnoticed.is_some(), Broken::Fault, how)
    }

    /// Whether an actor itself is excused.
    pub(crate) fn is_ill_itself(&self, role: Role, now: Duration) -> bool {
        self.ill.get(&role).is_some_and(|until| now < *until)
    }

    /// Whether an actor is excused, for itself or for want of quotes.
    pub(crate) fn is_ill(&self, role: Role, now: Duration) -> bool {
        self.is_ill_itself(role, now) || self.is_ill_itself(Role::Kraken, now)
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
