//! The search for the cells that Google refuses: which cells to write by themselves next, and what
//! follows from Google's refusing them. A machine over the numbers of cells; what is in them, and
//! which of them were set aside, it is told. Pure: no I/O, no clock, no randomness.
//!
//! **Good cells do not wait for it.** After every write of the search, or one that was refused, it
//! is the turn of the cells that are not under suspicion, if they have news. Those that Google has
//! taken before are suspected apart from those that it has not: so they wait for two refusals at
//! the most, unless one of them is bad by now.
//!
//! **The others wait for so many refusals at the most**, of `bad` cells among `all`: `bad` where
//! Google names the entry, and two where the bad ones are a range; `bad · (2 + log2(all / bad))`
//! where it does not.
//!
//! **It leaves the budget to the others.** [`AT_ONCE`] refusals may follow each other as fast as
//! the budget allows, and as many again when a cell that Google had taken becomes bad meanwhile.
//! What is still under suspicion by then is set aside, and the search goes on in probes: one in a
//! thirtieth of `retry.probe`, and in 10 s at the most.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

/// So many cells in a row, refused for one reason without being named, are hardly an accident.
const IN_A_ROW: usize = 4;

/// So many refusals are enough to find a bad cell among thousands, or four in a row.
pub(super) const AT_ONCE: usize = 24;

/// What is being looked for, and how far that has come.
#[derive(Debug)]
pub(super) struct Search {
    /// Groups of cells that are written by themselves, to find the one that Google refuses. What
    /// becomes of the first comes first: so it is soon known whether it is a matter of cells.
    suspects: VecDeque<Vec<usize>>,
    /// The same, of cells that were set aside. What becomes of the first comes last: the largest
    /// groups go first, of which most are good, if any are.
    probes: VecDeque<Vec<usize>>,
    /// The last write was of one of these groups, or was refused.
    has_searched: bool,
    /// How many writes were refused since there was no suspect, or since cells that Google had
    /// taken came under suspicion, which are not to be set aside with the others untried.
    refusals: usize,
    /// The cells that were found last, one after the other and for one reason.
    run: Run,
    /// How far apart the writes are that probe cells that were set aside, and when the next is.
    between_probes: Duration,
    next_probe: Option<Instant>,
}

/// Cells that were found one after the other, for one reason.
#[derive(Debug, Default)]
struct Run {
    text: String,
    cells: Vec<usize>,
    /// How often it has been no matter of cells.
    hopeless: usize,
}

/// Cells that are written together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) cells: Vec<usize>,
    /// Whether they had been set aside.
    pub(super) is_probe: bool,
}

/// The cells that are to be written now, by their numbers, in order.
#[derive(Debug)]
pub(super) struct Due {
    /// Those that nothing stands in the way of.
    pub(super) well: Vec<usize>,
    /// Those that were set aside, and are to be tried again.
    pub(super) aside: Vec<usize>,
    /// Whether one of these has waited for so long that they go first.
    pub(super) is_overdue: bool,
}

/// What speaks against a cell that was in a write with a bad one. Cells that differ in it are not
/// written together; those with less against them go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Suspicion {
    /// Google has never taken it.
    pub(super) is_new: bool,
    /// It is in the tab of the bad one: what is wrong with a cell is often wrong with its tab.
    pub(super) is_near: bool,
}

impl Search {
    /// Nothing is being looked for. However many cells are set aside, the writes that probe them
    /// are so far apart.
    pub(super) fn new(between_probes: Duration) -> Self {
        Self {
            suspects: VecDeque::new(),
            probes: VecDeque::new(),
            has_searched: false,
            refusals: 0,
            run: Run::default(),
            between_probes,
            next_probe: None,
        }
    }

    pub(super) fn may_probe(&self, now: Instant) -> bool {
        self.next_probe.is_none_or(|next| next <= now)
    }

    /// How far apart the writes are that probe cells.
    pub(super) const fn between_probes(&self) -> Duration {
        self.between_probes
    }

