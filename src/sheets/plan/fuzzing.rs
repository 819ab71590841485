//! The plan against a naive model: a spreadsheet of a few cells that Google writes, refuses, loses
//! the answer of, or writes too late, as the bytes of a scenario have it.
//! Touches: nothing but the clock, once.
//!
//! Every price is the number of the tick that it came with, so that a cell tells how old it is.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "what must hold")]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use rust_decimal::Decimal;
use tokio::time::Instant;

use super::{Plan, Write};
use crate::{
    messages::{CellValue, Failure, FailureClass, QuoteBatch, SheetIndex},
    quote::{AssetPair, Price, Quote},
    sheets::{
        SheetConfig,
        wire::{Properties, TabProperties},
    },
};

const PAIRS: [&str; 3] = ["xbteur", "etheur", "soleur"];

/// In the place of one of the pairs that are missing.
const NOTHING: usize = PAIRS.len();

/// Which cell shows which pair: seven of a sheet that is due every tick, three of another that is
/// in a tab of its own.
const CELLS: [(usize, usize, &str); 10] = [
    (0, 0, "A1"),
    (0, 1, "A2"),
    (0, 2, "A3"),
    (0, 0, "A4"),
    (0, 1, "A5"),
    (0, 2, "A6"),
    (0, 0, "A7"),
    (1, 0, "B1"),
    (1, 1, "B2"),
    (1, 2, "B3"),
];

/// The tabs of the two sheets.
const TABS: [&str; 2] = ["Sheet 1", "Other"];

/// From tick to tick.
const EVERY: Duration = Duration::from_secs(5);

/// How long a cell is set aside, and how far apart the writes are that probe such cells.
const ASIDE: Duration = Duration::from_secs(300);
const BETWEEN_PROBES: Duration = Duration::from_secs(10);

/// How far apart readings of the spreadsheet's properties are at the least, and how long nothing
/// is written after Google has refused one cell after the other.
const BETWEEN_SURVEYS: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_secs(10);

/// Until when a write that was never answered may still be carried out.
const LATE: Duration = Duration::from_secs(60);

/// A spreadsheet and what is known of it on either side.
struct Scene {
    plan: Plan,
    now: Instant,
    tick: u64,
    /// The tick of the newest quote for each cell.
    newest: [u64; CELLS.len()],
    /// What Google has in each cell, by its range.
    sheet: BTreeMap<String, CellValue>,
    /// Which cells Google refuses.
    bad: [bool; CELLS.len()],
    /// Whether the second tab has gone.
    gone: bool,
    surveyed: Instant,
    /// When cells that were set aside were last tried.
    probed: Option<Instant>,
    /// Nothing is written before.
    paused_until: Instant,
    /// The tick of what was last sent for each cell.
    sent: BTreeMap<String, u64>,
    /// Writes whose answer was lost, and until when they may be carried out.
    lost: Vec<(Write, Instant)>,
}

/// Runs a scenario, lets things be as they are for a while, by when every good cell shows the
/// newest price that there was for it, and then lets all be well: within a few minutes every cell
/// shows the newest of all.
///
/// # Panics
/// When a write has something in it that should not be, or the cells stay old.
pub fn plan(bytes: &[u8]) {
    let mut scene = Scene::new();
    for &byte in bytes.iter().take(400) {
        scene.step(byte);
    }
    let missing = bytes.len() / 2;
    let outcome = if bytes.len().is_multiple_of(2) { Outcome::Answered } else { Outcome::Unnamed };
    scene.go_on(outcome, missing % (NOTHING + 1));
    scene.heal();
}

impl Scene {
    fn new() -> Self {
        let sheets: Vec<_> = (0..2).map(|index| (SheetIndex(index), sheet(index))).collect();
        let now = Instant::now();
        let mut plan = Plan::new(&sheets, BETWEEN_PROBES);
        plan.locate(&properties(false), now + ASIDE);
        Self {
            plan,
            now,
            tick: 0,
            newest: [0; CELLS.len()],
            sheet: BTreeMap::new(),
            bad: [false; CELLS.len()],
            gone: false,
            surveyed: now,
            probed: None,
            paused_until: now,
            sent: BTreeMap::new(),
            lost: Vec::new(),
        }
    }

