//! Which cells show what, and how Google is asked. Pure: no I/O, no clock, no randomness.

use std::{fmt, sync::Arc, time::Duration};

use super::{a1::CellRef, configured};
use crate::{
    messages::{CellContent, SheetIndex},
    quote::{AssetPair, QuoteField},
    retry::RetryConfig,
    tree::{DurationRange, Mistakes, Refusal, Section, millis, span},
};

/// From how long to how long it may be from tick to tick.
pub(super) const EVERY: DurationRange = millis(1, 86_400_000);

/// From how long to how long a request may be let take.
const DEADLINE: DurationRange = millis(1, 600_000);

/// How many writes a minute may be asked for: a stand-in of Google's bears more than Google.
const WRITES_PER_MINUTE: (u32, u32) = (1, 1_000_000);

/// The id of a spreadsheet, as in its URL.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpreadsheetId(Arc<str>);

impl SpreadsheetId {
    /// Reads an id: 20 characters or more of `A`–`Z`, `a`–`z`, `0`–`9`, `_` and `-`.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        let well_formed = (20..=128).contains(&text.len()) && text.bytes().all(allowed);
        well_formed.then(|| Self(text.into()))
    }

    /// What stands for an id that could not be read: no spreadsheet has it.
    pub(super) fn unreadable(instead: &str) -> Self {
        Self(format!("?{instead}").into())
    }

    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The whole id, shared.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl fmt::Display for SpreadsheetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SpreadsheetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpreadsheetId({})", self.0)
    }
}

/// Which tab of a spreadsheet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tab {
    /// The one with this title.
    Title(String),
    /// The one with this `gid`, as in the URL: it keeps it when it is renamed.
    Gid(u32),
    /// The first one.
    First,
}

impl From<&str> for Tab {
    fn from(title: &str) -> Self {
        Self::Title(title.into())
    }
}

impl From<String> for Tab {
    fn from(title: String) -> Self {
        Self::Title(title)
    }
}

/// As people read it.
impl fmt::Display for Tab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Title(title) => f.write_str(title),
            Self::Gid(gid) => write!(f, "the tab with gid {gid}"),
            Self::First => f.write_str("the first tab"),
        }
    }
}

impl Tab {
    /// A cell as a person tells it from others, where this is the tab that its sheet is configured
    /// with, and perhaps the only one of the spreadsheet that is.
    pub(crate) fn cell_name(&self, cell: &CellRef, only: bool) -> String {
        let bare = matches!(cell, CellRef::Cell { tab: None, .. }) && !only;
        match self {
            Self::Title(title) => cell.range(title),
            Self::Gid(gid) if bare => format!("gid {gid}!{cell}"),
            Self::First if bare => format!("first tab!{cell}"),
            Self::Gid(_) | Self::First => cell.to_string(),
        }
    }
}

/// Whether sheets are all of one tab.
pub(crate) fn one_tab<'a>(mut sheets: impl Iterator<Item = &'a SheetConfig>) -> bool {
    let first = sheets.next().map(|sheet| &sheet.tab);
    sheets.all(|sheet| Some(&sheet.tab) == first)
}

/// A cell and what it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellMapping {
    /// Where.
    pub cell: CellRef,
    /// Of which pair.
    pub pair: AssetPair,
    /// Which field.
    pub field: QuoteField,
}

/// One sheet: a tab of a spreadsheet, how often it is written, and what goes where.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SheetConfig {
    /// The spreadsheet.
    pub spreadsheet: SpreadsheetId,
    /// The tab of the cells that name none.
    pub tab: Tab,
    /// From tick to tick (`timeout` in the file).
    pub every: Duration,
    /// The cells, in the order of the configuration.
    pub cells: Vec<CellMapping>,
    /// Cells that show when the oldest price of this sheet was asked for.
    pub updated: Vec<CellRef>,
    /// Cells that show what is wrong with this sheet, or nothing.
    pub problem: Vec<CellRef>,
    /// What was wrong with what the methods of this type were given.
    pub(super) mistakes: Mistakes,
}

