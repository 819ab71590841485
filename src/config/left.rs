//! What a change of the configuration leaves behind: cells that nobody writes any more, whose last
//! prices look as if somebody did. Pure: no I/O, no clock, no randomness.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    mem::{Discriminant, discriminant},
};

use super::Config;
use crate::sheets::{CellRef, SheetConfig, SpreadsheetId, Tab, TargetKey};

/// So many cells or ranges are named in one line.
const IN_A_LINE: usize = 20;

/// What is said of cells that nobody writes any more.
const LEFT: &str = "no longer written, and keeping the last value";

/// What is said of cells of which it is not known.
const RENAMED: &str = "no longer written, unless under another name";

impl Config {
    /// The cells of each spreadsheet that this configuration has written to and `next` will not, in
    /// lines for a person, who has to find every one of them. Those that may be the same as new
    /// ones, under another name, are in lines of their own, unless there are more such than new
    /// ones: then a line says of how many it is so.
    pub(crate) fn left_behind(&self, next: &Self) -> BTreeMap<&SpreadsheetId, Vec<String>> {
        let (old, new) = (self.keys(), next.keys());
        let fresh = Fresh::of(new.difference(&old));
        let mut left: BTreeMap<_, (Vec<_>, Vec<_>)> = BTreeMap::new();
        for (sheet, cell) in self.all_targets() {
            let key = TargetKey::new(sheet, cell);
            if !new.contains(&key) {
                let (left, renamed) = left.entry(&sheet.spreadsheet).or_default();
                let cells = if fresh.may_have(&key) { renamed } else { left };
                cells.push((sheet, cell));
            }
        }
        let told = left.into_iter().map(|(id, (mut left, mut renamed))| {
            let some = fresh.take_renamed(id, &mut left, &mut renamed);
            let count = left.len();
            let mut told = self.listed(left);
            if some > 0 {
                told.push(format!("{count} in all, of which {some} may have another name now"));
            }
            let told = told.into_iter().map(|cells| format!("{LEFT}: {cells}"));
            let renamed =
                self.listed(renamed).into_iter().map(|cells| format!("{RENAMED}: {cells}"));
            (id, told.chain(renamed).collect())
        });
        told.collect()
    }

    fn all_targets(&self) -> impl Iterator<Item = (&SheetConfig, &CellRef)> {
        self.sheets.iter().flat_map(|sheet| sheet.targets().map(move |(cell, _)| (sheet, cell)))
    }

    fn keys(&self) -> HashSet<TargetKey> {
        self.all_targets().map(|(sheet, cell)| TargetKey::new(sheet, cell)).collect()
    }

    /// All of some cells, so many in a line. Those that follow one another down a column are one
    /// range: there may be thousands.
    fn listed(&self, mut cells: Vec<(&SheetConfig, &CellRef)>) -> Vec<String> {
        cells.sort_by_key(|&(sheet, cell)| (&sheet.tab, cell));
        let ranges = cells.chunk_by(|(above, one), (below, other)| {
            above.tab == below.tab && under(one).is_some_and(|under| under == **other)
        });
        let named = ranges.filter_map(|cells| {
            let ((sheet, first), (_, last)) = (cells.first()?, cells.last()?);
            let name = self.cell_name(sheet, first);
            Some(match last {
                CellRef::Cell { column, row, .. } if cells.len() > 1 => {
                    let last = CellRef::Cell { tab: None, column: *column, row: *row };
                    format!("{name}:{last}")
                }
                _ => name,
            })
        });
        let named: Vec<_> = named.collect();
        named.chunks(IN_A_LINE).map(|line| line.join(", ")).collect()
    }
}

/// The cell below another one.
fn under(cell: &CellRef) -> Option<CellRef> {
    let CellRef::Cell { tab, column, row } = cell else { return None };
    Some(CellRef::Cell { tab: tab.clone(), column: *column, row: row + 1 })
}

