//! A1 notation: read as leniently as Google reads it, printed as Google prints it.
//! Pure: no I/O, no clock, no randomness.

/// The last column: `ZZZ`.
const COLUMNS: u32 = 18_278;
/// More rows than a spreadsheet can have cells.
const ROWS: u32 = 10_000_000;

/// Cells of a tab, counted from 0, the ends excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox) struct Rect {
    pub(in crate::sandbox) top: u32,
    pub(in crate::sandbox) left: u32,
    pub(in crate::sandbox) bottom: u32,
    pub(in crate::sandbox) right: u32,
}

impl Rect {
    pub(in crate::sandbox) fn contains(&self, row: u32, column: u32) -> bool {
        (self.top..self.bottom).contains(&row) && (self.left..self.right).contains(&column)
    }

    fn is_single(&self) -> bool {
        self.bottom - self.top == 1 && self.right - self.left == 1
    }
}

/// What stands after the `!`: an end that is missing is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox) struct Span {
    pub(in crate::sandbox) top: u32,
    pub(in crate::sandbox) left: u32,
    pub(in crate::sandbox) bottom: Option<u32>,
    pub(in crate::sandbox) right: Option<u32>,
    /// A single cell, written without a colon: in a write it is only where to begin.
    pub(in crate::sandbox) single: bool,
}

impl Span {
    /// A whole tab.
    pub(in crate::sandbox) const ALL: Self =
        Self { top: 0, left: 0, bottom: None, right: None, single: false };

    pub(in crate::sandbox) fn of(rect: Rect) -> Self {
        Self {
            top: rect.top,
            left: rect.left,
            bottom: Some(rect.bottom),
            right: Some(rect.right),
            single: rect.is_single(),
        }
    }

    /// Reads `A1`, `$B$2`, `A1:B2`, `A:C`, `2:3`, `A2:C`.
    pub(in crate::sandbox) fn parse(text: &str) -> Option<Self> {
        let Some((from, to)) = text.split_once(':') else {
            let (column, row) = corner(text)?;
            let (column, row) = (column?, row?);
            return Some(Self {
                top: row,
                left: column,
                bottom: Some(row + 1),
                right: Some(column + 1),
                single: true,
            });
        };
        let ((left, top), (right, bottom)) = (corner(from)?, corner(to)?);
        let (left, right) = order(left, right);
        let (top, bottom) = order(top, bottom);
        Some(Self { top, left, bottom, right, single: false })
    }

    /// The cells that it means in a grid of that size; `None` when it begins outside.
    pub(in crate::sandbox) fn clip(&self, rows: u32, columns: u32) -> Option<Rect> {
        let inside = self.top < rows && self.left < columns;
        inside.then(|| Rect {
            top: self.top,
            left: self.left,
            bottom: self.bottom.unwrap_or(rows).min(rows),
            right: self.right.unwrap_or(columns).min(columns),
        })
    }

    /// As it is written after a title.
    pub(in crate::sandbox) fn print(&self) -> String {
        let from = format!("{}{}", column_name(self.left), self.top + 1);
        let to = match (self.bottom, self.right) {
            (None, None) => return from,
            (Some(bottom), Some(right)) => format!("{}{bottom}", column_name(right - 1)),
            (None, Some(right)) => column_name(right - 1),
            (Some(bottom), None) => bottom.to_string(),
        };
        if from == to { from } else { format!("{from}:{to}") }
    }
}

/// Two ends of one axis, of which either may be missing, in ascending order; the second excluded.
fn order(a: Option<u32>, b: Option<u32>) -> (u32, Option<u32>) {
    match (a, b) {
        (Some(a), Some(b)) => (a.min(b), Some(a.max(b) + 1)),
        (Some(a), None) | (None, Some(a)) => (a, None),
        (None, None) => (0, None),
    }
}

/// Reads one corner: a column, a row, or both; counted from 0.
fn corner(text: &str) -> Option<(Option<u32>, Option<u32>)> {
    let text = text.strip_prefix('$').unwrap_or(text);
    let end = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (letters, digits) = text.split_at(end);
    let digits = digits.strip_prefix('$').unwrap_or(digits);
    let column = match letters {
        "" => None,
        _ if letters.len() > 3 => return None,
        _ => {
            let value = |c: u8| u32::from(c.to_ascii_uppercase() - b'A') + 1;
            let number = letters.bytes().fold(0, |sum, letter| sum * 26 + value(letter));
            Some(number).filter(|&number| number <= COLUMNS).map(|number| number - 1)
        }
    };
    let row = match digits {
        "" => None,
        _ if digits.starts_with('0') || !digits.bytes().all(|c| c.is_ascii_digit()) => return None,
        _ => Some(digits.parse().ok().filter(|&row: &u32| row <= ROWS)? - 1),
    };
    (column.is_some() || row.is_some()).then_some((column, row))
}

/// `0` is `A`, `26` is `AA`.
pub(in crate::sandbox) fn column_name(column: u32) -> String {
    let mut name = Vec::new();
    let mut left = column + 1;
    while left > 0 {
        name.push(b'A' + ((left - 1) % 26) as u8);
        left = (left - 1) / 26;
    }
    name.iter().rev().map(|&c| char::from(c)).collect()
}

