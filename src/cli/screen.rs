//! How the demo looks: the sheet drawn over and over on a terminal, or a line for each tick.
//! Pure: no I/O.

use ratesheet::{Fault, Next};
use serde_json::Value;

use super::table::table;

/// What is in the sheet, and how it came there.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Sheet {
    pub(super) tick: u64,
    pub(super) writes: u64,
    pub(super) cells: u64,
    /// Row by row, as Google would show them.
    pub(super) rows: Vec<Vec<Value>>,
}

/// Draws sheets.
#[derive(Debug)]
pub(super) struct Screen {
    terminal: bool,
    before: Sheet,
    /// The newest thing that went wrong.
    note: String,
}

const TITLE: &str =
    "ratesheet demo: a stand-in of Kraken, a stand-in of Google, everything else real\n";

impl Screen {
    /// A screen that is a terminal, or is not.
    pub(super) fn new(terminal: bool) -> Self {
        Self { terminal, before: Sheet::default(), note: String::new() }
    }

    /// What comes before anything else.
    pub(super) fn opening(&self) -> String {
        match self.terminal {
            // Clear, and hide the cursor.
            true => format!("\x1b[2J\x1b[?25l\x1b[H{TITLE}"),
            false => TITLE.into(),
        }
    }

    /// The sheet as it is now.
    pub(super) fn draw(&mut self, sheet: &Sheet) -> String {
        let text = if self.terminal { self.picture(sheet) } else { line(sheet) };
        self.before = sheet.clone();
        text
    }

    /// That an actor has failed, and what happens.
    pub(super) fn fault(&mut self, fault: &Fault) -> String {
        let next = match fault.next {
            Next::Restart(wait) => format!("it is restarted in {} ms", wait.as_millis()),
            Next::Park(wait) => format!("it is left alone for {} s", wait.as_secs()),
            Next::GiveUp => "there is no use in going on".into(),
        };
        self.note = format!("{} {}: {next}", fault.actor, fault.exit);
        if self.terminal { String::new() } else { format!("         {}\n", self.note) }
    }

    /// What comes last: the sheet as it was left.
    pub(super) fn closing(&self, rows: Vec<Vec<Value>>) -> String {
        let Sheet { writes, cells, .. } = self.before;
        let summary = format!("{cells} cells in {writes} writes\n");
        match self.terminal {
            true => format!("\x1b[?25h\n{summary}"),
            false => format!("\nThe sheet, as it was left:\n\n{}\n{summary}", self.grid(&rows)),
        }
    }

    fn picture(&self, sheet: &Sheet) -> String {
        let Sheet { tick, writes, cells, rows } = sheet;
        let mut text = format!("\x1b[H{TITLE}\ntick {tick}, {writes} writes, {cells} cells\n\n");
        text.push_str(&self.grid(rows));
        text.push_str(&format!("\n{}\n\nCtrl-C ends it.\n", self.note));
        // Each line takes the place of the one before it, and what is below is cleared.
        text.replace('\n', "\x1b[K\n") + "\x1b[J"
    }

    /// The rows and columns with their names, as a spreadsheet has them.
    fn grid(&self, rows: &[Vec<Value>]) -> String {
        const COLUMNS: usize = 5;
        let letters = ["", "A", "B", "C", "D", "E"].map(str::to_owned);
        let lines = rows.iter().enumerate().map(|(row, values)| {
            let mut cells: [String; COLUMNS + 1] = Default::default();
            cells[0] = (row + 1).to_string();
            for (column, cell) in cells.iter_mut().skip(1).enumerate() {
                *cell = self.shown(values.get(column).unwrap_or(&Value::Null), row, column);
            }
            cells
        });
        table(&std::iter::once(letters).chain(lines).collect::<Vec<_>>())
    }

    /// A value, and on a terminal which way it went.
    fn shown(&self, value: &Value, row: usize, column: usize) -> String {
        let text = plain(value);
        let before = self.before.rows.get(row).and_then(|row| row.get(column));
        match (self.terminal, value.as_f64(), before.and_then(Value::as_f64)) {
            (true, Some(now), Some(before)) if now > before => format!("{text} ▲"),
            (true, Some(now), Some(before)) if now < before => format!("{text} ▼"),
            _ => text,
        }
    }
}

/// One line for a tick: what each row's first two prices are.
fn line(sheet: &Sheet) -> String {
    let prices = sheet.rows.iter().skip(1).filter_map(|row| match row.as_slice() {
        [name, buy, sell, ..] if buy.is_number() => {
            Some(format!("  {} {} / {}", plain(name), plain(buy), plain(sell)))
        }
        _ => None,
    });
    format!("tick {:>3}:{}\n", sheet.tick, prices.collect::<String>())
}

/// A value as a spreadsheet shows it.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_f64().map_or_else(String::new, |n| n.to_string()),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sheet(tick: u64, price: f64) -> Sheet {
        let rows = vec![
            vec![json!(null), json!("Buy"), json!("Sell")],
            vec![json!("Pepe"), json!(0.000_002_502), json!(price)],
        ];
        Sheet { tick, writes: tick, cells: 2 * tick, rows }
    }

    #[test]
    fn a_pipe_gets_a_line_for_each_tick_and_the_sheet_at_the_end() {
        let mut screen = Screen::new(false);
        assert_eq!(screen.draw(&sheet(1, 7.5)), "tick   1:  Pepe 0.000002502 / 7.5\n");
        assert_eq!(screen.draw(&sheet(2, 8.0)), "tick   2:  Pepe 0.000002502 / 8\n");
        let closing = screen.closing(sheet(2, 8.0).rows);
        assert!(closing.contains("2  Pepe  0.000002502  8"), "{closing}");
        assert!(closing.ends_with("4 cells in 2 writes\n"), "{closing}");
    }

    #[test]
    fn a_terminal_shows_which_way_a_price_went() {
        let mut screen = Screen::new(true);
        assert!(!screen.draw(&sheet(1, 7.5)).contains('▲'));
        assert!(screen.draw(&sheet(2, 8.0)).contains("8 ▲"));
        assert!(screen.draw(&sheet(3, 6.5)).contains("6.5 ▼"));
    }
}
