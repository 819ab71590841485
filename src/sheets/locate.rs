//! Where in a spreadsheet the configured cells are: the titles of their tabs, whether they are
//! within the grid, and whether two of them are one. Pure: no I/O, no clock, no randomness.

use std::collections::{BTreeMap, btree_map::Entry};

use super::{
    a1::{CellRef, column_letters, quoted},
    config::Tab,
    index::Index,
    wire::{NamedRange, Properties, Spot, TabProperties},
};
use crate::{
    http::excerpt,
    messages::{CellContent, Failure, FailureClass},
};

/// A cell that is looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sought<'a> {
    pub(super) cell: &'a CellRef,
    /// The tab of its sheet.
    pub(super) tab: &'a Tab,
    /// What a person calls it.
    pub(super) name: &'a str,
    pub(super) content: &'a CellContent,
}

/// The range to write each of these to, in Google's words; or what is wrong and what to do, when
/// there is no such tab or named range, when the tab has no such cell, when it is another one's
/// already, or when it is to tell a time in a zone that nothing here knows.
pub(super) fn place<'a>(
    sought: impl IntoIterator<Item = Sought<'a>>,
    index: &mut Index<'a>,
) -> Vec<Result<String, Failure>> {
    let mut taken = BTreeMap::new();
    let place = |Sought { cell, tab, name, content }: Sought<'a>| {
        if content.tells_time() {
            knows_zone(index.properties)?;
        }
        let Found { range, spot } = find(cell, tab, index)?;
        match taken.entry(spot.ok_or_else(|| range.clone())) {
            Entry::Vacant(free) => {
                free.insert(name);
                Ok(range)
            }
            Entry::Occupied(other) => {
                let reason = format!("it is the same cell as {}", other.get());
                Err(failure(reason, "Give each price a cell of its own"))
            }
        }
    };
    sought.into_iter().map(place).collect()
}

/// The range of a cell of a spreadsheet of which nothing is known, if that goes: if the cell has a
/// name, or its tab is given by its title.
pub(super) fn unseen(cell: &CellRef, tab: &Tab) -> Option<String> {
    match (cell, tab) {
        (_, Tab::Title(title)) => Some(cell.range(title)),
        (CellRef::Named(_) | CellRef::Cell { tab: Some(_), .. }, _) => Some(cell.range("")),
        (CellRef::Cell { tab: None, .. }, Tab::Gid(_) | Tab::First) => None,
    }
}

/// Where something is.
struct Found {
    /// In Google's words.
    range: String,
    /// As a cell, if that is known.
    spot: Option<Spot>,
}

fn find<'a>(cell: &'a CellRef, tab: &'a Tab, index: &mut Index<'a>) -> Result<Found, Failure> {
    let (own, column, row) = match cell {
        CellRef::Named(name) => {
            let NamedRange { name, first, .. } = index.range(name)?;
            return Ok(Found { range: name.clone(), spot: *first });
        }
        CellRef::Cell { tab, column, row } => (tab, *column, *row),
    };
    let found = match (own, tab) {
        (Some(title), _) | (None, Tab::Title(title)) => index.tab(title)?,
        (None, Tab::Gid(gid)) => index.tab_by_gid(*gid)?,
        (None, Tab::First) => index.first_tab()?,
    };
    within_grid(found, column, row).map_err(|reason| {
        let remedy = match (own, mistaken(cell, column, index)) {
            (None, Some(remedy)) => remedy,
            _ => "Add rows or columns to it, or choose another cell".into(),
        };
        failure(reason, remedy)
    })?;
    let range = CellRef::Cell { tab: None, column, row }.range(&found.title);
    Ok(Found { range, spot: Some(Spot { gid: found.gid, column, row }) })
}

fn failure(reason: impl Into<String>, remedy: impl Into<String>) -> Failure {
    Failure::new(FailureClass::Cell, reason, remedy)
}

fn knows_zone(properties: &Properties) -> Result<(), Failure> {
    let Err(name) = &properties.zone else { return Ok(()) };
    let reason = match name.is_empty() {
        true => "the spreadsheet does not say its time zone".into(),
        false => format!("the spreadsheet's time zone {name} is not known here"),
    };
    Err(failure(reason, "Choose another in the spreadsheet, under File, Settings"))
}

fn within_grid(tab: &TabProperties, column: u32, row: u32) -> Result<(), String> {
    // A tab without a grid (a chart on its own) says nothing of its size: let Google judge.
    let beyond = |at: u32, size: u32| size > 0 && at > size;
    if beyond(row, tab.rows) || beyond(column, tab.columns) {
        let size = format!("{} rows and {} columns", tab.rows, tab.columns);
        return Err(format!("the tab {} has {size} only", quoted(&excerpt(&tab.title))));
    }
    Ok(())
}

