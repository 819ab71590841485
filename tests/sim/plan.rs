//! What a run is about: the sheets, the configuration, and everything that will go wrong.
//! All of it is thrown before the run begins, but for the dice of each request.

use std::time::Duration;

use ratesheet::{Config, Drill};

use super::{
    dice::{Dice, Source},
    faults::{Episode, Fault},
    sheet::{self, Sheet},
};

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Something that happens at its time.
#[derive(Debug, Clone)]
pub(crate) enum Happening {
    /// The process stands still.
    Standstill(Duration),
    Drill(Role, Drill),
    /// The tree is stopped and built afresh, of the same configuration.
    Reload,
    /// A tab gets another title, or its own again.
    Rename(usize),
    RenameBack(usize),
    Deny(usize),
    Allow(usize),
    Bin(usize),
    Restore(usize),
    /// Some cells in a row of a sheet may not be written.
    Protect(usize),
    Unprotect(usize),
    /// The range of a sheet that has a name loses it, or gets it again.
    Unname(usize),
    Name(usize),
    Delist(usize),
    Relist(usize),
    /// Somebody types over a cell of a sheet.
    Type(usize, usize),
    /// No token is taken any more that was given out before.
    Revoke,
    /// Nothing goes wrong from now on.
    Healed,
}

/// An actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    Schedule,
    Kraken,
    Sheets(usize),
}

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) spreadsheets: Vec<String>,
    pub(crate) sheets: Vec<Sheet>,
    pub(crate) pairs: usize,
    /// The spreadsheet that is in trouble alone.
    alone: Option<usize>,
    pub(crate) episodes: Vec<Episode>,
    /// In the order of their times.
    pub(crate) happenings: Vec<(Duration, Happening)>,
    pub(crate) healed: Duration,
    /// When it is to stop, if everything has been fresh for a while by then.
    pub(crate) end: Duration,
    /// When it is to stop, if that is in the middle of everything.
    pub(crate) stop: Option<Duration>,
    pub(crate) config: Config,
    /// Whether Google names the entry that it refuses.
    pub(crate) names_entries: bool,
    /// How long an idle connection is kept by the servers.
    pub(crate) keep_alive: Duration,
    /// How long a token lives, in seconds.
    pub(crate) token_life: u64,
    /// How long an answer takes when all is well, in milliseconds.
    pub(crate) latency: u64,
    /// Whether every request is remembered.
    pub(crate) watched: bool,
}

impl Plan {
    pub(crate) fn new(source: &Source, length: Duration) -> Self {
        let dice = &mut source.dice();
        let spreadsheets = spreadsheets(dice.usize(1..=3));
        let (mut sheets, pairs) = sheet::sheets(dice, spreadsheets.len());
        let alone =
            (spreadsheets.len() > 1 && dice.f64() < 0.3).then(|| dice.usize(0..spreadsheets.len()));
        let crowded = alone.is_some() && dice.bool();
        if crowded {
            sheets.iter_mut().for_each(|sheet| sheet.every = secs(15));
        }
        let mut config = sheet::config(dice, &spreadsheets, &sheets);
        if crowded {
            // There is always somebody who waits for a turn, and who must not keep the others from
            // theirs when it fails, nor while it is not restarted.
            config.google.writes_per_minute = 3 * spreadsheets.len() as u32;
            config.supervision.backoff.min = secs(30);
        }
        let mut plan = Self {
            seed: source.seed(),
            alone,
            pairs,
            episodes: Vec::new(),
            happenings: Vec::new(),
            healed: length * 3 / 4,
            end: length,
            stop: None,
            names_entries: dice.bool(),
            keep_alive: secs(dice.u64(3..120)),
            token_life: dice.choice([120, 600, 3_599, 3_599]),
            latency: dice.choice([1, 20, 200, 900]),
            watched: false,
            spreadsheets,
            sheets,
            config,
        };
        plan.episodes = Fault::episodes(dice, plan.healed, alone);
        plan.happenings(dice);
        plan.stop = (dice.f64() < 0.2).then(|| secs(dice.u64(0..plan.healed.as_secs())));
        plan
    }

    /// A plan of these sheets that runs for so long, and in which nothing goes wrong. Every request
    /// is remembered, each has a connection of its own, and of everything else the configuration
    /// says what it says by default.
    pub(crate) fn quiet(seed: u64, sheets: Vec<Sheet>, length: Duration) -> Self {
        let books = sheets.iter().map(|sheet| sheet.spreadsheet + 1).max();
        let spreadsheets = spreadsheets(books.unwrap_or_default());
        let shown = sheets.iter().flat_map(|sheet| &sheet.cells);
        Self {
            seed,
            alone: None,
            pairs: shown.map(|(_, pair, _)| pair + 1).max().unwrap_or_default(),
            episodes: Vec::new(),
            happenings: Vec::new(),
            healed: length,
            end: length,
            stop: Some(length),
            names_entries: true,
            keep_alive: secs(2),
            token_life: 3_599,
            latency: 200,
            watched: true,
            config: sheet::quiet_config(&spreadsheets, &sheets),
            spreadsheets,
            sheets,
        }
    }

