//! Cells in A1 notation: `B7`, `'Other tab'!B7`, or the name of a range.
//! Pure: no I/O, no clock, no randomness.
//!
//! The notation is that of <https://developers.google.com/sheets/api/guides/concepts>. A tab's
//! title is always sent in quotes: unquoted, a tab called `A1` or a range with a tab's name would
//! be taken for something else.

use std::fmt;

/// The most letters of a column: the last is `ZZZ`. What has more is no cell but may be a name,
/// and ordinary names are of that kind: Google itself proposes `NamedRange1`.
const LETTERS: usize = 3;

/// The most rows that a spreadsheet has: it holds ten million cells.
const ROWS: u32 = 10_000_000;

/// The longest title of a tab and the longest name of a range, in characters. Google documents
/// 250 for names; titles are held to the same, with room.
pub(super) const LONGEST_NAME: usize = 250;

/// A single place to write to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CellRef {
    /// A cell of a tab.
    Cell {
        /// The tab's title; without one, the tab that the sheet is configured with.
        tab: Option<String>,
        /// The column, from 1.
        column: u32,
        /// The row, from 1.
        row: u32,
    },
    /// The first cell of a named range, wherever it is in the spreadsheet.
    Named(String),
}

impl CellRef {
    /// Reads a cell: `A1`, `$A$1`, `a1`, `Tab!A1`, `'Bob''s tab'!A1`, or `BtcPrice`.
    ///
    /// # Errors
    /// When the text is none of these; [`InvalidCell`] says what it is instead.
    pub fn parse(text: &str) -> Result<Self, InvalidCell> {
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidCell::Empty);
        }
        let (tab, place) = split_tab(text)?;
        if place.contains(':') {
            return Err(InvalidCell::Range);
        }
        if let Some((column, row)) = coordinates(place)? {
            return Ok(Self::Cell { tab, column, row });
        }
        match tab {
            Some(_) => Err(InvalidCell::Unreadable),
            None => named(place),
        }
    }

    /// The cell as it is sent to Google, where `tab` is the title of the tab that the sheet is
    /// configured with.
    pub fn range(&self, tab: &str) -> String {
        match self {
            Self::Cell { tab: own, column, row } => {
                let title = own.as_deref().unwrap_or(tab);
                format!("{}!{}{row}", quoted(title), column_letters(*column))
            }
            Self::Named(name) => name.clone(),
        }
    }
}

/// As a configuration has it.
impl fmt::Display for CellRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cell { tab: None, column, row } => {
                write!(f, "{}{row}", column_letters(*column))
            }
            Self::Cell { tab: Some(tab), .. } => f.write_str(&self.range(tab)),
            Self::Named(name) => f.write_str(name),
        }
    }
}

/// Why a text is no cell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCell {
    /// There is nothing.
    #[error("a cell is missing here: write A1, 'Other tab'!A1 or the name of a range")]
    Empty,
    /// It is neither.
    #[error("neither a cell (A1, 'Other tab'!A1) nor the name of a range")]
    Unreadable,
    /// It is more than one cell.
    #[error("a range of cells; write one cell, such as A1")]
    Range,
    /// There is no such row.
    #[error("a row that no spreadsheet has; rows run from 1 to 10000000")]
    Row,
    /// The title of the tab is missing, too long, or has a control character.
    #[error("a title that no tab can have, before the '!'")]
    Title,
    /// A quote was opened and not closed.
    #[error("a title whose closing ' is missing; a ' within it is written twice")]
    Quote,
}

/// A title in quotes, as Google wants it.
pub(super) fn quoted(title: &str) -> String {
    format!("'{}'", title.replace('\'', "''"))
}

/// A column's letters: 1 is `A`, 27 is `AA`.
pub(super) fn column_letters(column: u32) -> String {
    let mut rest = column;
    let mut letters = Vec::new();
    while rest > 0 {
        rest -= 1;
        letters.push(char::from(b'A' + u8::try_from(rest % 26).unwrap_or(0)));
        rest /= 26;
    }
    letters.iter().rev().collect()
}

