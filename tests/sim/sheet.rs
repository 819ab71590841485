//! The sheets of a plan: what is to be shown where, and the configuration that says so.

use std::time::Duration;

use ratesheet::{Config, SheetConfig};

use super::{
    dice::Dice,
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
    /// Which of the cells the configuration calls by the name of a range.
    pub(crate) named: Option<usize>,
    /// The first of the cells that may get protected, and how many they are.
    run: (usize, usize),
}

impl Sheet {
    /// A sheet that shows these pairs, one in each cell, all of which can get protected.
    pub(crate) fn plain(spreadsheet: usize, gid: u32, every: Duration, pairs: &[usize]) -> Self {
        let cell = |(index, pair): (usize, &usize)| (format!("B{}", index + 1), *pair, 0);
        let cells: Vec<_> = pairs.iter().enumerate().map(cell).collect();
        let run = (0, cells.len());
        let own = pairs.to_vec();
        Self { spreadsheet, gid, every, own, cells, problem: None, named: None, run }
    }

    pub(crate) fn title(&self) -> String {
        format!("Sheet {}", self.gid)
    }

    /// The name of the range that one of the cells may be.
    pub(crate) fn name(&self) -> String {
        format!("Price_{}_{}", self.spreadsheet, self.gid)
    }

    /// The cell that the configuration calls by that name.
    pub(crate) fn named(&self) -> Option<&str> {
        Some(self.cells[self.named?].0.as_str())
    }

    /// The cells that may get protected.
    pub(crate) fn protects(&self) -> impl Iterator<Item = (u32, String)> + '_ {
        let (first, count) = self.run;
        let cells = self.cells.iter().skip(first).take(count);
        cells.map(|(cell, ..)| (self.gid, cell.clone()))
    }
}

/// The most cells in a row that get protected.
pub(crate) const MOST_PROTECTED: usize = 6;

/// The most pairs that one request names.
const PAIRS_PER_REQUEST: usize = 100;

/// Of more pairs than this, Kraken is asked for all that it has.
const PAIRS_OF_A_FETCH: usize = 400;

pub(crate) fn sheets(dice: &mut Dice, spreadsheets: usize) -> (Vec<Sheet>, usize) {
    // Pair 0 is everybody's.
    let mut pairs = 1;
    let mut sheets = Vec::new();
    for spreadsheet in 0..spreadsheets {
        for gid in 1..=dice.u32(1..=2) {
            let own: Vec<usize> = (pairs..pairs + own_pairs(dice, spreadsheets)).collect();
            pairs += own.len();
            let mut shown = own.clone();
            if dice.bool() {
                shown.push(0);
            }
            let mut cells = Vec::new();
            for pair in shown {
                for field in 0..FIELDS.len() {
                    if field == 0 || own.len() < 10 && dice.bool() {
                        cells.push((format!("B{}", cells.len() + 1), pair, field));
                    }
                }
            }
            // Seldom so fast that mailboxes fill up while an actor hangs.
            let fast = spreadsheets == 1 && dice.f64() < 0.08;
            let every = if fast { 3 } else { dice.choice([15, 30, 30, 60, 60, 60, 600]) };
            let every = secs(every);
            let problem = dice.bool().then(|| "D1".to_owned());
            let named = dice.bool().then(|| dice.usize(0..cells.len()));
            let run = (dice.usize(0..cells.len()), dice.usize(1..=MOST_PROTECTED));
            sheets.push(Sheet { spreadsheet, gid, every, own, cells, problem, named, run });
        }
    }
    (sheets, pairs)
}

/// How many pairs a sheet has for itself: seldom more than fit into one request, or so many that
/// Kraken is asked for all that it has.
fn own_pairs(dice: &mut Dice, spreadsheets: usize) -> usize {
    match dice.u32(0..100) {
        0..12 if spreadsheets == 1 => dice.usize(PAIRS_PER_REQUEST..=PAIRS_PER_REQUEST + 30),
        12 if spreadsheets == 1 => dice.usize(PAIRS_OF_A_FETCH..=PAIRS_OF_A_FETCH + 10),
        _ => dice.usize(1..=3),
    }
}

/// How many requests a fetch of so many pairs takes.
pub(crate) const fn requests_for(pairs: usize) -> usize {
    if pairs > PAIRS_OF_A_FETCH { 1 } else { pairs.div_ceil(PAIRS_PER_REQUEST) }
}

/// A configuration without sheets that leads to the servers of the simulation.
fn servers() -> Config {
    let mut config = Config::new();
    config.kraken.url = format!("http://127.0.0.1:{}", Service::Kraken.port());
    config.google.url = format!("http://127.0.0.1:{}", Service::Sheets.port());
    config
}

/// A configuration of these sheets that says no more than it must.
pub(crate) fn quiet_config(spreadsheets: &[String], sheets: &[Sheet]) -> Config {
    sheets.iter().fold(servers(), |config, sheet| {
        let made = SheetConfig::new(&spreadsheets[sheet.spreadsheet], sheet.title().as_str());
        let cells = sheet.cells.iter();
        config.sheet(cells.fold(made.every(sheet.every), |made, (cell, pair, field)| {
            let name = kraken::names(*pair)[1].to_lowercase();
            made.cell(&format!("kraken:{name}:{}", FIELDS[*field]), cell)
        }))
    })
}

pub(crate) fn config(dice: &mut Dice, spreadsheets: &[String], sheets: &[Sheet]) -> Config {
    let mut config = servers();
    config.kraken.deadline = secs(dice.choice([2, 5, 10]));
    config.google.deadline = secs(dice.choice([5, 10, 30]));
    config.google.writes_per_minute = dice.choice([10, 30, 50, 50]);
    config.retry.backoff.max = secs(dice.choice([5, 20, 60]));
    config.retry.probe = secs(dice.choice([60, 120]));
    for sheet in sheets {
        let mut made = SheetConfig::new(&spreadsheets[sheet.spreadsheet], sheet.title().as_str());
        if dice.bool() {
            made.tab = ratesheet::Tab::Gid(sheet.gid);
        }
        made = made.every(sheet.every);
        for (index, (cell, pair, field)) in sheet.cells.iter().enumerate() {
            let range = sheet.name();
            let cell = if sheet.named == Some(index) { &range } else { cell };
            let name = dice.choice(kraken::names(*pair)).to_lowercase();
            made = made.cell(&format!("kraken:{name}:{}", FIELDS[*field]), cell);
        }
        if let Some(problem) = &sheet.problem {
            made = made.problem(problem);
        }
        config = config.sheet(made);
    }
    config
}
