//! Judges what is logged: that something fails is told when it begins and once a minute at the
//! most, and that it is over once. What the servers see fail again and again must have been told,
//! and that it is over once all is fresh again. That a spreadsheet is not read must be told only
//! where cells stand still for it, which no server sees: of that alone silence is not judged.

use std::{
    collections::BTreeMap,
    fmt::Arguments,
    sync::{Arc, Mutex},
    time::Duration,
};

use ratesheet::slog::{
    Drain, KV as _, Key, Level, Logger, Never, OwnedKVList, Record, Result, Serializer, o,
};
use tokio::time::Instant;

use super::{
    broken::{Broken, Verdict, broken_if},
    excuses::ON_THE_WAY,
    faults::{Fault, Service},
    google,
    lately::MINUTE,
    plan::{Plan, secs},
    planted::Bug,
    request::End,
    world::Exchange,
};

/// What the beginnings and the ends are told by.
const WORDS: [(&str, &str); 4] = [
    ("the spreadsheet is not written", "the spreadsheet is written again"),
    ("the spreadsheet is not read", "the spreadsheet is read again"),
    ("Kraken gives no quotes", "Kraken answers again"),
    ("Kraken gives quotes, but", "Kraken answers again"),
];

/// What a repeat is told by, for debugging alone.
const REPEAT: &str = "the spreadsheet still fails";

/// A line: when, of which spreadsheet if it is of one, and what.
type Line = (Instant, String, String);

/// Keeps the lines that are not for debugging, until they are judged.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    lines: Arc<Mutex<Vec<Line>>>,
    /// Tells too much, or nothing.
    bug: Option<Bug>,
}

impl Log {
    pub(crate) fn new(bug: Option<Bug>) -> Self {
        Self { lines: Arc::default(), bug }
    }

    pub(crate) fn logger(&self) -> Logger {
        Logger::root(self.clone().fuse(), o!())
    }

    pub(crate) fn take(&self) -> Vec<Line> {
        std::mem::take(&mut *self.lines.lock().unwrap())
    }
}

impl Drain for Log {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> std::result::Result<(), Never> {
        let mut text = record.msg().to_string();
        let says = |words: &str| text.starts_with(words);
        match self.bug {
            Some(Bug::Chatters) if says(REPEAT) => WORDS[0].0.clone_into(&mut text),
            Some(Bug::Silent) if WORDS.iter().any(|(begin, _)| says(begin)) => return Ok(()),
            Some(Bug::NeverOver) if WORDS.iter().any(|(_, end)| says(end)) => return Ok(()),
            _ if !record.level().is_at_least(Level::Info) => return Ok(()),
            _ => {}
        }
        let mut of = Of::default();
        drop(values.serialize(record, &mut of));
        self.lines.lock().unwrap().push((Instant::now(), of.0, text));
        Ok(())
    }
}

/// The spreadsheet that a line is of.
#[derive(Default)]
struct Of(String);

impl Serializer for Of {
    fn emit_arguments(&mut self, key: Key, value: &Arguments<'_>) -> Result {
        if key == "spreadsheet" {
            self.0 = value.to_string();
        }
        Ok(())
    }
}

/// What was told last of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Fails(Duration),
    Over,
    /// That it fails, by one of two trees, one of which is gone since.
    Unsure,
}

/// What servers see fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    Kraken,
    /// The writes of a spreadsheet.
    Book(usize),
    /// What all spreadsheets share: the connections to Google, and the tokens, once there is none.
    Shared,
}

/// When something failed first, and when last, since it last went well.
#[derive(Debug, Clone, Copy)]
struct Row {
    first: Duration,
    last: Duration,
}

/// Of a spreadsheet, or of Kraken, by the words for the end.
#[derive(Debug, Default)]
pub(crate) struct Told {
    last: BTreeMap<(String, &'static str), Last>,
    failing: BTreeMap<Target, Row>,
    /// Until when two trees may tell, one of which is about to go.
    trees: Duration,
}

impl Told {
    /// The tree is built afresh within so long: nobody knows any more what has been told.
    pub(crate) fn reloads(&mut self, now: Duration, long: Duration) {
        self.last.clear();
        self.trees = now + long;
        self.is_disturbed();
    }

    /// Who writes a spreadsheet begins anew, and does not know any more what was wrong with
    /// reading.
    pub(crate) fn begins_anew(&mut self, spreadsheet: &str) {
        self.last.remove(&(spreadsheet.to_owned(), WORDS[1].1));
    }

