//! What a spreadsheet has, to be looked up for thousands of cells: its tabs, its named ranges, and
//! what to do about one that it has not. Pure: no I/O, no clock, no randomness.
//!
//! There may be twenty thousand cells, and ten thousand tabs and names, and all of them are dealt
//! with in one turn of the loop: nothing here goes through all tabs for each cell.

use std::collections::BTreeMap;

use super::{
    a1::{CellRef, quoted},
    wire::{NamedRange, Properties, Spot, TabProperties},
};
use crate::{
    http::excerpt,
    messages::{Failure, FailureClass},
    suggest::Effort,
};

/// The tabs and the named ranges of a spreadsheet, by what they are called.
#[derive(Debug)]
pub(super) struct Index<'a> {
    pub(super) properties: &'a Properties,
    /// The `gid` of the tab that counts as the first, wherever it is.
    first: Option<u32>,
    titles: ByName<'a, TabProperties>,
    names: ByName<'a, NamedRange>,
    gids: BTreeMap<u32, &'a TabProperties>,
    /// For suggestions.
    effort: Effort,
    /// What to do where there is none: the tabs that there are.
    tabs: String,
}

impl<'a> Index<'a> {
    pub(super) fn new(properties: &'a Properties) -> Self {
        let Properties { tabs, names, .. } = properties;
        Self {
            properties,
            first: None,
            titles: ByName::new(tabs, |tab| &tab.title),
            names: ByName::new(names, |range| &range.name),
            gids: first_of_each(tabs.iter().map(|tab| (tab.gid, tab))),
            effort: Effort::default(),
            tabs: tabs_there_are(tabs),
        }
    }

    /// Has this tab count as the first, wherever it is.
    pub(super) fn with_first(self, first: Option<u32>) -> Self {
        Self { first, ..self }
    }

    /// The tab with this title.
    ///
    /// # Errors
    /// When there is none: that, and which one was meant, perhaps.
    pub(super) fn tab(&mut self, title: &'a str) -> Result<&'a TabProperties, Failure> {
        self.titles.get(title).ok_or_else(|| {
            let remedy = match self.titles.meant(title, &mut self.effort) {
                Some(meant) => {
                    let meant = quoted(&excerpt(meant));
                    format!("Did you mean {meant}? Correct it in the configuration")
                }
                None => self.tabs.clone(),
            };
            not_there(format!("there is no tab {}", quoted(title)), remedy)
        })
    }

    /// The tab with this gid.
    ///
    /// # Errors
    /// When there is none: that, and which there are.
    pub(super) fn tab_by_gid(&self, gid: u32) -> Result<&'a TabProperties, Failure> {
        let tab = self.gids.get(&gid).copied();
        let none = || not_there(format!("there is no tab with the gid {gid}"), self.tabs.clone());
        tab.ok_or_else(none)
    }

