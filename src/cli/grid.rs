//! The cells of the demo's sheet, and which way each of them went. Pure: no I/O.

use serde_json::Value;

use super::table::table;

/// What is in a sheet, row by row, as Google would show it.
pub(super) type Rows = Vec<Vec<Value>>;

/// How many columns are shown.
const COLUMNS: usize = 5;

/// Holds the place of a text that is wider than its column.
const LONG: &str = "\u{0}";

/// The sheet as it is, and as it was before its last change.
#[derive(Debug, Default)]
pub(super) struct Grid {
    now: Rows,
    before: Rows,
    /// The widest that a column has ever been: so they do not dance.
    widths: [usize; COLUMNS],
}

impl Grid {
    /// Takes in the sheet as it is now.
    pub(super) fn update(&mut self, rows: Rows) {
        if rows != self.now {
            self.before = std::mem::replace(&mut self.now, rows);
        }
        for (number, row) in self.now.iter().enumerate() {
            for (column, width) in self.widths.iter_mut().enumerate() {
                let value = row.get(column).unwrap_or(&Value::Null);
                if !spills(value, number, column) {
                    *width = (*width).max(shown(value).chars().count());
                }
            }
        }
    }

    /// The rows and columns with their names, as a spreadsheet has them, for a pipe.
    pub(super) fn plain(&self) -> String {
        let letters = ["", "A", "B", "C", "D", "E"].map(str::to_owned);
        let mut long = Vec::new();
        let lines = self.now.iter().enumerate().map(|(row, values)| {
            let mut cells: [String; COLUMNS + 1] = Default::default();
            cells[0] = (row + 1).to_string();
            for (column, cell) in cells.iter_mut().skip(1).enumerate() {
                let value = values.get(column).unwrap_or(&Value::Null);
                *cell = shown(value);
                if spills(value, row, column) && !cell.is_empty() {
                    long.push(std::mem::replace(cell, LONG.into()));
                }
            }
            cells
        });
        let mut text = table(&std::iter::once(letters).chain(lines).collect::<Vec<_>>());
        for long in long {
            text = text.replacen(LONG, &long, 1);
        }
        text
    }

    /// One line for all of it: what each row's first two prices are.
    pub(super) fn line(&self) -> String {
        let prices = self.now.iter().skip(1).filter_map(|row| match row.as_slice() {
            [name, buy, sell, ..] if buy.is_number() => {
                Some(format!("  {} {} / {}", shown(name), shown(buy), shown(sell)))
            }
            _ => None,
        });
        prices.collect()
    }

    /// The same for a picture: numbers to the right, each with which way it went; pale when they
    /// are `stale`. `paint` gives a text a colour.
    pub(super) fn lines(&self, stale: bool, paint: impl Fn(&str, &str) -> String) -> Vec<String> {
        let mut head = String::from("     ");
        for (letter, width) in ["A", "B", "C", "D", "E"].iter().zip(self.widths) {
            head.push_str(&format!("{letter:^width$}    "));
        }
        let mut lines = vec![paint("2", head.trim_end())];
        for (number, row) in self.now.iter().enumerate() {
            let mut line = paint("2", &format!("{:>3}", number + 1)) + "  ";
            for (column, width) in self.widths.into_iter().enumerate() {
                let value = row.get(column).unwrap_or(&Value::Null);
                let text = shown(value);
                if spills(value, number, column) {
                    line.push_str(&paint("31", &text));
                    break; // as in a spreadsheet, where the cells beside it are empty
                }
                let (sgr, mark) = match self.went(number, column) {
                    _ if stale && number > 0 && column > 0 => ("2", ' '),
                    Some(true) => ("32", '▲'),
                    Some(false) => ("31", '▼'),
                    None if number == 0 => ("1", ' '),
                    None => ("0", ' '),
                };
                let cell = match column {
                    0 => format!("{text:width$}"),
                    _ => format!("{text:>width$} {mark}"),
                };
                line.push_str(&paint(sgr, &cell));
                line.push_str("  ");
            }
            lines.push(line);
        }
        lines
    }

    /// Whether a number has gone up or down, if it has.
    fn went(&self, row: usize, column: usize) -> Option<bool> {
        let number = |rows: &Rows| rows.get(row)?.get(column)?.as_f64();
        let (before, now) = (number(&self.before)?, number(&self.now)?);
        (now != before).then_some(now > before)
    }
}

/// Whether a value is a long text that goes on over the cells to its right.
fn spills(value: &Value, row: usize, column: usize) -> bool {
    row > 0 && column > 0 && value.is_string()
}

/// A value as a spreadsheet shows it.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_f64().map_or_else(String::new, |n| n.to_string()),
        other => other.to_string(),
    }
}
