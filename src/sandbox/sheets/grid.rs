//! A spreadsheet: its tabs, their cells, its named ranges.
//! Pure: no I/O, no clock, no randomness.

use std::collections::BTreeMap;

use super::{
    a1::{self, Parts, Rect, Span},
    cell::{Cell, Content},
    error::ApiError,
};

/// Google's limit for a whole spreadsheet.
const CELLS: u64 = 10_000_000;

/// How far formulas that refer to formulas are followed: a circle ends here.
const FORMULA_DEPTH: u32 = 16;

/// A spreadsheet and how it is shared.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::sandbox) struct Spreadsheet {
    pub(in crate::sandbox) id: String,
    pub(in crate::sandbox) title: String,
    pub(in crate::sandbox) locale: String,
    pub(in crate::sandbox) time_zone: String,
    pub(in crate::sandbox) tabs: Vec<Tab>,
    pub(in crate::sandbox) names: Vec<NamedRange>,
    pub(in crate::sandbox) shared: bool,
    pub(in crate::sandbox) trashed: bool,
}

/// A name that stands for cells.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::sandbox) struct NamedRange {
    pub(in crate::sandbox) id: String,
    pub(in crate::sandbox) name: String,
    pub(in crate::sandbox) gid: i64,
    pub(in crate::sandbox) rect: Rect,
}

/// A tab. Only cells that hold something are kept.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::sandbox) struct Tab {
    pub(in crate::sandbox) gid: i64,
    pub(in crate::sandbox) title: String,
    pub(in crate::sandbox) hidden: bool,
    pub(in crate::sandbox) rows: u32,
    pub(in crate::sandbox) columns: u32,
    pub(in crate::sandbox) cells: BTreeMap<(u32, u32), Cell>,
    pub(in crate::sandbox) protected: Vec<Rect>,
}

impl Tab {
    pub(in crate::sandbox) fn new(gid: i64, title: &str, rows: u32, columns: u32) -> Self {
        Self {
            gid,
            title: title.into(),
            hidden: false,
            rows,
            columns,
            cells: BTreeMap::new(),
            protected: Vec::new(),
        }
    }

    /// Sets a cell, or empties it.
    pub(in crate::sandbox) fn set(&mut self, row: u32, column: u32, cell: Option<Cell>) {
        match cell {
            Some(cell) => self.cells.insert((row, column), cell),
            None => self.cells.remove(&(row, column)),
        };
    }

    /// The value of a cell: for a formula its result.
    pub(in crate::sandbox) fn value(&self, row: u32, column: u32) -> Option<Content> {
        self.value_within(row, column, FORMULA_DEPTH)
    }

    fn value_within(&self, row: u32, column: u32, depth: u32) -> Option<Content> {
        let cell = self.cells.get(&(row, column))?;
        if depth == 0 {
            return Some(Content::Text("#REF!".into()));
        }
        Some(cell.effective(&|row, column| self.value_within(row, column, depth - 1)))
    }

    pub(in crate::sandbox) fn is_protected(&self, row: u32, column: u32) -> bool {
        self.protected.iter().any(|rect| rect.contains(row, column))
    }

    /// Changes the size of the grid; what lies outside is lost.
    pub(in crate::sandbox) fn resize(&mut self, rows: u32, columns: u32) {
        (self.rows, self.columns) = (rows, columns);
        self.cells.retain(|&(row, column), _| row < rows && column < columns);
    }

    /// The table that ends an area: the cells that hang together with the area's last filled one.
    pub(in crate::sandbox) fn table_in(&self, area: Rect) -> Option<Rect> {
        let filled = self.cells.keys().filter(|&&(row, column)| area.contains(row, column));
        let &(row, column) = filled.max()?;
        let mut table = Rect { top: row, left: column, bottom: row + 1, right: column + 1 };
        loop {
            let wide = Rect {
                top: table.top.saturating_sub(1),
                left: table.left.saturating_sub(1),
                bottom: table.bottom + 1,
                right: table.right + 1,
            };
            let mut grown = table;
            for &(row, column) in self.cells.keys().filter(|&&(r, c)| wide.contains(r, c)) {
                grown.top = grown.top.min(row);
                grown.left = grown.left.min(column);
                grown.bottom = grown.bottom.max(row + 1);
                grown.right = grown.right.max(column + 1);
            }
            if grown == table {
                return Some(table);
            }
            table = grown;
        }
    }
}