    /// When to look again for something to do, if a cell that was set aside is to be tried at
    /// `then` and there is nothing to do `now`. One whose time has come all the same lacks its tab,
    /// which cannot be looked for just now.
    pub(super) fn next_attempt(&self, then: Instant, now: Instant) -> Instant {
        let then = if then <= now { now + self.between_probes } else { then };
        self.next_probe.map_or(then, |probe| then.max(probe))
    }

    /// The cells to write next. Where the budget is so small that others are always due, the turn
    /// of those that were set aside comes all the same.
    pub(super) fn next(&mut self, due: Due, now: Instant) -> Group {
        let Due { well, aside, is_overdue } = due;
        let suspects: BTreeSet<_> = self.suspects.iter().flatten().collect();
        let trusted = well.iter().copied().filter(|cell| !suspects.contains(cell));
        let trusted: Vec<_> = trusted.collect();
        if std::mem::take(&mut self.has_searched) && !trusted.is_empty() {
            return Group { cells: trusted, is_probe: false };
        }
        let their_turn = well.is_empty() || is_overdue;
        if !aside.is_empty() && their_turn && self.may_probe(now) {
            self.next_probe = Some(now + self.between_probes);
            self.has_searched = true;
            let cells = next_group(&mut self.probes, &aside).unwrap_or(aside);
            return Group { cells, is_probe: true };
        }
        let suspects = next_group(&mut self.suspects, &well);
        self.has_searched = suspects.is_some();
        if suspects.is_none() {
            self.refusals = 0;
        }
        Group { cells: suspects.unwrap_or(trusted), is_probe: false }
    }

    /// Google has confirmed a group. If that is a witness, it was under suspicion itself.
    pub(super) fn confirmed(&mut self, group: &Group) {
        if !group.is_probe {
            self.run.end();
        }
        if let [witness] = group.cells.as_slice() {
            self.suspects.iter_mut().for_each(|suspects| suspects.retain(|cell| cell != witness));
        }
    }

    /// Google has refused a group because of this entry, the first bad one, or without saying why.
    /// That is the bad cell, if it is known now; the others are written in groups of their own.
    pub(super) fn refused(
        &mut self,
        group: &Group,
        entry: Option<usize>,
        text: &str,
        suspicion: impl Fn(usize) -> Suspicion,
    ) -> Option<usize> {
        let cells = group.cells.as_slice();
        if !std::mem::replace(&mut self.has_searched, true)
            && cells.iter().any(|&cell| !suspicion(cell).is_new)
        {
            self.refusals = 0;
        }
        if !group.is_probe {
            self.refusals += 1;
        }
        let named = entry.and_then(|entry| {
            let (before, rest) = cells.split_at_checked(entry)?;
            let (cell, behind) = rest.split_first()?;
            Some((before, *cell, behind))
        });
        match (named, cells) {
            (Some((before, cell, behind)), _) => {
                self.run.end();
                // Bad cells are often a range: from the other end, what is behind it comes first.
                let mut behind = by_suspicion(behind.iter().rev(), suspicion);
                if group.is_probe {
                    behind = behind.iter().flat_map(|group| halves(group)).collect();
                }
                self.look_into(behind, group.is_probe);
                // Google may yet refuse some of them for a reason that it does not name.
                if !before.is_empty() {
                    self.queue(group.is_probe).push_front(before.to_vec());
                }
                Some(cell)
            }
            (None, [cell]) => {
                if !group.is_probe {
                    self.run.add(*cell, text);
                }
                Some(*cell)
            }
            (None, _) => {
                let mut groups = by_suspicion(cells, suspicion);
                if groups.len() == 1 {
                    groups = halves(cells).into();
                }
                self.look_into(groups, group.is_probe);
                None
            }
        }
    }

    /// What is under suspicion still, when so much was refused that the search goes on in probes.
    pub(super) fn slow_down(&mut self) -> Vec<usize> {
        if self.refusals < AT_ONCE {
            return Vec::new();
        }
        self.refusals = 0;
        self.run.end();
        self.suspects.make_contiguous().sort_by_key(|group| Reverse(group.len()));
        let cells = self.suspects.iter().flatten().copied().collect();
        self.probes.extend(self.suspects.drain(..));
        cells
    }

