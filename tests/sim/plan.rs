//! What a seed stands for: the sheets, the configuration, and everything that will go wrong.
//! All of it is thrown before the run begins, but for the dice of each request.

use std::time::Duration;

use fastrand::Rng;
use ratesheet::{Config, Drill, SheetConfig};

use crate::{
    faults::{Episode, Fault, Service},
    kraken::{self, FIELDS},
};

/// What happens between the end of the last fault and the check of all cells, at the most, beside
/// what the configuration allows: a token request, and a write that is carried out late.
const TOKEN_DEADLINE: Duration = Duration::from_secs(10);

/// The longest that a server asks to be left alone (`Retry-After`), or that is known to be needed
/// (60 s for Cloudflare's 403 and Kraken's lockout).
pub(crate) const LONGEST_ASKED_WAIT: Duration = Duration::from_secs(60);

/// The longest after which a write is carried out whose connection has died: the product goes on
/// correcting for 60 s.
pub(crate) const LATEST: Duration = Duration::from_secs(50);

/// A hang is noticed after three pings of 5 s, and the restart waits up to 30 s.
const RESTART: Duration = Duration::from_secs(50);

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

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
    Delist(usize),
    Relist(usize),
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
    pub(crate) bound: Duration,
    pub(crate) end: Duration,
    pub(crate) config: Config,
    /// Whether Google names the entry that it refuses.
    pub(crate) names_entries: bool,
    /// How long an idle connection is kept by the servers.
    pub(crate) keep_alive: Duration,
    /// How long a token lives, in seconds.
    pub(crate) token_life: u64,
    /// How long an answer takes when all is well, in milliseconds.
    pub(crate) latency: u64,
}

impl Plan {
    pub(crate) fn new(seed: u64, length: Duration) -> Self {
        let mut dice = Rng::with_seed(seed);
        let dice = &mut dice;
        let spreadsheets: Vec<_> =
            (0..dice.usize(1..=3)).map(|n| format!("spreadsheet-number-{n}-of-the-plan")).collect();
        let (mut sheets, pairs) = sheets(dice, spreadsheets.len());
        let alone =
            (spreadsheets.len() > 1 && dice.f64() < 0.3).then(|| dice.usize(0..spreadsheets.len()));
        let crowded = alone.is_some() && dice.bool();
        if crowded {
            sheets.iter_mut().for_each(|sheet| sheet.every = secs(15));
        }
        let mut config = config(dice, &spreadsheets, &sheets);
        if crowded {
            // There is always somebody who waits for a turn, and who must not keep the others from
            // theirs when it fails, nor while it is not restarted.
            config.google.writes_per_minute = 3 * spreadsheets.len() as u32;
            config.supervision.backoff.min = secs(30);
        }
        let mut plan = Self {
            seed,
            alone,
            pairs,
            episodes: Vec::new(),
            happenings: Vec::new(),
            healed: Duration::ZERO,
            bound: Duration::ZERO,
            end: length,
            names_entries: dice.bool(),
            keep_alive: secs(dice.u64(3..120)),
            token_life: dice.choice([120, 600, 3_599, 3_599]).unwrap(),
            latency: dice.choice([1, 20, 200, 900]).unwrap(),
            spreadsheets,
            sheets,
            config,
        };
        plan.bound = plan.freshness_bound();
        // Time enough to be fresh, and then to stay so for a while.
        plan.healed = length.saturating_sub(plan.bound + secs(180)).max(length / 4);
        plan.end = plan.end.max(plan.healed + plan.bound + secs(180));
        plan.episodes = Fault::episodes(dice, plan.healed, alone);
        plan.happenings(dice);
        plan
    }

