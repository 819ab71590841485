//! Which cells show what, and how Google is asked. Pure: no I/O, no clock, no randomness.

use std::{fmt, sync::Arc, time::Duration};

use super::a1::CellRef;
use crate::quote::{AssetPair, QuoteField};

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
    /// Writes a minute for all the spreadsheets of one identity: 50. Google allows 60 a minute
    /// for each user of a project, and a service account is one user
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
