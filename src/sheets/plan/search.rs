//! The search for the cells that Google refuses: which cells to write by themselves next, and what
//! follows from Google's refusing them. A machine over the numbers of cells; what is in them, and
//! which of them were set aside, it is told. Pure: no I/O, no clock, no randomness.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// So many cells in a row, refused for one reason without being named, are hardly an accident.
const IN_A_ROW: usize = 4;

/// What is being looked for, and how far that has come.
#[derive(Debug)]
pub(super) struct Search {
    /// Groups of cells that are written by themselves, to find the one that Google refuses.
    suspects: VecDeque<Vec<usize>>,
    /// The same, of cells that were set aside before: they are in no hurry.
    probes: VecDeque<Vec<usize>>,
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

impl Search {
    /// Nothing is being looked for. However many cells are set aside, the writes that probe them
    /// are so far apart.
    pub(super) fn new(between_probes: Duration) -> Self {
        Self {
            suspects: VecDeque::new(),
            probes: VecDeque::new(),
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

    /// The cells to write next. Those that were set aside are tried by themselves, so that they
    /// hold up nothing else. Where the budget is so small that something else is always due, their
    /// turn comes all the same.
    pub(super) fn next(&mut self, due: Due, now: Instant) -> Group {
        let their_turn = due.well.is_empty() || due.is_overdue;
        let is_probe = !due.aside.is_empty() && their_turn && self.may_probe(now);
        let (groups, due) = if is_probe {
            self.next_probe = Some(now + self.between_probes);
            (&mut self.probes, due.aside)
        } else {
            (&mut self.suspects, due.well)
        };
        let cells = next_group(groups, |cell| due.binary_search(cell).is_ok()).unwrap_or(due);
        Group { cells, is_probe }
    }

    /// Google has confirmed a group.
    pub(super) fn confirmed(&mut self, group: &Group) {
        if !group.is_probe {
            self.run.end();
        }
    }

    /// Google has refused a group without saying why: it is halved, and each half written by
    /// itself, until the cell is found. That is it.
    pub(super) fn refused(&mut self, group: &Group, text: &str) -> Option<usize> {
        match group.cells.as_slice() {
            [] => None,
            [cell] => {
                if !group.is_probe {
                    self.run.add(*cell, text);
                }
                Some(*cell)
            }
            cells => {
                let (left, right) = cells.split_at(cells.len() / 2);
                self.look_into([left.to_vec(), right.to_vec()], group);
                None
            }
        }
    }

    /// Google has refused a group because of this entry, the first bad one: those before it, which
    /// are good, are written before those behind it. Of these, those that are `alike` may well be
    /// bad, too, and go last.
    pub(super) fn rejected(&mut self, group: &Group, entry: usize, alike: impl Fn(usize) -> bool) {
        self.run.end();
        let (before, behind) = group.cells.split_at(entry.min(group.cells.len()));
        let behind = behind.iter().skip(1);
        let (alike, other): (Vec<usize>, Vec<usize>) = behind.partition(|&&cell| alike(cell));
        self.look_into([before.to_vec(), other, alike], group);
    }

    /// Has these groups written by themselves, in this order, before anything else of their kind.
    fn look_into<const N: usize>(&mut self, groups: [Vec<usize>; N], of: &Group) {
        let queue = if of.is_probe { &mut self.probes } else { &mut self.suspects };
        for group in groups.into_iter().rev().filter(|group| !group.is_empty()) {
            queue.push_front(group);
        }
    }

    /// After so many in a row, a cell from elsewhere, that shows whether they are to blame: of all
    /// that `can_be_written` the last, as the run has come from the front; and another one each
    /// time, since that cell may be a bad one, too.
    pub(super) fn witness(
        &self,
        can_be_written: impl DoubleEndedIterator<Item = usize>,
    ) -> Option<usize> {
        if self.run.cells.len() != IN_A_ROW {
            return None;
        }
        let others: Vec<_> = can_be_written.rev().collect();
        others.get(self.run.hopeless % others.len().max(1)).copied()
    }

    /// Whether Google refuses one cell after the other for this same reason, and the witness, too:
    /// then it is a matter of the spreadsheet and not of the cells.
    pub(super) fn is_hopeless(&self, witness: Option<usize>) -> bool {
        let run = self.run.cells.len();
        run > IN_A_ROW || (run == IN_A_ROW && witness.is_none())
    }

    /// It is no matter of cells: those that were found one after the other, and why. Nothing is
    /// looked for any more.
    pub(super) fn give_up(&mut self) -> (String, Vec<usize>) {
        self.run.hopeless = self.run.hopeless.wrapping_add(1);
        self.suspects.clear();
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

/// Takes the next of these groups out that has cells like that in it, and these cells.
fn next_group(
    groups: &mut VecDeque<Vec<usize>>,
    like: impl Fn(&usize) -> bool,
) -> Option<Vec<usize>> {
    while let Some(mut group) = groups.pop_front() {
        group.retain(&like);
        if !group.is_empty() {
            return Some(group);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const BETWEEN: Duration = Duration::from_secs(10);

    /// The cells of the next write, when these are well and those were set aside.
    fn next(search: &mut Search, well: &[usize], aside: &[usize], now: Instant) -> Group {
        search.next(Due { well: well.into(), aside: aside.into(), is_overdue: false }, now)
    }

    fn group(cells: &[usize], is_probe: bool) -> Group {
        Group { cells: cells.into(), is_probe }
    }

    #[test]
    fn who_gives_up_looks_for_no_suspect_any_more_and_goes_on_with_its_probes() {
        let now = Instant::now();
        let mut search = Search::new(BETWEEN);
        search.refused(&group(&[0, 1, 2, 3], false), "no");
        search.refused(&group(&[6, 7], true), "no");
        search.give_up();
        assert_eq!(next(&mut search, &[0, 1, 2, 3], &[6, 7], now), group(&[0, 1, 2, 3], false));
        assert_eq!(next(&mut search, &[], &[6, 7], now), group(&[6], true));
        assert_eq!(next(&mut search, &[], &[6, 7], now + BETWEEN), group(&[7], true));
    }

    #[test]
    fn each_time_that_it_is_no_matter_of_cells_another_witness_is_asked() {
        let mut search = Search::new(BETWEEN);
        let asked: Vec<_> = (0..5)
            .map(|_| {
                for cell in 0..4 {
                    search.refused(&group(&[cell], false), "no");
                }
                let witness = search.witness(4..7);
                assert_eq!(search.give_up(), ("no".into(), vec![0, 1, 2, 3]));
                witness.unwrap()
            })
            .collect();
        assert_eq!(asked, [6, 5, 4, 6, 5], "from behind, and round");
    }

    #[test]
    fn a_probe_that_is_refused_says_nothing_of_the_spreadsheet() {
        let mut search = Search::new(BETWEEN);
        for cell in 0..3 {
            assert_eq!(search.refused(&group(&[cell], false), "no"), Some(cell));
        }
        assert_eq!(search.refused(&group(&[8], true), "no"), Some(8));
        assert_eq!(search.witness(4..7), None, "three are not four");
        search.confirmed(&group(&[9], true));
        search.refused(&group(&[3], false), "no");
        assert_eq!(search.witness(4..7), Some(6), "nor does one that is confirmed");
    }

    #[test]
    fn whose_time_is_over_is_looked_at_again_when_a_probe_may_be_and_not_at_once() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let mut search = Search::new(BETWEEN);
        assert_eq!(search.next_attempt(now + second, now), now + second);
        for then in [now, now - second] {
            assert_eq!(search.next_attempt(then, now), now + BETWEEN, "it would turn for ever");
        }
        next(&mut search, &[], &[0], now);
        assert_eq!(search.next_attempt(now + second, now + second / 2), now + BETWEEN);
    }
}