impl Spreadsheet {
    pub(in crate::sandbox) fn new(id: &str, title: &str) -> Self {
        Self {
            id: id.into(),
            title: title.into(),
            locale: "en_US".into(),
            time_zone: "Etc/UTC".into(),
            tabs: Vec::new(),
            names: Vec::new(),
            shared: true,
            trashed: false,
        }
    }

    /// Adds a tab; its gid is the first free one of a fixed series. The first tab's is 0.
    pub(in crate::sandbox) fn add_tab(&mut self, title: &str, rows: u32, columns: u32) -> i64 {
        let gid = match self.tabs.is_empty() {
            true => 0,
            false => self.free_gid(),
        };
        self.tabs.push(Tab::new(gid, title, rows, columns));
        gid
    }

    pub(in crate::sandbox) fn free_gid(&self) -> i64 {
        let mut gid = 1_873_450_311;
        while self.tabs.iter().any(|tab| tab.gid == gid) {
            gid = (gid * 48_271 + 11) % 2_147_483_647;
        }
        gid
    }

    pub(in crate::sandbox) fn free_name_id(&self) -> String {
        let mut id = 1_505_157_600 + self.names.len();
        while self.names.iter().any(|named| named.id == id.to_string()) {
            id += 1;
        }
        id.to_string()
    }

    pub(in crate::sandbox) fn tab(&self, title: &str) -> Option<&Tab> {
        self.tabs.iter().find(|tab| tab.title == title)
    }

    pub(in crate::sandbox) fn tab_mut(&mut self, title: &str) -> Option<&mut Tab> {
        self.tabs.iter_mut().find(|tab| tab.title == title)
    }

    fn position(&self, title: &str) -> Option<usize> {
        self.tabs.iter().position(|tab| tab.title == title)
    }

    /// Refuses more cells than Google allows.
    pub(super) fn check_size(&self) -> Result<(), ApiError> {
        let cells = |tab: &Tab| u64::from(tab.rows) * u64::from(tab.columns);
        match self.tabs.iter().map(cells).sum::<u64>() > CELLS {
            true => Err(ApiError::too_many_cells()),
            false => Ok(()),
        }
    }

    /// Finds what a range means: the tab's position, and the cells.
    pub(super) fn resolve(&self, range: &str) -> Result<(usize, Span), ApiError> {
        self.find(range).ok_or_else(|| ApiError::unparsable_range(range))
    }

    fn find(&self, range: &str) -> Option<(usize, Span)> {
        match a1::split(range)? {
            Parts::Quoted(title, cells) => {
                let undoubled = title.replace("''", "'");
                let tab = self.position(&undoubled).or_else(|| self.position(title))?;
                let span = cells.map_or(Some(Span::ALL), Span::parse)?;
                Some((tab, span))
            }
            Parts::Bare(title, cells) => Some((self.position(title)?, Span::parse(cells)?)),
            Parts::Word(word) => {
                if let Some(span) = Span::parse(word) {
                    let visible = self.tabs.iter().position(|tab| !tab.hidden);
                    return Some((visible.unwrap_or(0), span));
                }
                if let Some(named) = self.names.iter().find(|named| named.name == word) {
                    let tab = self.tabs.iter().position(|tab| tab.gid == named.gid)?;
                    return Some((tab, Span::of(named.rect)));
                }
                Some((self.position(word)?, Span::ALL))
            }
        }
    }