/// A title as Google echoes it: in quotes only when it needs them.
pub(in crate::sandbox) fn quoted(title: &str) -> String {
    let plain = title.chars().all(|c| c.is_alphanumeric() || c == '_')
        && !title.starts_with(|c: char| c.is_numeric());
    if plain && !looks_like_a_cell(title) {
        title.to_owned()
    } else {
        format!("'{}'", title.replace('\'', "''"))
    }
}

fn looks_like_a_cell(title: &str) -> bool {
    let bare = title.to_ascii_uppercase();
    let row_column = bare.strip_prefix('R').and_then(|rest| rest.split_once('C'));
    let digits = |text: &str| text.bytes().all(|c| c.is_ascii_digit());
    Span::parse(title).is_some() || row_column.is_some_and(|(r, c)| digits(r) && digits(c))
}

/// A range as Google echoes it.
pub(in crate::sandbox) fn print(title: &str, rect: Rect) -> String {
    format!("{}!{}", quoted(title), Span::of(rect).print())
}

/// The parts of a range: the title, if there is one, and what follows it.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::sandbox) enum Parts<'a> {
    /// `'title'!A1`, and `'title'` for the whole tab. The quotes are off, and nothing is
    /// undoubled yet.
    Quoted(&'a str, Option<&'a str>),
    /// `title!A1`
    Bare(&'a str, &'a str),
    /// Without `!`: cells of the first tab, a named range or a title.
    Word(&'a str),
}

/// Takes a range apart. A title in quotes ends at the last quote, so that `'Jon's'!A1` reads
/// like `'Jon''s'!A1`.
pub(in crate::sandbox) fn split(range: &str) -> Option<Parts<'_>> {
    if let Some(rest) = range.strip_prefix('\'') {
        if let Some((title, cells)) = rest.rsplit_once("'!") {
            return Some(Parts::Quoted(title, Some(cells)));
        }
        return rest.strip_suffix('\'').map(|title| Parts::Quoted(title, None));
    }
    match range.rsplit_once('!') {
        Some((title, cells)) => Some(Parts::Bare(title, cells)),
        None => Some(Parts::Word(range)).filter(|_| !range.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_printed() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(Span::parse(text).map(|span| span.print()).as_deref(), expected, "{text}");
        };
        check("A1", Some("A1"));
        check("$b$12", Some("B12"));
        check("A1:B2", Some("A1:B2"));
        check("B2:A1", Some("A1:B2"));
        check("A:A", Some("A1:A"));
        check("A:C", Some("A1:C"));
        check("1:3", Some("A1:3"));
        check("A2:C", Some("A2:C"));
        check("ZZZ1", Some("ZZZ1"));
        check("AAAA1", None);
        check("A0", None);
        check("A01", None);
        check("A-1", None);
        check("1A", None);
        check("A1:", None);
        check(":A1", None);
        check("A", None);
        check("1", None);
        check("", None);
        check("R1C1", None);
        check("A10000001", None);
    }

    #[test]
    fn open_ends_are_closed_by_the_grid() {
        let check = |text: &str, expected: Option<&str>| {
            let rect = Span::parse(text).unwrap().clip(10, 4);
            assert_eq!(rect.map(|rect| print("T", rect)).as_deref(), expected, "{text}");
        };
        check("A:A", Some("T!A1:A10"));
        check("2:2", Some("T!A2:D2"));
        check("B3:C", Some("T!B3:C10"));
        check("A1:Z99", Some("T!A1:D10"));
        check("C3:C3", Some("T!C3"));
        check("A11", None);
        check("E1", None);
    }

    #[test]
    fn titles_are_quoted_when_they_need_it() {
        let check = |title: &str, expected: &str| assert_eq!(quoted(title), expected);
        check("Sheet1", "Sheet1");
        check("Sheet 1", "'Sheet 1'");
        check("D3", "'D3'");
        check("R1C1", "'R1C1'");
        check("Jon's", "'Jon''s'");
        check("2024", "'2024'");
        check("🌵 test", "'🌵 test'");
        check("a_b", "a_b");
        check("a-b", "'a-b'");
    }

    #[test]
    fn ranges_are_taken_apart() {
        let check = |range, expected| assert_eq!(split(range), expected, "{range}");
        check("'Jon''s'!A1", Some(Parts::Quoted("Jon''s", Some("A1"))));
        check("'Jon's_Data'!A1:D5", Some(Parts::Quoted("Jon's_Data", Some("A1:D5"))));
        check("'it'!s'!A1", Some(Parts::Quoted("it'!s", Some("A1"))));
        check("'Tab'", Some(Parts::Quoted("Tab", None)));
        check("Class Data!A2:E", Some(Parts::Bare("Class Data", "A2:E")));
        check("A1", Some(Parts::Word("A1")));
        check("'Tab", None);
        check("'", None);
        check("", None);
    }

    #[test]
    fn columns_have_names() {
        let check = |column, expected: &str| assert_eq!(column_name(column), expected);
        check(0, "A");
        check(25, "Z");
        check(26, "AA");
        check(701, "ZZ");
        check(702, "AAA");
        check(COLUMNS - 1, "ZZZ");
    }
}
