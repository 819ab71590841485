//! Tables and counts for people: columns as wide as they must be, one cell and two cells. Pure: no
//! I/O.

use std::fmt::Display;

/// So many of something whose name takes an `s`.
pub(super) fn count<N: Display + From<u8> + PartialEq>(number: N, what: &str) -> String {
    let plural = if number == N::from(1) { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// Lines up cells in columns, two blanks apart. The last column is as ragged as it comes.
pub(super) fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::from(" ");
        for (width, cell) in widths.iter().zip(row) {
            line.push_str(&format!(" {cell:width$} "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["A1", "1.5", "written"], ["'Sheet ä'!B7", "12", "no"]];
        let text = table(&rows.map(|row| row.map(str::to_owned)));
        assert_eq!(text, "  A1            1.5  written\n  'Sheet ä'!B7  12   no\n");
    }
}