impl SheetConfig {
    /// A sheet without cells: the spreadsheet's id or its URL as the browser shows it, and the
    /// title of the tab (or [`Tab::Gid`], or [`Tab::First`], which an URL's `gid` makes precise).
    ///
    /// What is wrong with what this and the following methods are given is kept, and told by
    /// [`Config::check`](crate::Config::check).
    pub fn new(spreadsheet: &str, tab: impl Into<Tab>) -> Self {
        let mut mistakes = Mistakes::default();
        let tab = tab.into();
        let (id, own) = configured::spreadsheet(spreadsheet).unwrap_or_else(|refusal| {
            mistakes.code("spreadsheet", refusal.or_found(crate::tree::shown(spreadsheet)));
            (SpreadsheetId::unreadable(spreadsheet), Tab::First)
        });
        Self {
            spreadsheet: id,
            tab: if tab == Tab::First { own } else { tab },
            every: Duration::ZERO,
            cells: Vec::new(),
            updated: Vec::new(),
            problem: Vec::new(),
            mistakes,
        }
    }

    /// A sheet of which everything is known to be right.
    pub(super) fn known(spreadsheet: SpreadsheetId, tab: Tab, every: Duration) -> Self {
        Self {
            spreadsheet,
            tab,
            every,
            cells: Vec::new(),
            updated: Vec::new(),
            problem: Vec::new(),
            mistakes: Mistakes::default(),
        }
    }

    /// Sets the time from tick to tick: 1 ms to a day. There is no default.
    #[must_use]
    pub fn every(self, every: Duration) -> Self {
        Self { every, ..self }
    }

    /// Adds a cell: what it shows, such as `kraken:xbteur:sell`, and where it is, such as `A1`.
    #[must_use]
    pub fn cell(mut self, source: &str, cell: &str) -> Self {
        let path = format!("cell({}, {})", crate::tree::shown(source), crate::tree::shown(cell));
        let source = configured::source(source).map_err(|refusals| {
            let note = |refusal| self.mistakes.code(path.as_str(), refusal);
            refusals.into_iter().for_each(note);
        });
        let place = self.noted(&path, cell, configured::cell(cell));
        if let (Ok((pair, field)), Some(cell)) = (source, place) {
            self.cells.push(CellMapping { cell, pair, field });
        }
        self
    }

    /// Adds a cell that shows when the oldest price of this sheet was asked for.
    #[must_use]
    pub fn updated(mut self, cell: &str) -> Self {
        let place = self.noted("updated", cell, configured::cell(cell));
        self.updated.extend(place);
        self
    }

    /// Adds a cell that shows what is wrong with this sheet, or nothing.
    #[must_use]
    pub fn problem(mut self, cell: &str) -> Self {
        let place = self.noted("problem", cell, configured::cell(cell));
        self.problem.extend(place);
        self
    }

    /// Every cell that is written and what it shows, in the order `cells`, `updated`, `problem`.
    pub fn targets(&self) -> impl Iterator<Item = (&CellRef, CellContent)> {
        let quotes = self.cells.iter().map(|mapping| {
            (&mapping.cell, CellContent::Quote(mapping.pair.clone(), mapping.field))
        });
        let updated = self.updated.iter().map(|cell| (cell, CellContent::Updated));
        let problem = self.problem.iter().map(|cell| (cell, CellContent::Problem));
        quotes.chain(updated).chain(problem)
    }

    /// The pairs that it shows, each once.
    pub(crate) fn pairs(&self) -> Vec<AssetPair> {
        let mut pairs: Vec<_> = self.cells.iter().map(|mapping| mapping.pair.clone()).collect();
        pairs.sort();
        pairs.dedup();
        pairs
    }

    /// Notes what is wrong with a sheet that was built in code, at `path`.
    pub(crate) fn check(&self, path: &str, mistakes: &mut Mistakes) {
        mistakes.adopt(&format!("{path}."), &self.mistakes);
        if !EVERY.holds(self.every) {
            let mut refusal = Refusal::new(EVERY.to_string()).found(span(self.every));
            if self.every.is_zero() {
                refusal = refusal.help("say the time from tick to tick by .every(…)");
            }
            mistakes.code(format!("{path}.every"), refusal);
        }
        if let Tab::Title(title) = &self.tab
            && let Err(refusal) = configured::title(title)
        {
            mistakes.code(format!("{path}.tab"), refusal);
        }
    }

    fn noted<T>(&mut self, path: &str, text: &str, read: Result<T, Refusal>) -> Option<T> {
        let note = |refusal: Refusal| {
            self.mistakes.code(path, refusal.or_found(crate::tree::shown(text)));
        };
        read.map_err(note).ok()
    }
}

