//! What a change of the configuration leaves behind: cells that nobody writes any more, whose last
//! prices look as if somebody did. Pure: no I/O, no clock, no randomness.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    mem::{Discriminant, discriminant},
};

use super::Config;
use crate::sheets::{CellRef, SheetConfig, SpreadsheetId, Tab, TargetKey};

/// The most cells of a spreadsheet that are named one by one.
const MOST_NAMED: usize = 3;

impl Config {
    /// The cells of each spreadsheet that this configuration has written to and `next` will not, in
    /// words. One that may be the same as a new one, under another name, is not among them, unless
    /// there are more such than new ones.
    pub(crate) fn left_behind(&self, next: &Self) -> BTreeMap<&SpreadsheetId, String> {
        let (old, new) = (self.keys(), next.keys());
        let fresh = Fresh::of(new.difference(&old));
        let mut left: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (sheet, cell) in self.all_targets() {
            let key = TargetKey::new(sheet, cell);
            if !new.contains(&key) && !fresh.may_have(&key) {
                left.entry(&sheet.spreadsheet).or_default().push((sheet, cell));
            }
        }
        let told = left.into_iter().filter_map(|(id, mut cells)| {
            let renamed = fresh.take_renamed(id, &mut cells);
            let of_which = match renamed {
                0 => String::new(),
                _ => format!(" (of which {renamed} may have another name now)"),
            };
            (!cells.is_empty()).then(|| (id, self.listed(&cells) + &of_which))
        });
        told.collect()
    }

    fn all_targets(&self) -> impl Iterator<Item = (&SheetConfig, &CellRef)> {
        self.sheets.iter().flat_map(|sheet| sheet.targets().map(move |(cell, _)| (sheet, cell)))
    }

    fn keys(&self) -> HashSet<TargetKey> {
        self.all_targets().map(|(sheet, cell)| TargetKey::new(sheet, cell)).collect()
    }

    fn listed(&self, cells: &[(&SheetConfig, &CellRef)]) -> String {
        let named = cells.iter().take(MOST_NAMED);
        let named: Vec<_> = named.map(|(sheet, cell)| self.cell_name(sheet, cell)).collect();
        let more = match cells.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{}{more}", named.join(", "))
    }
}

/// What is written only since, as far as it may be what was written before: Google alone knows which
/// title a `gid` has, and which cell a name.
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

    /// Takes those cells of a spreadsheet away that may have become names, and those names that
    /// may have become cells, if there are no more of them than of these. How many of the rest may
    /// have.
    fn take_renamed(&self, id: &SpreadsheetId, left: &mut Vec<(&SheetConfig, &CellRef)>) -> usize {
        let mut renamed = 0;
        for named in [false, true] {
            let is_such = |cell: &CellRef| matches!(cell, CellRef::Named(_)) == named;
            let new = self.count.get(&(id, !named)).copied().unwrap_or_default();
            if left.iter().filter(|(_, cell)| is_such(cell)).count() > new {
                renamed += new;
            } else {
                left.retain(|(_, cell)| !is_such(cell));
            }
        }
        renamed
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

    #[test]
    fn what_is_no_longer_written_is_told_and_what_has_another_name_is_not() {
        let title = |title: &str| Tab::Title(title.into());
        let before = config(ONE, title("Sheet 1"), &["A1", "B1"]);
        for (id, tab, cells, left) in [
            (ONE, title("Sheet 1"), &["A1", "B1"][..], None),
            (ONE, title("sheet 1"), &["$b$1", "A1", "C1"], None),
            (ONE, title("Sheet 1"), &["A1"], Some("'Sheet 1'!B1")),
            (ONE, title("Sheet 1"), &["A1", "C1"], Some("'Sheet 1'!B1")),
            (ONE, title("Other"), &["A1", "B1"], Some("'Sheet 1'!A1, 'Sheet 1'!B1")),
            (ONE, title("Other"), &["'Sheet 1'!A1"], Some("'Sheet 1'!B1")),
            (TWO, title("Sheet 1"), &["A1", "B1"], Some("'Sheet 1'!A1, 'Sheet 1'!B1")),
            // What the tab with this gid is called, and where that range is, nobody knows here.
            (ONE, Tab::Gid(7), &["A1", "B1"], None),
            (ONE, Tab::First, &["A1"], Some("'Sheet 1'!B1")),
            (ONE, title("Sheet 1"), &["A1", "BtcPrice"], None),
            (
                ONE,
                title("Sheet 1"),
                &["BtcPrice"],
                Some("'Sheet 1'!A1, 'Sheet 1'!B1 (of which 1 may have another name now)"),
            ),
            (ONE, Tab::First, &[], Some("'Sheet 1'!A1, 'Sheet 1'!B1")),
        ] {
            let next = config(id, tab, cells);
            let found = before.left_behind(&next).into_values().next();
            assert_eq!(found.as_deref(), left, "{next:?}");
        }
        let named = config(ONE, Tab::First, &["BtcPrice", "EthPrice", "C1"]);
        let left = |cells: &[&str]| {
            let next = config(ONE, Tab::First, cells);
            named.left_behind(&next).into_values().next()
        };
        assert_eq!(left(&["btcprice", "C1"]).as_deref(), Some("EthPrice"));
        assert_eq!(left(&["BtcPrice", "C1", "D1"]), None);
        let told = left(&["C1", "D1"]).unwrap();
        assert_eq!(told, "BtcPrice, EthPrice (of which 1 may have another name now)");
    }

    #[test]
    fn of_many_the_first_are_named() {
        let before = config(ONE, Tab::First, &["A1", "A2", "A3", "A4", "A5"]);
        let left = before.left_behind(&Config::new());
        assert_eq!(left.into_values().collect::<Vec<_>>(), ["A1, A2, A3 and 2 more"]);
    }
}