    /// The first tab, or the one that counts as the first.
    ///
    /// # Errors
    /// When there is none at all, or that one is gone.
    pub(super) fn first_tab(&self) -> Result<&'a TabProperties, Failure> {
        const REMEDY: &str = "Name a tab in the configuration; to take the one that is first now, \
                              restart ratesheet or send it SIGHUP";
        match self.first {
            Some(gid) => {
                let first = self.gids.get(&gid).copied();
                first.ok_or_else(|| not_there("the tab that was the first is gone", REMEDY))
            }
            None => {
                let first = self.properties.tabs.first();
                first.ok_or_else(|| not_there("the spreadsheet has no tab", ""))
            }
        }
    }

    /// The range with this name.
    ///
    /// # Errors
    /// When there is none: that, and which one was meant, perhaps.
    pub(super) fn range(&mut self, name: &'a str) -> Result<&'a NamedRange, Failure> {
        self.names.get(name).ok_or_else(|| {
            let remedy = match self.names.meant(name, &mut self.effort) {
                Some(meant) => {
                    format!("Did you mean {}? Correct it in the configuration", excerpt(meant))
                }
                None => {
                    "Name the range under Data, Named ranges; or write a cell such as A1".into()
                }
            };
            not_there(format!("there is no range with the name {name}"), remedy)
        })
    }

    /// The first cell of a named range, and the whole of it, if it is known where it is.
    pub(super) fn extent(&self, name: &str) -> Option<(String, String)> {
        let NamedRange { first, last: (last_column, last_row), .. } = self.names.get(name)?;
        let Spot { gid, column, row } = (*first)?;
        let tab = self.gids.get(&gid)?;
        let cell = |column, row| CellRef::Cell { tab: None, column, row };
        let first = cell(column, row).range(&tab.title);
        let last = cell(last_column.unwrap_or(tab.columns), last_row.unwrap_or(tab.rows));
        let is_one = last == cell(column, row);
        let whole = if is_one { first.clone() } else { format!("{first}:{last}") };
        Some((first, whole))
    }

    /// What is called like this, although a cell is, and how it is written.
    pub(super) fn namesake(&self, cell: &str) -> Option<String> {
        if let Some(tab) = self.titles.get(cell) {
            let title = quoted(&excerpt(&tab.title));
            return Some(format!("a tab {title} too: a cell of that is written {title}!A1"));
        }
        let range = self.names.get(cell)?;
        Some(format!("a range {} too: give that another name", excerpt(&range.name)))
    }
}

/// Things that have names.
#[derive(Debug)]
struct ByName<'a, T> {
    all: &'a [T],
    name: fn(&T) -> &str,
    exact: BTreeMap<&'a str, &'a T>,
    /// Whatever their case, which makes no difference to Google: as
    /// [`TargetKey`](super::target_key::TargetKey) has it.
    lower: BTreeMap<String, &'a T>,
    /// What was meant by names that are none of theirs.
    meant: BTreeMap<&'a str, Option<&'a str>>,
}

impl<'a, T> ByName<'a, T> {
    fn new(all: &'a [T], name: fn(&T) -> &str) -> Self {
        Self {
            all,
            name,
            exact: first_of_each(all.iter().map(|one| (name(one), one))),
            lower: first_of_each(all.iter().map(|one| (name(one).to_lowercase(), one))),
            meant: BTreeMap::new(),
        }
    }

    /// The one with this name: rather the one that is written like this than the first of those
    /// that are so in another case.
    fn get(&self, name: &str) -> Option<&'a T> {
        let exact = self.exact.get(name);
        exact.or_else(|| self.lower.get(&name.to_lowercase())).copied()
    }

    /// The name that is nearest to one that there is not: looked for once for all cells.
    fn meant(&mut self, name: &'a str, effort: &mut Effort) -> Option<&'a str> {
        let names = self.all.iter().map(self.name);
        *self.meant.entry(name).or_insert_with(|| effort.did_you_mean(name, names))
    }
}

/// Of those that have the same key the first.
fn first_of_each<'a, K: Ord, T>(
    all: impl DoubleEndedIterator<Item = (K, &'a T)>,
) -> BTreeMap<K, &'a T> {
    // What comes later takes the place of what is there.
    all.rev().collect()
}

fn not_there(reason: impl Into<String>, remedy: impl Into<String>) -> Failure {
    Failure::new(FailureClass::Cell, reason, remedy)
}