    /// Bound X of promises: this long after the last fault every cell shows a quote that was
    /// asked for after it. The parts follow each other at the worst.
    fn freshness_bound(&self) -> Duration {
        let Config { kraken, google, retry, .. } = &self.config;
        let slowest = self.sheets.iter().map(|sheet| sheet.every).max().unwrap();
        // Kraken: a hanging request, its backoff, the list of pairs, the tickers, once more.
        let fetched = 4 * kraken.deadline + retry.backoff.max.max(LONGEST_ASKED_WAIT);
        // Google: a hanging write, the account's and the actor's backoff, a token, a read.
        let waits = 2 * retry.backoff.max.max(LONGEST_ASKED_WAIT);
        let written = 3 * google.deadline + TOKEN_DEADLINE + waits;
        // The budget of writes is gone, and everybody wants one.
        let turns = self.spreadsheets.len() as u32 + 1;
        let paced = secs(60) * turns / google.writes_per_minute + secs(turns.into());
        // What only a person can mend is looked at again every `probe` ± 20 %, one such write in
        // a thirtieth of it, and each cell that stays refused halves the rest once more.
        let cells: usize = self.sheets.iter().map(|sheet| sheet.cells.len()).sum();
        let probed = retry.probe.mul_f64(1.2) + retry.probe / 30 * cells as u32;
        2 * slowest + fetched + written + paced + probed + LATEST + RESTART
    }

    /// A spreadsheet that nothing is wrong with shows prices of this sheet that were asked for so
    /// long ago at the most, whatever is wrong with others.
    pub(crate) fn steady_bound(&self, sheet: &Sheet) -> Duration {
        // Somebody else's fetch, and ours; somebody else's write, and ours, and a token.
        let answers = 8 * Duration::from_millis(self.latency);
        let turns = self.spreadsheets.len() as u32 + 1;
        let paced = secs(60) * turns / self.config.google.writes_per_minute;
        sheet.every + answers + paced + secs(4)
    }

    fn happenings(&mut self, dice: &mut Rng) {
        let mut all = Vec::new();
        let until = self.healed.as_secs();
        let mut pairs = |chance: f64, most: usize, dice: &mut Rng, of: usize, make: Making| {
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
        pairs(0.2, 2, dice, sheets, (Happening::Rename, Happening::RenameBack));
        pairs(0.2, 2, dice, books, (Happening::Deny, Happening::Allow));
        pairs(0.1, 1, dice, books, (Happening::Bin, Happening::Restore));
        pairs(0.2, 2, dice, sheets, (Happening::Protect, Happening::Unprotect));
        pairs(0.2, 2, dice, self.pairs, (Happening::Delist, Happening::Relist));
        if dice.f64() < 0.3 {
            for _ in 0..dice.usize(1..4) {
                all.push((secs(dice.u64(0..until)), Happening::Revoke));
            }
        }
        if dice.f64() < 0.3 {
            for _ in 0..dice.usize(1..4) {
                let long = secs(dice.u64(1..400));
                all.push((secs(dice.u64(0..until)), Happening::Standstill(long)));
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
                    let role = dice.choice(roles.iter().copied()).unwrap();
                    let drill = dice.choice([Drill::Panic, Drill::Stop, Drill::Hang]).unwrap();
                    all.push((secs(from + dice.u64(0..90)), Happening::Drill(role, drill)));
                }
            }
        }
        if let Some(book) = self.alone {
            all.retain(|(_, happening)| self.concerned(happening) == [book]);
        }
        all.push((self.healed, Happening::Healed));
        all.sort_by_key(|(at, _)| *at);
        self.happenings = all;
    }

    /// What the configuration calls the ranges of a sheet's cells, by their pair and field.
    pub(crate) fn spreadsheet_of(&self, sheet: &Sheet) -> &str {
        &self.spreadsheets[sheet.spreadsheet]
    }
}

/// How something begins, and how it ends.
type Making = (fn(usize) -> Happening, fn(usize) -> Happening);

fn sheets(dice: &mut Rng, spreadsheets: usize) -> (Vec<Sheet>, usize) {
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

fn config(dice: &mut Rng, spreadsheets: &[String], sheets: &[Sheet]) -> Config {
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
