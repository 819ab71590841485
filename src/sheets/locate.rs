//! Where in a spreadsheet a configured cell is: the title of its tab, and whether it is within
//! the grid. Pure: no I/O, no clock, no randomness.

use jiff::tz::TimeZone;

use super::{
    a1::CellRef,
    config::Tab,
    wire::{Properties, TabProperties},
};
use crate::{http::excerpt, suggest::did_you_mean};

/// The range to write to, in Google's words.
///
/// # Errors
/// When there is no such tab, no such named range, or the tab has no such cell: what is wrong,
/// and what to do.
pub(super) fn range(
    cell: &CellRef,
    tab: &Tab,
    properties: &Properties,
) -> Result<String, (String, String)> {
    match cell {
        CellRef::Named(name) => named(name, properties),
        CellRef::Cell { tab: own, column, row } => {
            let found = match (own, tab) {
                (Some(title), _) | (None, Tab::Title(title)) => by_title(title, properties)?,
                (None, Tab::Gid(gid)) => by_gid(*gid, properties)?,
                (None, Tab::First) => first(properties)?,
            };
            within_grid(found, *column, *row)?;
            Ok(CellRef::Cell { tab: None, column: *column, row: *row }.range(&found.title))
        }
    }
}

/// The time zone that a spreadsheet's times are told in.
///
/// # Errors
/// As [`range`], when nothing here knows it.
pub(super) fn zone(properties: &Properties) -> Result<&TimeZone, (String, String)> {
    properties.zone.as_ref().map_err(|name| {
        let reason = match name.is_empty() {
            true => "the spreadsheet does not say its time zone".into(),
            false => format!("the spreadsheet's time zone {name} is not known here"),
        };
        (reason, "Choose another in the spreadsheet, under File, Settings".into())
    })
}

fn by_title<'a>(
    title: &str,
    properties: &'a Properties,
) -> Result<&'a TabProperties, (String, String)> {
    let tabs = &properties.tabs;
    tabs.iter()
        .find(|tab| tab.title == title)
        .or_else(|| tabs.iter().find(|tab| same(&tab.title, title)))
        .ok_or_else(|| {
            let titles = tabs.iter().map(|tab| tab.title.as_str());
            let remedy = match did_you_mean(title, titles) {
                Some(meant) => {
                    format!("Did you mean '{}'? Correct it in the configuration", excerpt(meant))
                }
                None => format!("Its tabs are: {}", list(properties)),
            };
            (format!("there is no tab '{title}'"), remedy)
        })
}

fn by_gid(gid: u32, properties: &Properties) -> Result<&TabProperties, (String, String)> {
    properties.tabs.iter().find(|tab| tab.gid == gid).ok_or_else(|| {
        let remedy = format!("Its tabs are: {}", list(properties));
        (format!("there is no tab with the gid {gid}"), remedy)
    })
}

fn first(properties: &Properties) -> Result<&TabProperties, (String, String)> {
    properties.tabs.first().ok_or_else(|| ("the spreadsheet has no tab".into(), String::new()))
}

fn within_grid(tab: &TabProperties, column: u32, row: u32) -> Result<(), (String, String)> {
    // A tab without a grid (a chart on its own) says nothing of its size: let Google judge.
    let known = tab.rows > 0 && tab.columns > 0;
    if known && (row > tab.rows || column > tab.columns) {
        let size = format!("{} rows and {} columns", tab.rows, tab.columns);
        let reason = format!("the tab '{}' has {size} only", excerpt(&tab.title));
        return Err((reason, "Add rows or columns to it, or choose another cell".into()));
    }
    Ok(())
}

fn named(name: &str, properties: &Properties) -> Result<String, (String, String)> {
    if let Some(known) = properties.names.iter().find(|known| same(known, name)) {
        return Ok(known.clone());
    }
    let remedy = match did_you_mean(name, properties.names.iter().map(String::as_str)) {
        Some(meant) => format!("Did you mean {}? Correct it in the configuration", excerpt(meant)),
        None => "Name the range under Data, Named ranges; or write a cell such as A1".into(),
    };
    Err((format!("there is no range with the name {name}"), remedy))
}

/// Whether two titles, or two names of ranges, are the same to Google, whatever their case: as
/// [`TargetKey`](super::reading::TargetKey) has it.
fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// Some of the tabs, in quotes.
fn list(properties: &Properties) -> String {
    const MOST: usize = 8;
    let mut titles: Vec<String> =
        properties.tabs.iter().take(MOST).map(|tab| format!("'{}'", excerpt(&tab.title))).collect();
    if properties.tabs.len() > MOST {
        titles.push("…".into());
    }
    titles.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spreadsheet() -> Properties {
        let tab = |gid, title: &str, rows| TabProperties {
            gid,
            title: title.into(),
            rows,
            columns: if rows == 0 { 0 } else { 26 },
        };
        Properties {
            tabs: vec![tab(0, "Sheet 1", 1_000), tab(7, "Bob's", 10), tab(9, "Chart", 0)],
            names: vec!["BtcPrice".into(), "Äpfel".into()],
            zone: Ok(TimeZone::UTC),
        }
    }

    fn find(cell: &str, tab: Tab) -> Result<String, String> {
        let cell = CellRef::parse(cell).unwrap();
        range(&cell, &tab, &spreadsheet()).map_err(|(text, remedy)| format!("{text}. {remedy}"))
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
    fn what_is_not_there_is_said_with_what_was_meant() {
        for (cell, tab, told) in [
            ("A1", Tab::Title("Shet 1".into()), "no tab 'Shet 1'. Did you mean 'Sheet 1'?"),
            ("A1", Tab::Title("Prices".into()), "Its tabs are: 'Sheet 1', 'Bob's', 'Chart'"),
            ("A1", Tab::Gid(5), "no tab with the gid 5"),
            ("A1001", Tab::First, "has 1000 rows and 26 columns only"),
            ("AA1", Tab::First, "has 1000 rows and 26 columns only"),
            ("BtcPrise", Tab::First, "Did you mean BtcPrice?"),
            ("AAAA1", Tab::First, "no range with the name AAAA1. Name the range under Data"),
        ] {
            let text = find(cell, tab).unwrap_err();
            assert!(text.contains(told), "{text}");
        }
    }
}