    /// Inserts empty rows before a row; what lies below moves down, names and protection too.
    pub(in crate::sandbox) fn insert_rows(&mut self, tab: usize, at: u32, count: u32) {
        let Some(tab) = self.tabs.get_mut(tab) else { return };
        let gid = tab.gid;
        tab.rows += count;
        let moved = tab.cells.split_off(&(at, 0));
        tab.cells.extend(moved.into_iter().map(|((row, col), cell)| ((row + count, col), cell)));
        let names = self.names.iter_mut().filter(|named| named.gid == gid);
        for rect in names.map(|named| &mut named.rect).chain(&mut tab.protected) {
            if at <= rect.top {
                rect.top += count;
            }
            if at < rect.bottom {
                rect.bottom += count;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spreadsheet() -> Spreadsheet {
        let mut sheet = Spreadsheet::new("id", "Doc");
        sheet.add_tab("Sheet 1", 10, 5);
        sheet.add_tab("Jon's", 10, 5);
        sheet.add_tab("D3", 10, 5);
        sheet.add_tab("Prices", 10, 5);
        sheet.names.push(NamedRange {
            id: "1".into(),
            name: "Prices".into(),
            gid: 0,
            rect: Rect { top: 1, left: 1, bottom: 2, right: 2 },
        });
        sheet
    }

    #[test]
    fn ranges_find_their_tab() {
        let check = |range: &str, expected: Option<(usize, &str)>| {
            let found = spreadsheet().find(range);
            let found = found.map(|(tab, span)| (tab, span.print()));
            assert_eq!(found, expected.map(|(tab, cells)| (tab, cells.into())), "{range}");
        };
        check("'Sheet 1'!A1", Some((0, "A1")));
        check("Sheet 1!A1:B2", Some((0, "A1:B2")));
        check("A1", Some((0, "A1")));
        check("D3", Some((0, "D3")));
        check("'D3'", Some((2, "A1")));
        check("'D3'!D3", Some((2, "D3")));
        check("'Jon''s'!A1", Some((1, "A1")));
        check("'Jon's'!A1", Some((1, "A1")));
        check("Prices", Some((0, "B2")));
        check("'Prices'", Some((3, "A1")));
        check("Prices!C1", Some((3, "C1")));
        check("'sheet 1'!A1", None);
        check("Nope!A1", None);
        check("Nope", None);
        check("'Sheet 1'!", None);
        check("", None);
    }

    #[test]
    fn inserted_rows_push_cells_and_names_down() {
        let mut sheet = spreadsheet();
        sheet.tabs[0].set(1, 1, Some(Cell::number(7.0)));
        sheet.tabs[0].set(0, 0, Some(Cell::number(1.0)));
        sheet.insert_rows(0, 1, 2);
        let keys: Vec<_> = sheet.tabs[0].cells.keys().copied().collect();
        assert_eq!(keys, [(0, 0), (3, 1)]);
        assert_eq!(sheet.find("Prices").map(|(_, span)| span.print()).as_deref(), Some("B4"));
        assert_eq!(sheet.tabs[0].rows, 12);
    }

    #[test]
    fn a_table_is_what_hangs_together() {
        let mut tab = Tab::new(0, "T", 20, 20);
        for key in [(0, 0), (0, 1), (1, 1), (5, 4), (6, 5)] {
            tab.set(key.0, key.1, Some(Cell::number(1.0)));
        }
        let all = Rect { top: 0, left: 0, bottom: 20, right: 20 };
        assert_eq!(tab.table_in(all), Some(Rect { top: 5, left: 4, bottom: 7, right: 6 }));
        let first = Rect { bottom: 3, ..all };
        assert_eq!(tab.table_in(first), Some(Rect { top: 0, left: 0, bottom: 2, right: 2 }));
        assert_eq!(tab.table_in(Rect { top: 10, ..all }), None);
    }

    #[test]
    fn gids_are_zero_and_then_different() {
        let gids: Vec<_> = spreadsheet().tabs.iter().map(|tab| tab.gid).collect();
        assert_eq!(gids[0], 0);
        let unique: std::collections::BTreeSet<_> = gids.iter().collect();
        assert_eq!(unique.len(), 4);
    }
}