    /// Forgets the groups of cells that are no longer set aside, and keeps each of the others once.
    pub(super) fn keep_aside(&mut self, is_aside: impl Fn(usize) -> bool) {
        let mut seen = BTreeSet::new();
        for group in &mut self.probes {
            group.retain(|&cell| is_aside(cell) && seen.insert(cell));
        }
        self.probes.retain(|group| !group.is_empty());
    }

    /// How many cells wait in the groups of those that were set aside.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.probes.iter().map(Vec::len).sum()
    }

    fn queue(&mut self, is_probe: bool) -> &mut VecDeque<Vec<usize>> {
        if is_probe { &mut self.probes } else { &mut self.suspects }
    }

    /// Has these groups written by themselves, in this order.
    fn look_into(&mut self, groups: Vec<Vec<usize>>, is_probe: bool) {
        let groups = groups.into_iter().filter(|group| !group.is_empty());
        if is_probe {
            self.probes.extend(groups);
        } else {
            groups.rev().for_each(|group| self.suspects.push_front(group));
        }
    }

    /// Whether so many were found in a row that a witness is to be asked, if there is one.
    pub(super) const fn needs_witness(&self) -> bool {
        self.run.cells.len() == IN_A_ROW
    }

    /// After so many in a row, a cell from elsewhere, that shows whether they are to blame: of all
    /// that `can_be_written` the last, as the run has come from the front; and another one each
    /// time, since that cell may be a bad one, too.
    pub(super) fn witness(
        &self,
        can_be_written: impl DoubleEndedIterator<Item = usize>,
    ) -> Option<usize> {
        if !self.needs_witness() {
            return None;
        }
        let others: Vec<_> = can_be_written.rev().collect();
        others.get(self.run.hopeless % others.len().max(1)).copied()
    }

    /// Whether Google refuses one cell after the other for this same reason, and the witness, too:
    /// then it is a matter of the spreadsheet and not of the cells.
    pub(super) fn is_hopeless(&self, witness: Option<usize>) -> bool {
        let run = self.run.cells.len();
        run > IN_A_ROW || (self.needs_witness() && witness.is_none())
    }

    /// It is no matter of cells: those that were found one after the other, and why. Nothing is
    /// looked for any more.
    pub(super) fn give_up(&mut self) -> (String, Vec<usize>) {
        self.run.hopeless = self.run.hopeless.wrapping_add(1);
        self.suspects.clear();
        self.refusals = 0;
        (self.run.text.clone(), std::mem::take(&mut self.run.cells))
    }
}

impl Run {
    fn add(&mut self, cell: usize, text: &str) {
        if self.text != text {
            text.clone_into(&mut self.text);
            self.end();
        }
        self.cells.push(cell);
    }

    fn end(&mut self) {
        self.cells.clear();
    }
}

/// Takes those of these cells that are due out of the first group that has any.
fn next_group(groups: &mut VecDeque<Vec<usize>>, due: &[usize]) -> Option<Vec<usize>> {
    let is_due = |cell: &usize| due.binary_search(cell).is_ok();
    let first = groups.iter_mut().find(|group| group.iter().any(is_due))?;
    let (now, later) = first.iter().partition(|cell| is_due(cell));
    *first = later;
    groups.retain(|group| !group.is_empty());
    Some(now)
}

/// Divides cells by what speaks against them.
fn by_suspicion<'a>(
    cells: impl IntoIterator<Item = &'a usize>,
    suspicion: impl Fn(usize) -> Suspicion,
) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for &cell in cells {
        groups.entry(suspicion(cell)).or_default().push(cell);
    }
    groups.into_values().collect()
}

fn halves(cells: &[usize]) -> [Vec<usize>; 2] {
    let (left, right) = cells.split_at(cells.len() / 2);
    [left.to_vec(), right.to_vec()]
}

#[cfg(test)]
mod tests;
