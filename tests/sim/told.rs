//! Judges what is logged: that something fails is told when it begins and once a minute at the
//! most, and that it is over once.

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
    lately::MINUTE,
    plan::secs,
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
    /// A bug tells every repeat.
    chatters: bool,
}

impl Log {
    pub(crate) fn new(chatters: bool) -> Self {
        Self { lines: Arc::default(), chatters }
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
        if self.chatters && text.starts_with(REPEAT) {
            WORDS[0].0.clone_into(&mut text);
        } else if !record.level().is_at_least(Level::Info) {
            return Ok(());
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

/// Of a spreadsheet, or of Kraken, by the words for the end.
#[derive(Debug, Default)]
pub(crate) struct Told {
    failing: BTreeMap<(String, &'static str), Option<Duration>>,
    /// Until when two trees may tell, one of which is about to go.
    trees: Duration,
}

impl Told {
    /// The tree is built afresh within so long: nobody knows any more what has been told.
    pub(crate) fn reloads(&mut self, now: Duration, long: Duration) {
        self.failing.clear();
        self.trees = now + long;
    }

    /// Who writes a spreadsheet begins anew, and does not know any more what was wrong with reading.
    pub(crate) fn begins_anew(&mut self, spreadsheet: &str) {
        self.failing.remove(&(spreadsheet.to_owned(), WORDS[1].1));
    }

    /// A line is logged.
    pub(crate) fn hears(&mut self, now: Duration, of: &str, text: &str) -> Verdict {
        if now <= self.trees {
            return Ok(());
        }
        let begins = WORDS.iter().find(|(begin, _)| text.starts_with(begin));
        let ends = WORDS.iter().find(|(_, end)| text.starts_with(end));
        let how = || format!("{text} ({of})");
        if let Some((_, end)) = begins {
            let before = self.failing.insert((of.to_owned(), end), Some(now));
            let soon = |at| now < at + MINUTE.saturating_sub(secs(1));
            return broken_if(before.flatten().is_some_and(soon), Broken::Flood, how);
        }
        let Some((_, end)) = ends else { return Ok(()) };
        let before = self.failing.insert((of.to_owned(), end), None);
        broken_if(before.is_some_and(|before| before.is_none()), Broken::Flood, how)
    }
}