    fn happenings(&mut self, dice: &mut Dice) {
        let mut all = Vec::new();
        let until = self.healed.as_secs();
        let mut for_a_while =
            |chance: f64, most: usize, dice: &mut Dice, of: usize, make: Making| {
                if dice.f64() > chance {
                    return;
                }
                for _ in 0..dice.usize(1..=most) {
                    let from = dice.u64(0..until);
                    let to = (from + dice.u64(1..600)).min(until);
                    let which = dice.usize(0..of);
                    all.push((secs(from), make.0(which)));
                    all.push((secs(to), make.1(which)));
                }
            };
        let (sheets, books) = (self.sheets.len(), self.spreadsheets.len());
        for_a_while(0.2, 2, dice, sheets, (Happening::Rename, Happening::RenameBack));
        for_a_while(0.2, 2, dice, books, (Happening::Deny, Happening::Allow));
        for_a_while(0.1, 1, dice, books, (Happening::Bin, Happening::Restore));
        for_a_while(0.2, 2, dice, sheets, (Happening::Protect, Happening::Unprotect));
        for_a_while(0.2, 2, dice, sheets, (Happening::Unname, Happening::Name));
        for_a_while(0.2, 2, dice, self.pairs, (Happening::Delist, Happening::Relist));
        if dice.f64() < 0.3 {
            for _ in 0..dice.usize(1..4) {
                all.push((secs(dice.u64(0..until)), Happening::Revoke));
            }
        }
        if dice.f64() < 0.3 {
            // One may follow the other; the last of them ends in time.
            let mut times: Vec<_> = (0..dice.usize(1..4)).map(|_| dice.u64(0..until)).collect();
            times.sort_unstable();
            let nexts = times.iter().copied().skip(1).chain([until]);
            for (at, next) in times.iter().zip(nexts) {
                let long = secs(dice.u64(1..400).min(next - at));
                all.push((secs(*at), Happening::Standstill(long)));
            }
        }
        if dice.f64() < 0.2 {
            for _ in 0..dice.usize(1..4) {
                all.push((secs(dice.u64(0..until)), Happening::Reload));
            }
        }
        if dice.f64() < if self.alone.is_some() { 0.7 } else { 0.3 } {
            let roles = match self.alone {
                Some(book) => vec![Role::Sheets(book)],
                None => vec![Role::Schedule, Role::Kraken, Role::Sheets(dice.usize(0..books))],
            };
            let often = if self.alone.is_some() { 0.8 } else { 0.3 };
            // Far enough apart that nobody fails too often.
            for from in (60..until.saturating_sub(100)).step_by(150) {
                if dice.f64() < often {
                    let role = dice.choice(roles.iter().copied());
                    let drill = dice.choice([Drill::Panic, Drill::Stop, Drill::Hang]);
                    all.push((secs(from + dice.u64(0..90)), Happening::Drill(role, drill)));
                }
            }
        }
        if dice.bool() {
            // Also when all is well.
            for _ in 0..dice.usize(1..6) {
                let sheet = dice.usize(0..sheets);
                let cell = dice.usize(0..self.sheets[sheet].cells.len());
                let at = secs(dice.u64(0..self.end.as_secs()));
                all.push((at, Happening::Type(sheet, cell)));
            }
        }
        if let Some(book) = self.alone {
            all.retain(|(_, happening)| {
                let concerned = self.concerned(happening);
                concerned.is_empty() || concerned == [book]
            });
        }
        all.push((self.healed, Happening::Healed));
        all.sort_by_key(|(at, _)| *at);
        self.happenings = all;
    }

    /// Whether a pair is ever not listed.
    pub(crate) fn delists(&self) -> bool {
        self.happenings.iter().any(|(_, happening)| matches!(happening, Happening::Delist(_)))
    }

    /// How many cells a spreadsheet has in which something is written.
    pub(crate) fn cells_of(&self, book: usize) -> usize {
        let own = self.sheets.iter().filter(|sheet| sheet.spreadsheet == book);
        own.map(|sheet| sheet.cells.len() + usize::from(sheet.problem.is_some())).sum()
    }

    /// The spreadsheet that a sheet is in.
    pub(crate) fn spreadsheet_of(&self, sheet: &Sheet) -> &str {
        &self.spreadsheets[sheet.spreadsheet]
    }
}

/// The ids of so many spreadsheets.
fn spreadsheets(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("spreadsheet-number-{n}-of-the-plan")).collect()
}

/// How something begins, and how it ends.
type Making = (fn(usize) -> Happening, fn(usize) -> Happening);