/// The tab of a range, in quotes.
pub(super) fn tab_of(range: &str) -> &str {
    range.rsplit_once('!').map_or("", |(tab, _)| tab)
}

/// Whether a tab can have this title.
pub(super) fn is_title(title: &str) -> bool {
    !title.trim().is_empty()
        && title.chars().count() <= LONGEST_NAME
        && !title.chars().any(char::is_control)
}

/// Splits `'Bob''s'!A1` into the title and the rest.
fn split_tab(text: &str) -> Result<(Option<String>, &str), InvalidCell> {
    let (title, place) = if let Some(inner) = text.strip_prefix('\'') {
        let end = closing_quote(inner).ok_or(InvalidCell::Quote)?;
        let place = inner[end + 1..].strip_prefix('!').ok_or(InvalidCell::Unreadable)?;
        (inner[..end].replace("''", "'"), place)
    } else if let Some((title, place)) = text.rsplit_once('!') {
        // A tab may be called that, and is then written in quotes of its own.
        if title.starts_with('"') && title.ends_with('"') {
            return Err(InvalidCell::Unreadable);
        }
        (title.to_owned(), place)
    } else {
        return Ok((None, text));
    };
    if is_title(&title) { Ok((Some(title), place)) } else { Err(InvalidCell::Title) }
}

/// Where the quote closes that was opened before `text`: at the first that is not doubled.
fn closing_quote(text: &str) -> Option<usize> {
    let mut quotes = text.match_indices('\'').map(|(at, _)| at).peekable();
    while let Some(at) = quotes.next() {
        if quotes.next_if_eq(&(at + 1)).is_none() {
            return Some(at);
        }
    }
    None
}

/// Column and row of `B7` or `$B$7`; `None` if the text does not look like a cell at all.
fn coordinates(text: &str) -> Result<Option<(u32, u32)>, InvalidCell> {
    let rest = text.strip_prefix('$').unwrap_or(text);
    let letters = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
    let (letters, rest) = rest.split_at(letters);
    let digits = rest.strip_prefix('$').unwrap_or(rest);
    let looks_like_a_cell = (1..=LETTERS).contains(&letters.len())
        && !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit());
    if !looks_like_a_cell {
        return Ok(None);
    }
    let value = |letter: u8| u32::from(letter.to_ascii_uppercase() - b'A') + 1;
    let column = letters.bytes().fold(0, |sum, letter| sum * 26 + value(letter));
    let row = digits.parse().ok().filter(|row| (1..=ROWS).contains(row)).ok_or(InvalidCell::Row)?;
    Ok(Some((column, row)))
}

/// Reads the name of a range. Google's rules: letters, digits and `_`, not beginning with a
/// digit, not `TRUE` or `FALSE`, not like `A1` or `R1C1`. A cell with one or two letters behind
/// it (`A1B`) would be a name, but is a slip.
fn named(text: &str) -> Result<CellRef, InvalidCell> {
    let first = text.chars().next().ok_or(InvalidCell::Empty)?;
    let well_formed = (first.is_alphabetic() || first == '_')
        && text.chars().all(|c| c.is_alphanumeric() || c == '_')
        && text.chars().count() <= LONGEST_NAME;
    let upper = text.to_ascii_uppercase();
    let truth = upper == "TRUE" || upper == "FALSE";
    if !well_formed || truth || is_r1c1(&upper) || is_slip(&upper) {
        return Err(InvalidCell::Unreadable);
    }
    // Letters alone are a column's name (`A:A` without its colon) until they are too many.
    if text.len() <= LETTERS && text.bytes().all(|b| b.is_ascii_alphabetic()) {
        return Err(InvalidCell::Unreadable);
    }
    Ok(CellRef::Named(text.to_owned()))
}

