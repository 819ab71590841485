//! The sheets of a plan: what is to be shown where, and the configuration that says so.

use std::time::Duration;

use fastrand::Rng;
use ratesheet::{Config, SheetConfig};

use crate::{
    faults::Service,
    kraken::{self, FIELDS},
    plan::secs,
};

/// A sheet: one tab of a spreadsheet, with pairs of its own.
#[derive(Debug, Clone)]
pub(crate) struct Sheet {
    pub(crate) spreadsheet: usize,
    pub(crate) gid: u32,
    pub(crate) every: Duration,
    /// The pairs that no other sheet shows: that they are fetched says that this sheet was due.
    pub(crate) own: Vec<usize>,
    /// Each cell: its name, its pair and its field.
    pub(crate) cells: Vec<(String, usize, usize)>,
    pub(crate) problem: Option<String>,
    /// The first of the cells that may get protected, and how many they are.
    run: (usize, usize),
}

impl Sheet {
    pub(crate) fn title(&self) -> String {
        format!("Sheet {}", self.gid)
    }

    /// The cells that may get protected.
    pub(crate) fn protects(&self) -> impl Iterator<Item = (u32, String)> + '_ {
        let (first, count) = self.run;
        let cells = self.cells.iter().skip(first).take(count);
        cells.map(|(cell, ..)| (self.gid, cell.clone()))
    }
}

pub(crate) fn sheets(dice: &mut Rng, spreadsheets: usize) -> (Vec<Sheet>, usize) {
    // Pair 0 is everybody's.
    let mut pairs = 1;
    let mut sheets = Vec::new();
    for spreadsheet in 0..spreadsheets {
        for gid in 1..=dice.u32(1..=2) {
            let own: Vec<usize> = (pairs..pairs + dice.usize(1..=3)).collect();
            pairs += own.len();
            let mut shown = own.clone();
            if dice.bool() {
                shown.push(0);
            }
            let mut cells = Vec::new();
            for pair in shown {
                for field in 0..FIELDS.len() {
                    if field == 0 || dice.bool() {
                        cells.push((format!("B{}", cells.len() + 1), pair, field));
                    }
                }
            }
            // Seldom so fast that mailboxes fill up while an actor hangs.
            let fast = spreadsheets == 1 && dice.f64() < 0.08;
            let every = if fast { 3 } else { dice.choice([15, 30, 30, 60, 60, 60]).unwrap() };
            let every = secs(every);
            let problem = dice.bool().then(|| "D1".to_owned());
            let run = (dice.usize(0..cells.len()), dice.usize(1..=6));
            sheets.push(Sheet { spreadsheet, gid, every, own, cells, problem, run });
        }
    }
    (sheets, pairs)
}

pub(crate) fn config(dice: &mut Rng, spreadsheets: &[String], sheets: &[Sheet]) -> Config {
    let mut config = Config::new();
    config.kraken.url = format!("http://127.0.0.1:{}", Service::Kraken.port());
    config.google.url = format!("http://127.0.0.1:{}", Service::Sheets.port());
    config.kraken.deadline = secs(dice.choice([2, 5, 10]).unwrap());
    config.google.deadline = secs(dice.choice([5, 10, 30]).unwrap());
    config.google.writes_per_minute = dice.choice([10, 30, 50, 50]).unwrap();
    config.retry.backoff.max = secs(dice.choice([5, 20, 60]).unwrap());
    config.retry.probe = secs(dice.choice([60, 120]).unwrap());
    for sheet in sheets {
        let mut made = SheetConfig::new(&spreadsheets[sheet.spreadsheet], sheet.title().as_str());
        if dice.bool() {
            made.tab = ratesheet::Tab::Gid(sheet.gid);
        }
        made = made.every(sheet.every);
        for (cell, pair, field) in &sheet.cells {
            let name = dice.choice(kraken::names(*pair)).unwrap().to_lowercase();
            made = made.cell(&format!("kraken:{name}:{}", FIELDS[*field]), cell);
        }
        if let Some(problem) = &sheet.problem {
            made = made.problem(problem);
        }
        config = config.sheet(made);
    }
    config
}