    /// One thing happens.
    fn step(&mut self, byte: u8) {
        let choice = usize::from(byte >> 3);
        match byte & 7 {
            0 | 1 => self.quotes(choice),
            2 => self.write(Outcome::Answered),
            3 => self.write(if choice % 2 == 0 { Outcome::Done } else { Outcome::NotDone }),
            4 => self.bad[choice % CELLS.len()] ^= true,
            5 => self.now += Duration::from_secs(choice as u64 * 4),
            6 if !self.lost.is_empty() => {
                let (late, until) = self.lost.remove(choice % self.lost.len());
                if self.now <= until {
                    self.carry_out(&late);
                }
            }
            7 if choice == 0 => self.plan.all_afresh(),
            7 if choice == 1 => self.survey(),
            7 if choice == 2 => drop(self.plan.locate_blindly(&unknown(), self.now + ASIDE)),
            7 if choice < 6 => self.gone ^= true,
            _ => self.write(Outcome::Unnamed),
        }
    }

    /// A tick later there are newer quotes; which, and for which sheets, is a matter of `choice`.
    fn quotes(&mut self, choice: usize) {
        self.tick += 1;
        self.now += EVERY;
        let missing = PAIRS.get(choice % (NOTHING + 1)).copied();
        let sheets = if choice < 24 { 2 } else { 1 };
        for (newest, (sheet, pair, _)) in self.newest.iter_mut().zip(CELLS) {
            if sheet < sheets && Some(PAIRS[pair]) != missing {
                *newest = self.tick;
            }
        }
        let there = PAIRS.into_iter().filter(|pair| Some(*pair) != missing);
        let batch = QuoteBatch {
            tick: self.tick,
            due: (0..sheets).map(SheetIndex).collect(),
            quotes: Arc::new(there.map(|pair| (pair_of(pair), quote(self.tick))).collect()),
            missing: Arc::new(missing.map(|pair| (pair_of(pair), unknown())).into_iter().collect()),
        };
        self.plan.apply(&batch, self.now);
        if self.plan.probe_due(self.now) {
            self.doubt();
        }
    }

    fn survey(&mut self) {
        self.surveyed = self.now;
        self.plan.locate(&properties(self.gone), self.now + ASIDE);
    }

    /// Something may have changed.
    fn doubt(&mut self) {
        if self.surveyed + BETWEEN_SURVEYS <= self.now {
            self.survey();
        }
    }

    fn refuses(&self, cell: usize) -> bool {
        self.bad[cell] || (self.gone && CELLS[cell].0 == 1)
    }

    /// A write has been refused.
    fn refused(&mut self) {
        if self.plan.is_hopeless() {
            self.plan.absolve();
            self.plan.all_afresh();
            self.paused_until = self.now + PAUSE;
        } else {
            self.doubt();
        }
    }

    /// Whatever is due is written, and Google answers or does not.
    fn write(&mut self, outcome: Outcome) {
        if self.now < self.paused_until {
            return;
        }
        let due = self.plan.is_due(self.now);
        let write = self.plan.render(self.now);
        assert_eq!(due, write.is_some(), "what is due is written, and nothing else");
        let Some(write) = write else { return };
        self.look_at(&write);
        let refused = write.group.cells.iter().position(|&cell| self.refuses(cell));
        match (outcome, refused) {
            (Outcome::Answered, None) | (Outcome::Unnamed, None) => {
                self.carry_out(&write);
                self.plan.confirmed(&write);
            }
            (Outcome::Answered, Some(entry)) => {
                self.plan.refused(&write, Some(entry), "protected", self.now + ASIDE);
                self.refused();
            }
            (Outcome::Unnamed, Some(_)) => {
                self.plan.refused(&write, None, "protected", self.now + ASIDE);
                self.refused();
            }
            (Outcome::Done | Outcome::NotDone, Some(_)) => {
                self.plan.ambiguous(&write, self.now + LATE);
            }
            (Outcome::Done, None) => {
                self.carry_out(&write);
                self.plan.ambiguous(&write, self.now + LATE);
            }
            (Outcome::NotDone, None) => {
                self.plan.ambiguous(&write, self.now + LATE);
                self.lost.push((write, self.now + LATE));
            }
        }
    }

    /// A write has each cell once, each of its own pair, and none older than what went before; and
    /// if it probes cells that were set aside, the last that did so is long past.
    fn look_at(&mut self, write: &Write) {
        assert_eq!(write.group.cells.len(), write.ranges.len());
        if write.group.cells.iter().any(|&cell| self.plan.targets[cell].quarantine.is_some()) {
            let last = self.probed.replace(self.now);
            let long_past = last.is_none_or(|last| last + BETWEEN_PROBES <= self.now);
            assert!(long_past, "one probe after the other");
        }
        let mut seen = Vec::new();
        for (&cell, entry) in write.group.cells.iter().zip(&write.ranges) {
            assert!(!seen.contains(&cell), "cell {cell} twice in a write");
            seen.push(cell);
            let (_, _, name) = CELLS[cell];
            assert_eq!(entry.range, range(cell));
            let tick = tick_of(&entry.value);
            let last = self.sent.insert(entry.range.clone(), tick).unwrap_or(0);
            assert!(tick >= last, "{name} goes back from {last} to {tick}");
            let newest = self.newest[cell];
            assert_eq!(tick, newest, "{name}: {tick} is sent although {newest} is there");
        }
    }

