//! What follows from Google's refusing a write: which cells are set aside, which are looked at one
//! by one, and when it is no matter of cells. Pure: no I/O, no clock, no randomness.

use tokio::time::Instant;

use super::{Plan, Write};
use crate::sheets::{a1, error::cell_failure};

/// So many cells in a row, refused for one reason without being named, are hardly an accident.
const IN_A_ROW: usize = 4;

/// Cells that were set aside one after the other, for one reason.
#[derive(Debug, Default)]
pub(super) struct Run {
    text: String,
    cells: Vec<usize>,
    /// How often it has been no matter of cells.
    hopeless: usize,
}

impl Plan {
    /// Google has refused a write because of this entry, the first bad one: its cell is set aside
    /// until `until`, and those before it, which are good, are written before those behind it.
    pub(in crate::sheets) fn rejected(
        &mut self,
        write: &Write,
        entry: usize,
        text: &str,
        until: Instant,
    ) {
        let Some(&cell) = write.cells.get(entry) else {
            self.refused(write, text, until);
            return;
        };
        self.set_aside(cell, text, until);
        self.run.end();
        // What is wrong with a cell is often wrong with its tab: the other tabs go first.
        let (before, behind) = write.cells.split_at(entry);
        let tab = |cell: usize| self.targets[cell].range.as_deref().map(a1::tab_of);
        let (same, other): (Vec<usize>, Vec<usize>) =
            behind[1..].iter().partition(|&&other| tab(other) == tab(cell));
        self.look_into([before.to_vec(), other, same], write);
    }

    /// Google has refused a write without saying why: it is halved, and each half written by
    /// itself, until the cell is found.
    pub(in crate::sheets) fn refused(&mut self, write: &Write, text: &str, until: Instant) {
        match write.cells.as_slice() {
            [] => {}
            [cell] => {
                self.set_aside(*cell, text, until);
                if !write.is_probe {
                    self.run.add(*cell, text);
                }
            }
            cells => {
                let (left, right) = cells.split_at(cells.len() / 2);
                self.look_into([left.to_vec(), right.to_vec()], write);
            }
        }
    }

    /// Has these groups written by themselves, in this order, before anything else of their kind.
    fn look_into<const N: usize>(&mut self, groups: [Vec<usize>; N], write: &Write) {
        let queue = if write.is_probe { &mut self.probes } else { &mut self.suspects };
        for group in groups.into_iter().rev().filter(|group| !group.is_empty()) {
            queue.push_front(group);
        }
    }

    /// Whether Google refuses one cell after the other for this same reason, and one from
    /// elsewhere, too: then it is a matter of the spreadsheet and not of the cells.
    pub(in crate::sheets) fn is_hopeless(&self) -> bool {
        let run = self.run.cells.len();
        run > IN_A_ROW || (run == IN_A_ROW && self.witness().is_none())
    }

    /// After so many in a row, a cell from elsewhere, that shows whether they are to blame: the
    /// last, as the run has come from the front; and another one each time, since that cell may
    /// be a bad one, too.
    pub(super) fn witness(&self) -> Option<usize> {
        if self.run.cells.len() != IN_A_ROW {
            return None;
        }
        let can_be_written = |cell: &usize| self.targets[*cell].can_be_written();
        let others: Vec<_> = (0..self.targets.len()).rev().filter(can_be_written).collect();
        others.get(self.run.hopeless % others.len().max(1)).copied()
    }

    /// Takes back that the cells of a run were set aside: it is none of theirs.
    pub(in crate::sheets) fn absolve(&mut self) {
        let failure = cell_failure(&self.run.text);
        for cell in self.run.cells.drain(..) {
            self.targets[cell].quarantine.take_if(|(why, _)| *why == failure);
        }
        self.run.hopeless = self.run.hopeless.wrapping_add(1);
        self.suspects.clear();
        self.derive_all();
    }

    fn set_aside(&mut self, cell: usize, text: &str, until: Instant) {
        let target = &mut self.targets[cell];
        target.quarantine = Some((cell_failure(text), until));
        let sheet = target.sheet;
        self.derive(sheet);
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

    pub(super) fn end(&mut self) {
        self.cells.clear();
    }
}
