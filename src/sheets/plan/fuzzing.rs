//! The plan against a naive model: a spreadsheet of a few cells that Google writes, refuses, loses
//! the answer of, or writes too late, as the bytes of a scenario have it.
//! Touches: nothing but the clock, once.
//!
//! Every price is the number of the tick that it came with, so that a cell tells how old it is.

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

/// Which cell shows which pair: three of a sheet that is due every tick, three of another.
const CELLS: [(usize, usize, &str); 6] =
    [(0, 0, "A1"), (0, 1, "A2"), (0, 2, "A3"), (1, 0, "B1"), (1, 1, "B2"), (1, 2, "B3")];

/// From tick to tick.
const EVERY: Duration = Duration::from_secs(5);

/// How long a cell is set aside, and how far apart the writes are that probe such cells.
const ASIDE: Duration = Duration::from_secs(300);
const BETWEEN_PROBES: Duration = Duration::from_secs(10);

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
    /// The tick of what was last sent for each cell.
    sent: BTreeMap<String, u64>,
    /// Writes whose answer was lost, and which may be carried out later.
    lost: Vec<Write>,
}

/// Runs a scenario, and then lets all be well: within a few minutes every cell shows the newest
/// price.
///
/// # Panics
/// When a write has something in it that should not be, or the cells stay old.
pub fn plan(bytes: &[u8]) {
    let mut scene = Scene::new();
    for &byte in bytes.iter().take(400) {
        scene.step(byte);
    }
    scene.heal();
}

impl Scene {
    fn new() -> Self {
        let sheets: Vec<_> = (0..2).map(|index| (SheetIndex(index), sheet(index))).collect();
        let now = Instant::now();
        let mut plan = Plan::new(&sheets, BETWEEN_PROBES);
        plan.locate(&properties(), now + ASIDE);
        Self {
            plan,
            now,
            tick: 0,
            newest: [0; CELLS.len()],
            sheet: BTreeMap::new(),
            bad: [false; CELLS.len()],
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
                let late = self.lost.remove(choice % self.lost.len());
                self.carry_out(&late);
            }
            7 if choice == 0 => self.plan.all_afresh(),
            7 if choice == 1 => self.plan.locate(&properties(), self.now + ASIDE),
            _ => self.write(Outcome::Unnamed),
        }
    }

    /// A tick later there are newer quotes; which, and for which sheets, is a matter of `choice`.
    fn quotes(&mut self, choice: usize) {
        self.tick += 1;
        self.now += EVERY;
        // What could have been carried out late has been, or never will be.
        if self.tick.is_multiple_of(12) {
            self.lost.clear();
        }
        let missing = PAIRS.get(choice % 4).copied();
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
    }

    /// Whatever is due is written, and Google answers or does not.
    fn write(&mut self, outcome: Outcome) {
        let Some(write) = self.plan.render(self.now) else { return };
        self.look_at(&write);
        let refused = write.cells.iter().position(|&cell| self.bad[cell]);
        match (outcome, refused) {
            (Outcome::Answered, None) | (Outcome::Unnamed, None) => {
                self.carry_out(&write);
                self.plan.confirmed(&write);
            }
            (Outcome::Answered, Some(entry)) => {
                self.plan.rejected(&write, entry, "protected", self.now + ASIDE);
            }
            (Outcome::Unnamed, Some(_)) => {
                self.plan.refused(&write, "protected", self.now + ASIDE);
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
                self.lost.push(write);
            }
        }
    }

    /// A write has each cell once, each of its own pair, and none older than what went before.
    fn look_at(&mut self, write: &Write) {
        assert_eq!(write.cells.len(), write.ranges.len());
        let mut seen = Vec::new();
        for (&cell, entry) in write.cells.iter().zip(&write.ranges) {
            assert!(!seen.contains(&cell), "cell {cell} twice in a write");
            seen.push(cell);
            let (_, _, name) = CELLS[cell];
            assert_eq!(entry.range, format!("'Sheet 1'!{name}"));
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

    /// From now on all is well.
    fn heal(&mut self) {
        self.bad = [false; CELLS.len()];
        for late in std::mem::take(&mut self.lost) {
            self.carry_out(&late);
        }
        self.now += ASIDE;
        let everything = 3; // no pair is missing, and both sheets are due
        for _ in 0..8 {
            self.now += BETWEEN_PROBES;
            self.quotes(everything);
            let mut writes = 0;
            while self.plan.is_due(self.now) {
                self.write(Outcome::Answered);
                writes += 1;
                assert!(writes <= 2 * CELLS.len(), "it never comes to rest");
            }
        }
        for (_, _, name) in CELLS {
            let shown = self.sheet.get(&format!("'Sheet 1'!{name}")).map(tick_of);
            assert_eq!(shown, Some(self.tick), "{name} stays old");
        }
        assert!(self.plan.report().iter().all(|cell| cell.failing.is_none()));
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
    let sheet = SheetConfig::new("15CcPNtMZUSYhO99NOiFyHNjZCmgkvWnV5sKrGrtFLOk", "Sheet 1");
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

fn properties() -> Properties {
    let tab = TabProperties { gid: 0, title: "Sheet 1".into(), rows: 1_000, columns: 26 };
    Properties { tabs: vec![tab], names: Vec::new(), zone: Ok(TimeZone::UTC) }
}