/// Notes what is wrong with what one spreadsheet's actor is given.
pub(super) fn check(
    spreadsheet: &SpreadsheetId,
    sheets: &[(SheetIndex, SheetConfig)],
    retry: &RetryConfig,
    mistakes: &mut Mistakes,
) {
    for (at, (_, sheet)) in sheets.iter().enumerate() {
        let path = format!("sheets[{at}]");
        sheet.check(&path, mistakes);
        if sheet.spreadsheet != *spreadsheet {
            let refusal = Refusal::new(format!("a sheet of the spreadsheet {spreadsheet}"));
            let found = format!("one of {}", sheet.spreadsheet);
            mistakes.code(format!("{path}.spreadsheet"), refusal.found(found));
        }
    }
    retry.check(mistakes);
}

/// How Google is asked: section `google` of the configuration.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct GoogleConfig {
    /// Where the Sheets API is: `https://sheets.googleapis.com`. Without a path; plain http for
    /// loopback alone.
    pub url: String,
    /// The longest that one request may take in all, from connecting to the last byte: 30 s.
    pub deadline: Duration,
    /// Writes a minute for all the spreadsheets of one identity, and as many reads: 50. Google
    /// allows 60 a minute for each user of a project, and a service account is one user
    /// (<https://developers.google.com/sheets/api/limits>).
    pub writes_per_minute: u32,
}

impl Default for GoogleConfig {
    fn default() -> Self {
        Self {
            url: "https://sheets.googleapis.com".into(),
            deadline: Duration::from_secs(30),
            writes_per_minute: 50,
        }
    }
}

impl GoogleConfig {
    /// Reads the section `google`.
    pub(crate) fn from_section(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        Self {
            url: section.endpoint("url").unwrap_or(default.url),
            deadline: section.duration("deadline", &DEADLINE).unwrap_or(default.deadline),
            writes_per_minute: section
                .integer("writes_per_minute", WRITES_PER_MINUTE)
                .unwrap_or(default.writes_per_minute),
        }
    }

    /// Notes what is wrong with a section that was built in code.
    pub(crate) fn check(&self, mistakes: &mut Mistakes) {
        mistakes.endpoint("google.url", &self.url);
        mistakes.duration("google.deadline", self.deadline, &DEADLINE);
        mistakes.integer("google.writes_per_minute", self.writes_per_minute, WRITES_PER_MINUTE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_without_quotes_may_have_nearly_everything_in_it() {
        for cell in ["Q1/Q2!A1", "H1+H2!B5", "Q1 and Q2!A1", "A1&B1!C1", "A|B!A1"] {
            let sheet = SheetConfig::new("15CcPNtMZUSYhO99NOiFyHNjZCmgkvWnV5sKrGrtFLOk", "Prices");
            let sheet = sheet.every(Duration::from_secs(5)).cell("kraken:xbteur:sell", cell);
            let mut mistakes = Mistakes::default();
            sheet.check("sheet", &mut mistakes);
            assert!(mistakes.into_result("").is_ok(), "{cell}");
        }
    }

    #[test]
    fn cells_of_two_tabs_are_told_apart_and_those_of_one_need_not_be() {
        let [bare, own, named] =
            ["A1", "Other!A1", "BtcPrice"].map(|text| CellRef::parse(text).unwrap());
        let title = Tab::from("Prices");
        for (tab, cell, only, told) in [
            (&Tab::Gid(7), &bare, true, "A1"),
            (&Tab::Gid(7), &bare, false, "gid 7!A1"),
            (&Tab::First, &bare, false, "first tab!A1"),
            (&Tab::Gid(7), &own, false, "'Other'!A1"),
            (&Tab::Gid(7), &named, false, "BtcPrice"),
            (&title, &bare, true, "'Prices'!A1"),
        ] {
            assert_eq!(tab.cell_name(cell, only), told);
        }
        let sheet =
            |tab: Tab| SheetConfig::new("15CcPNtMZUSYhO99NOiFyHNjZCmgkvWnV5sKrGrtFLOk", tab);
        assert!(one_tab([sheet(Tab::Gid(7)), sheet(Tab::Gid(7))].iter()));
        assert!(!one_tab([sheet(Tab::Gid(7)), sheet(Tab::Gid(8))].iter()));
    }
}