/// What to do about a tab that is none of these: the first of them, in quotes, as a cell of theirs
/// is written.
fn tabs_there_are(tabs: &[TabProperties]) -> String {
    // So many, and so many bytes of them, since each of thousands of cells may tell them: a title
    // has a hundred letters at the most.
    const MOST: usize = 8;
    const BYTES: usize = 400;
    let mut left = BYTES;
    let fits = |title: &String| {
        let rest = left.checked_sub(title.len());
        left = rest.unwrap_or_default();
        rest.is_some()
    };
    let titles = tabs.iter().take(MOST).map(|tab| quoted(&excerpt(&tab.title)));
    let mut listed: Vec<String> = titles.take_while(fits).collect();
    if listed.len() < tabs.len() {
        listed.push("…".into());
    }
    format!("Its tabs are: {}. Correct it in the configuration", listed.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    fn tab(gid: u32, title: &str) -> TabProperties {
        TabProperties { gid, title: title.into(), rows: 10, columns: 10 }
    }

    fn spreadsheet(titles: &[String]) -> Properties {
        let tabs = titles.iter().zip(0..).map(|(title, gid)| tab(gid, title)).collect();
        Properties { tabs, names: Vec::new(), zone: Ok(TimeZone::UTC) }
    }

    #[test]
    fn case_counts_where_it_tells_two_apart_and_of_two_alike_the_first_is_it() {
        let titles = ["PRICES", "Prices", "Über", "Prices", "ÜBER"].map(str::to_owned);
        let properties = spreadsheet(&titles);
        let mut index = Index::new(&properties);
        for (title, gid) in [
            ("Prices", Some(1)),
            ("PRICES", Some(0)),
            ("prices", Some(0)),
            ("über", Some(2)),
            ("ÜBER", Some(4)),
            ("Price", None),
        ] {
            assert_eq!(index.tab(title).map(|tab| tab.gid).ok(), gid, "{title}");
        }
        let twice = Properties { tabs: vec![tab(7, "One"), tab(7, "Other")], ..properties };
        assert_eq!(Index::new(&twice).tab_by_gid(7).unwrap().title, "One");
    }

    #[test]
    fn a_named_range_has_a_first_cell_and_goes_as_far_as_it_says_or_its_tab() {
        let range = |name: &str, gid, last| {
            let first = Some(Spot { gid, column: 2, row: 3 });
            NamedRange { name: name.into(), first, last }
        };
        let names = vec![
            range("One", 1, (Some(2), Some(3))),
            range("Several", 1, (Some(3), Some(4))),
            range("Column", 1, (Some(2), None)),
            range("All", 1, (None, None)),
            range("Gone", 7, (Some(2), Some(3))),
            NamedRange { name: "Nowhere".into(), first: None, last: (None, None) },
        ];
        let titles = ["Other", "It's"].map(str::to_owned);
        let properties = Properties { names, ..spreadsheet(&titles) };
        let index = Index::new(&properties);
        for (name, whole) in [
            ("one", "'It''s'!B3"),
            ("Several", "'It''s'!B3:C4"),
            ("Column", "'It''s'!B3:B10"),
            ("All", "'It''s'!B3:J10"),
        ] {
            assert_eq!(index.extent(name), Some(("'It''s'!B3".into(), whole.into())), "{name}");
        }
        for name in ["Gone", "Nowhere", "Unknown"] {
            assert_eq!(index.extent(name), None, "{name}");
        }
    }

    #[test]
    fn of_many_tabs_so_many_are_listed_as_make_a_line() {
        let listed = |titles: &[String]| {
            let told = Index::new(&spreadsheet(titles)).tab_by_gid(99).unwrap_err().remedy;
            let told = told.strip_prefix("Its tabs are: ").unwrap();
            told.strip_suffix(". Correct it in the configuration").unwrap().to_owned()
        };
        let short: Vec<_> = (0..9).map(|n| format!("T{n}")).collect();
        let eight = "'T0', 'T1', 'T2', 'T3', 'T4', 'T5', 'T6', 'T7'";
        assert_eq!(listed(&short[..8]), eight);
        assert_eq!(listed(&short), format!("{eight}, …"));
        let long = vec!["ü".repeat(90); 9];
        assert_eq!(listed(&long), format!("'{0}', '{0}', …", long[0]));
        let longest = "🌵".repeat(99);
        assert_eq!(listed(std::slice::from_ref(&longest)), format!("'{longest}'"));
        assert_eq!(listed(&["'".repeat(10_000)]), "…");
    }
}