/// What to do about a cell that is not there, and is perhaps not what was meant: `Tax2024` is one,
/// in column TAX.
fn mistaken(cell: &CellRef, column: u32, index: &Index<'_>) -> Option<String> {
    /// The last column of two letters, `ZZ`.
    const TWO_LETTERS: u32 = 702;
    let CellRef::Cell { tab: None, row, .. } = cell else { return None };
    let letters = column_letters(column);
    let read = format!("{cell} is read as a cell, in column {letters}");
    if let Some(namesake) = namesake(cell, index) {
        return Some(format!("{read}, although there is {namesake}"));
    }
    let as_name = "no range can have such a name: give it one such as";
    (column > TWO_LETTERS).then(|| format!("{read}; {as_name} {letters}_{row}"))
}

/// What else of a spreadsheet is called like a cell, and how it is written. To Google, too, that is
/// the cell.
pub(super) fn namesake(cell: &CellRef, index: &Index<'_>) -> Option<String> {
    let CellRef::Cell { tab: None, .. } = cell else { return None };
    index.namesake(&cell.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::tz::TimeZone;
    use tokio::time::Instant;

    use super::*;

    fn tab(gid: u32, title: &str, rows: u32) -> TabProperties {
        TabProperties { gid, title: title.into(), rows, columns: if rows == 0 { 0 } else { 26 } }
    }

    fn named(name: &str, first: Option<Spot>) -> NamedRange {
        NamedRange { name: name.into(), first, last: (None, None) }
    }

    fn spreadsheet() -> Properties {
        Properties {
            tabs: vec![
                tab(0, "Sheet 1", 1_000),
                tab(7, "Bob's", 10),
                tab(9, "Chart", 0),
                tab(11, "q17", 10),
                tab(13, "Übertrag", 10),
            ],
            names: vec![
                named("BtcPrice", None),
                named("Äpfel", Some(Spot { gid: 7, column: 2, row: 3 })),
            ],
            zone: Ok(TimeZone::UTC),
        }
    }

    /// Where each of these cells is, all of which show this.
    fn placed(cells: &[(&str, Tab)], content: &CellContent) -> Vec<Result<String, String>> {
        let cells = cells.iter().map(|(cell, tab)| (*cell, CellRef::parse(cell).unwrap(), tab));
        let cells: Vec<_> = cells.collect();
        let sought = cells.iter().map(|(name, cell, tab)| Sought { cell, tab, name, content });
        let found = place(sought, &mut Index::new(&spreadsheet())).into_iter();
        found.map(|found| found.map_err(|failure| failure.to_string())).collect()
    }

    fn find(cell: &str, tab: Tab) -> Result<String, String> {
        placed(&[(cell, tab)], &CellContent::Problem).remove(0)
    }

    #[test]
    fn tabs_are_found_by_title_by_gid_or_first() {
        let title = |title: &str| Tab::Title(title.into());
        for (cell, tab, sent) in [
            ("A1", title("Sheet 1"), "'Sheet 1'!A1"),
            ("A1", title("sheet 1"), "'Sheet 1'!A1"),
            ("A1", Tab::Gid(7), "'Bob''s'!A1"),
            ("A1", Tab::First, "'Sheet 1'!A1"),
            ("'Bob''s'!J10", Tab::First, "'Bob''s'!J10"),
            ("ZZ99", title("Chart"), "'Chart'!ZZ99"),
            ("btcprice", Tab::First, "BtcPrice"),
            ("äpfel", Tab::First, "Äpfel"),
        ] {
            assert_eq!(find(cell, tab.clone()).as_deref(), Ok(sent), "{cell} {tab:?}");
        }
    }

    #[test]
    fn without_a_look_at_the_spreadsheet_titles_and_names_have_to_do() {
        for (cell, tab, range) in [
            ("A1", Tab::Title("Bob's".into()), Some("'Bob''s'!A1")),
            ("Other!A1", Tab::First, Some("'Other'!A1")),
            ("BtcPrice", Tab::Gid(7), Some("BtcPrice")),
            ("A1", Tab::Gid(7), None),
            ("A1", Tab::First, None),
        ] {
            let cell = CellRef::parse(cell).unwrap();
            assert_eq!(unseen(&cell, &tab).as_deref(), range, "{cell} {tab:?}");
        }
    }

    #[test]
    fn what_is_not_there_is_said_with_what_was_meant() {
        for (cell, tab, told) in [
            ("A1", Tab::Title("Shet 1".into()), "no tab 'Shet 1'. Did you mean 'Sheet 1'?"),
            ("A1", Tab::Title("Prices".into()), "Its tabs are: 'Sheet 1', 'Bob''s', 'Chart'"),
            ("'Bob''z'!A1", Tab::First, "no tab 'Bob''z'. Did you mean 'Bob''s'?"),
            ("'Übersicht'!AB1", Tab::First, "there is no tab 'Übersicht'"),
            ("'Übertrag'!AB1", Tab::First, "the tab 'Übertrag' has 10 rows and 26 columns only"),
            ("'Bob''s'!A11", Tab::First, "the tab 'Bob''s' has 10 rows"),
            ("A1", Tab::Gid(5), "no tab with the gid 5"),
            ("A1001", Tab::First, "has 1000 rows and 26 columns only"),
            ("AA1", Tab::First, "has 1000 rows and 26 columns only"),
            ("BtcPrise", Tab::First, "Did you mean BtcPrice?"),
            ("Tax2024", Tab::First, "TAX2024 is read as a cell, in column TAX; no range can have"),
            ("Tax2024", Tab::First, "give it one such as TAX_2024"),
            ("Q18", Tab::Gid(7), "'Bob''s' has 10 rows and 26 columns only. Add rows"),
            (
                "Q17",
                Tab::Gid(7),
                "although there is a tab 'q17' too: a cell of that is written 'q17'!A1",
            ),
            ("AAAA1", Tab::First, "no range with the name AAAA1. Name the range under Data"),
        ] {
            let text = find(cell, tab).unwrap_err();
            assert!(text.contains(told), "{text}");
        }
    }

    #[test]
    fn what_is_called_like_a_cell_is_known() {
        let spreadsheet = spreadsheet();
        let index = Index::new(&spreadsheet);
        let named = |cell: &str| namesake(&CellRef::parse(cell).unwrap(), &index);
        assert!(named("Q17").unwrap().starts_with("a tab 'q17' too"));
        for cell in ["Q18", "'Bob''s'!Q17", "BtcPrice"] {
            assert_eq!(named(cell), None, "{cell}");
        }
    }

    #[test]
    fn of_cells_that_are_one_and_the_same_the_first_has_it() {
        let all = [
            ("B3", Tab::Gid(7)),
            ("B3", Tab::Title("bob's".into())),
            ("äpfel", Tab::First),
            ("B4", Tab::Gid(7)),
            ("BtcPrice", Tab::First),
        ];
        let found = placed(&all, &CellContent::Problem);
        let ranges = ["'Bob''s'!B3", "", "", "'Bob''s'!B4", "BtcPrice"];
        for (found, range) in found.iter().zip(ranges) {
            match found {
                Ok(found) => assert_eq!(found, range),
                Err(why) => {
                    assert!(range.is_empty() && why.contains("the same cell as B3"), "{why}")
                }
            }
        }
    }

    /// The most cells that there may be, and the most that is looked at of a spreadsheet, all of it
    /// called alike, and so long that each comparison takes its time.
    #[test]
    fn twenty_thousand_cells_are_looked_for_among_ten_thousand_names_in_a_turn() {
        const CELLS: u32 = 20_000;
        const NAMES: u32 = 10_000;
        // Without optimization it takes a quarter of a second.
        const BOUND: Duration = Duration::from_secs(3);
        let called = |n: u32| format!("{}{n:06}", "X".repeat(56));
        let properties = Properties {
            tabs: (0..NAMES).map(|n| tab(n, &called(n), 10)).collect(),
            names: (0..NAMES).map(|n| named(&called(n), None)).collect(),
            zone: Ok(TimeZone::UTC),
        };
        let in_tab = |title| CellRef::Cell { tab: Some(title), column: 1, row: 1 };
        for (what, cell) in [("titles", in_tab as fn(String) -> CellRef), ("names", CellRef::Named)]
        {
            for first in [0, NAMES / 2, NAMES] {
                let cells: Vec<_> =
                    (first..first + CELLS).map(|n| cell(called(n).to_lowercase())).collect();
                let (tab, name, content) = (&Tab::First, "", &CellContent::Problem);
                let begun = Instant::now();
                let in_time = |_: &_| assert!(begun.elapsed() < BOUND, "{what} take too long");
                let sought = cells.iter().map(|cell| Sought { cell, tab, name, content });
                let found = place(sought.inspect(in_time), &mut Index::new(&properties));
                let there = found.iter().filter(|found| found.is_ok()).count();
                assert_eq!(there, NAMES.saturating_sub(first) as usize, "{what}");
            }
        }
    }
}