    /// What has failed so far the product may not have heard of: an actor fails, or all of it
    /// stands still.
    pub(crate) fn is_disturbed(&mut self) {
        self.failing.clear();
    }

    /// A line is logged.
    pub(crate) fn hears(&mut self, now: Duration, of: &str, text: &str) -> Verdict {
        let begins = WORDS.iter().find(|(begin, _)| text.starts_with(begin));
        let ends = WORDS.iter().find(|(_, end)| text.starts_with(end));
        let Some((_, end)) = begins.or(ends) else { return Ok(()) };
        let last = match begins {
            Some(_) if now <= self.trees => Last::Unsure,
            Some(_) => Last::Fails(now),
            None => Last::Over,
        };
        let before = self.last.insert((of.to_owned(), end), last);
        let flood = match (before, last) {
            _ if now <= self.trees => false,
            (Some(Last::Fails(at)), Last::Fails(_)) => now < at + MINUTE - secs(1),
            (Some(Last::Over), Last::Over) => true,
            _ => false,
        };
        broken_if(flood, Broken::Flood, || format!("{text} ({of})"))
    }

    /// A request has ended. What Google refuses for the sake of a cell is no failure, nor does it
    /// say that writing goes well. An answer of Kraken's in which something is odd may be good
    /// enough.
    pub(crate) fn ends(&mut self, now: Duration, exchange: &Exchange, end: &End, plan: &Plan) {
        let Exchange { service, request, .. } = exchange;
        let target = match service {
            Service::Kraken => Target::Kraken,
            Service::Token => Target::Shared,
            Service::Sheets if request.method == "GET" || end.status == 400 => return,
            Service::Sheets => {
                let id = google::spreadsheet(request);
                let Some(book) = plan.spreadsheets.iter().position(|own| own == id) else { return };
                Target::Book(book)
            }
        };
        let well_enough = *service == Service::Kraken && (end.odd || end.own);
        if !end.good && !well_enough {
            self.fails(now, target);
        } else if *service == Service::Sheets {
            self.failing.remove(&target);
            self.failing.remove(&Target::Shared);
        } else if request.path().ends_with("/Ticker") {
            self.failing.remove(&target);
        }
    }

    /// A connection is not to be had, or is late.
    pub(crate) fn unreachable(&mut self, now: Duration, service: Service, fault: Fault) {
        match service {
            _ if fault == Fault::SlowConnect => {}
            Service::Kraken => self.fails(now, Target::Kraken),
            Service::Sheets | Service::Token => self.fails(now, Target::Shared),
        }
    }

    fn fails(&mut self, now: Duration, target: Target) {
        self.failing.entry(target).or_insert(Row { first: now, last: now }).last = now;
    }

    /// What has failed for long must have been told: with the first failure, or with the last.
    pub(crate) fn all_is_told(&self, now: Duration, plan: &Plan) -> Verdict {
        // It may take a tick until somebody wants what all of them share.
        let slowest = plan.sheets.iter().map(|sheet| sheet.every).max().unwrap_or_default();
        let untold = self.failing.iter().find(|(target, row)| {
            let long = if **target == Target::Shared { slowest + MINUTE } else { MINUTE };
            row.last >= row.first + long
                && now > row.last + ON_THE_WAY
                && !self.is_told(**target, plan)
        });
        broken_if(untold.is_some(), Broken::Untold, || format!("nobody was told of {untold:?}"))
    }

    fn is_told(&self, target: Target, plan: &Plan) -> bool {
        let told = |of: &str, end| {
            let last = self.last.get(&(of.to_owned(), end));
            last.is_some_and(|last| *last != Last::Over)
        };
        match target {
            Target::Kraken => told("", WORDS[2].1),
            Target::Book(book) => told(&plan.spreadsheets[book], WORDS[0].1),
            Target::Shared => plan.spreadsheets.iter().any(|of| told(of, WORDS[0].1)),
        }
    }

    /// Of a spreadsheet, or of Kraken (`""`), all is fresh: it must have been told that what was
    /// wrong is over.
    pub(crate) fn is_over(&self, of: &str) -> Verdict {
        let fails = |last: &Last| matches!(last, Last::Fails(_));
        let left = self.last.iter().find(|((whose, _), last)| whose == of && fails(last));
        broken_if(left.is_some(), Broken::NotOver, || format!("all is fresh, and yet {left:?}"))
    }
}