/// What is written only since, as far as it may be what was written before: Google alone knows
/// which title a `gid` has, and which cell a name.
#[derive(Default)]
struct Fresh<'a> {
    cells: HashMap<(&'a SpreadsheetId, u32, u32), HashSet<Discriminant<Tab>>>,
    /// How many cells there are of a spreadsheet, and how many names.
    count: HashMap<(&'a SpreadsheetId, bool), usize>,
}

impl<'a> Fresh<'a> {
    fn of(keys: impl Iterator<Item = &'a TargetKey>) -> Self {
        let mut fresh = Self::default();
        for key in keys {
            let (id, is_named) = match key {
                TargetKey::Named(id, _) => (id, true),
                TargetKey::Cell(id, tab, column, row) => {
                    let there = fresh.cells.entry((id, *column, *row)).or_default();
                    there.insert(discriminant(tab));
                    (id, false)
                }
            };
            *fresh.count.entry((id, is_named)).or_default() += 1;
        }
        fresh
    }

    /// Whether this, which is not among them, may be one of them, whose tab is said otherwise.
    fn may_have(&self, key: &TargetKey) -> bool {
        let TargetKey::Cell(id, tab, column, row) = key else { return false };
        let there = self.cells.get(&(id, *column, *row));
        there.is_some_and(|kinds| kinds.iter().any(|kind| *kind != discriminant(tab)))
    }

    /// Moves those cells of a spreadsheet to the `renamed` that may have become names, and those
    /// names that may have become cells, if there are no more of them than of these. How many of
    /// the rest may have.
    fn take_renamed<'b>(
        &self,
        id: &SpreadsheetId,
        left: &mut Vec<(&'b SheetConfig, &'b CellRef)>,
        renamed: &mut Vec<(&'b SheetConfig, &'b CellRef)>,
    ) -> usize {
        let mut some = 0;
        for named in [false, true] {
            let is_such = |cell: &CellRef| matches!(cell, CellRef::Named(_)) == named;
            let new = self.count.get(&(id, !named)).copied().unwrap_or_default();
            if left.iter().filter(|(_, cell)| is_such(cell)).count() > new {
                some += new;
            } else {
                renamed.extend(left.extract_if(.., |(_, cell)| is_such(cell)));
            }
        }
        some
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "15CcPNtMZUSYhO99NOiFyHNjZCmgkvWnV5sKrGrtFLOk";
    const TWO: &str = "25CcPNtMZUSYhO99NOiFyHNjZCmgkvWnV5sKrGrtFLOk";

    /// A configuration of one sheet, by the id, the tab and the cells.
    fn config(id: &str, tab: Tab, cells: &[&str]) -> Config {
        let sheet = SheetConfig::new(id, tab);
        let cell = |sheet: SheetConfig, cell: &&str| sheet.cell("kraken:xbteur:sell", cell);
        Config::new().sheet(cells.iter().fold(sheet, cell))
    }

    /// What is told of the one spreadsheet, the former of the two things that are said and the
    /// latter.
    fn told(before: &Config, next: &Config) -> [String; 2] {
        let lines: Vec<_> = before.left_behind(next).into_values().flatten().collect();
        let all = [LEFT, RENAMED].map(|what| {
            let of = |line: &String| line.strip_prefix(&format!("{what}: ")).map(str::to_owned);
            lines.iter().filter_map(of).collect::<Vec<_>>()
        });
        assert_eq!(all.concat().len(), lines.len(), "{lines:?}");
        all.map(|lines| lines.join("; "))
    }

    #[test]
    fn what_is_no_longer_written_is_told_and_what_may_have_another_name_is_told_as_such() {
        let title = |title: &str| Tab::Title(title.into());
        let before = config(ONE, title("Sheet 1"), &["A1", "B1"]);
        let both = "'Sheet 1'!A1, 'Sheet 1'!B1";
        let some = format!("{both}; 2 in all, of which 1 may have another name now");
        for (id, tab, cells, left, renamed) in [
            (ONE, title("Sheet 1"), &["A1", "B1"][..], "", ""),
            (ONE, title("sheet 1"), &["$b$1", "A1", "C1"], "", ""),
            (ONE, title("Sheet 1"), &["A1"], "'Sheet 1'!B1", ""),
            (ONE, title("Sheet 1"), &["A1", "C1"], "'Sheet 1'!B1", ""),
            (ONE, title("Other"), &["A1", "B1"], both, ""),
            (ONE, title("Other"), &["'Sheet 1'!A1"], "'Sheet 1'!B1", ""),
            (TWO, title("Sheet 1"), &["A1", "B1"], both, ""),
            // What the tab with this gid is called, and where that range is, nobody knows here.
            (ONE, Tab::Gid(7), &["A1", "B1"], "", both),
            (ONE, Tab::First, &["A1"], "'Sheet 1'!B1", "'Sheet 1'!A1"),
            (ONE, title("Sheet 1"), &["A1", "BtcPrice"], "", "'Sheet 1'!B1"),
            (ONE, title("Sheet 1"), &["BtcPrice", "EthPrice"], "", both),
            (ONE, title("Sheet 1"), &["BtcPrice"], &some, ""),
            (ONE, Tab::Gid(7), &["B1", "BtcPrice"], "", both),
            (ONE, Tab::First, &[], both, ""),
        ] {
            let next = config(id, tab, cells);
            assert_eq!(told(&before, &next), [left, renamed], "{next:?}");
        }
        let named = config(ONE, Tab::First, &["BtcPrice", "EthPrice", "C1"]);
        let some = "BtcPrice, EthPrice; 2 in all, of which 1 may have another name now";
        for (cells, left, renamed) in [
            (&["btcprice", "C1"][..], "EthPrice", ""),
            (&["BtcPrice", "C1", "D1"], "", "EthPrice"),
            (&["C1", "D1"], some, ""),
        ] {
            let next = config(ONE, Tab::First, cells);
            assert_eq!(told(&named, &next), [left, renamed], "{next:?}");
        }
    }

    #[test]
    fn all_are_named_those_of_a_column_as_a_range_and_twenty_in_a_line() {
        let told = |cells: &[&str]| {
            let left = config(ONE, Tab::First, cells);
            let lines = left.left_behind(&Config::new()).into_values().flatten();
            let cells = lines.map(|line| line.split_once(": ").unwrap().1.to_owned());
            cells.collect::<Vec<_>>()
        };
        assert_eq!(told(&["A1", "B1", "A3", "A2", "BtcPrice", "B2"]), ["A1:A3, B1:B2, BtcPrice"]);
        assert_eq!(told(&["A1", "Own!A2", "Own!A3", "A3"]), ["A1, A3, 'Own'!A2:A3"]);
        let scattered: Vec<_> = (1..=41).map(|row| format!("A{}", 2 * row)).collect();
        let scattered: Vec<_> = scattered.iter().map(String::as_str).collect();
        let lines = told(&scattered);
        let each: Vec<_> = lines.iter().map(|line| line.split(", ").count()).collect();
        assert_eq!(each, [20, 20, 1]);
        assert_eq!(lines.join(", "), scattered.join(", "));
    }
}