fn is_r1c1(upper: &str) -> bool {
    let Some((row, column)) = upper.strip_prefix('R').and_then(|rest| rest.split_once('C')) else {
        return false;
    };
    [row, column].iter().all(|part| part.bytes().all(|b| b.is_ascii_digit()))
}

fn is_slip(upper: &str) -> bool {
    let rest = upper.trim_start_matches(|c: char| c.is_ascii_uppercase());
    let tail = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let letters = upper.len() - rest.len();
    (1..=LETTERS).contains(&letters)
        && rest.len() > tail.len()
        && (1..=2).contains(&tail.len())
        && tail.bytes().all(|b| b.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_read_and_sent_in_one_form() {
        for (text, sent) in [
            ("A1", "'Sheet 1'!A1"),
            (" b7 ", "'Sheet 1'!B7"),
            ("$AA$10", "'Sheet 1'!AA10"),
            ("ZZZ10000000", "'Sheet 1'!ZZZ10000000"),
            ("Other!C3", "'Other'!C3"),
            ("'Other tab'!C3", "'Other tab'!C3"),
            ("'It''s 50% #1'!$C$3", "'It''s 50% #1'!C3"),
            ("'A1'!A1", "'A1'!A1"),
            ("'a!b'!A1", "'a!b'!A1"),
            ("'🌵 test'!A1", "'🌵 test'!A1"),
            ("BtcPrice", "BtcPrice"),
            ("_x", "_x"),
            ("Q1Price", "Q1Price"),
            ("Price1", "Price1"),
            ("Rate2024", "Rate2024"),
            ("NamedRange1", "NamedRange1"),
            ("AAAA1", "AAAA1"),
            ("zzz1", "'Sheet 1'!ZZZ1"),
        ] {
            let cell = CellRef::parse(text).unwrap();
            assert_eq!(cell.range("Sheet 1"), sent, "{text}");
            assert_eq!(CellRef::parse(&cell.to_string()), Ok(cell), "{text}");
        }
    }

    #[test]
    fn what_is_no_cell_says_what_it_is() {
        for (text, why) in [
            ("", InvalidCell::Empty),
            ("  ", InvalidCell::Empty),
            ("1A", InvalidCell::Unreadable),
            ("A0", InvalidCell::Row),
            ("A-1", InvalidCell::Unreadable),
            ("A1B", InvalidCell::Unreadable),
            ("Price$1", InvalidCell::Unreadable),
            ("Tab!Price1", InvalidCell::Unreadable),
            ("A10000001", InvalidCell::Row),
            ("A99999999999999999999", InvalidCell::Row),
            ("R1C1", InvalidCell::Unreadable),
            ("A1:", InvalidCell::Range),
            ("A1:B2", InvalidCell::Range),
            ("A:A", InvalidCell::Range),
            ("A", InvalidCell::Unreadable),
            ("true", InvalidCell::Unreadable),
            ("Tab!BtcPrice", InvalidCell::Unreadable),
            ("!A1", InvalidCell::Title),
            ("'Bob's'!A1", InvalidCell::Unreadable),
            ("'Bob", InvalidCell::Quote),
            ("'a\nb'!A1", InvalidCell::Title),
            ("=A1", InvalidCell::Unreadable),
        ] {
            assert_eq!(CellRef::parse(text), Err(why), "{text:?}");
        }
    }

    #[test]
    fn columns_have_letters() {
        for (column, letters) in [(1, "A"), (26, "Z"), (27, "AA"), (702, "ZZ"), (18_278, "ZZZ")] {
            assert_eq!(column_letters(column), letters);
        }
    }

    #[test]
    fn a_range_tells_its_tab() {
        let tabs = ["'Sheet 1'!A1", "'a!b'!B7", "BtcPrice"].map(tab_of);
        assert_eq!(tabs, ["'Sheet 1'", "'a!b'", ""]);
    }
}