    fn carry_out(&mut self, write: &Write) {
        for entry in &write.ranges {
            self.sheet.insert(entry.range.clone(), entry.value.clone());
        }
    }

    /// Things are as they are, and a pair goes on missing: however many cells are bad, the good
    /// ones are written.
    fn go_on(&mut self, outcome: Outcome, missing: usize) {
        self.lost.clear();
        for _ in 0..40 {
            self.round(outcome, missing);
        }
        for (cell, (_, _, name)) in CELLS.into_iter().enumerate() {
            let shown = self.sheet.get(&range(cell)).map_or(0, tick_of);
            let newest = self.newest[cell];
            assert!(
                shown == newest || self.refuses(cell),
                "{name} is good, and shows {shown}, not {newest}"
            );
        }
    }

    /// From now on all is well.
    fn heal(&mut self) {
        self.bad = [false; CELLS.len()];
        self.gone = false;
        self.now += ASIDE;
        for _ in 0..CELLS.len() + 2 {
            self.round(Outcome::Answered, NOTHING);
        }
        for (cell, (_, _, name)) in CELLS.into_iter().enumerate() {
            let shown = self.sheet.get(&range(cell)).map(tick_of);
            assert_eq!(shown, Some(self.tick), "{name} stays old");
        }
        assert!(self.plan.report().iter().all(|cell| cell.failing.is_none()));
    }

    /// New quotes for both sheets, but of this pair, and all that is due is written.
    fn round(&mut self, outcome: Outcome, missing: usize) {
        self.now += BETWEEN_PROBES;
        self.quotes(missing);
        let mut writes = 0;
        while self.paused_until <= self.now && self.plan.is_due(self.now) {
            self.write(outcome);
            writes += 1;
            assert!(writes <= 4 * CELLS.len(), "it never comes to rest");
        }
    }
}

/// What becomes of a write.
#[derive(Clone, Copy)]
enum Outcome {
    /// It is confirmed, or Google names the first cell that it refuses.
    Answered,
    /// It is confirmed, or refused without a cell's being named.
    Unnamed,
    /// It is done, and the answer lost.
    Done,
    /// It is not done, or not yet, and there is no answer.
    NotDone,
}

fn sheet(index: usize) -> SheetConfig {
    let own = CELLS.iter().filter(|(sheet, ..)| *sheet == index);
    let sheet = SheetConfig::new("15CcPNtMZUSYhO99NOiFyHNjZCmgkvWnV5sKrGrtFLOk", TABS[index]);
    own.fold(sheet.every(EVERY), |sheet, (_, pair, cell)| {
        sheet.cell(&format!("kraken:{}:bid", PAIRS[*pair]), cell)
    })
}

fn pair_of(text: &str) -> AssetPair {
    AssetPair::parse(text).expect("it is a pair")
}

fn quote(tick: u64) -> Quote {
    let mut quote = Quote::empty(Timestamp::UNIX_EPOCH);
    quote.bid = Price::new(Decimal::from(tick));
    quote
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ticks are few")]
fn tick_of(value: &CellValue) -> u64 {
    match value {
        CellValue::Number(number) => *number as u64,
        CellValue::Text(text) => panic!("a text in a price's cell: {text}"),
    }
}

fn unknown() -> Failure {
    Failure { class: FailureClass::Pair, reason: "unknown".into(), remedy: String::new() }
}

fn range(cell: usize) -> String {
    let (sheet, _, name) = CELLS[cell];
    format!("'{}'!{name}", TABS[sheet])
}

fn properties(gone: bool) -> Properties {
    let tabs = (0..).zip(TABS).filter(|(gid, _)| !(gone && *gid == 1));
    let tab = |(gid, title): (u32, &str)| TabProperties {
        gid,
        title: title.into(),
        rows: 1_000,
        columns: 26,
    };
    Properties { tabs: tabs.map(tab).collect(), names: Vec::new(), zone: Ok(TimeZone::UTC) }
}
