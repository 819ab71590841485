//! What is logged, kept for a test to look at. Pure: no I/O, no clock, no randomness.

use std::{
    fmt, mem,
    sync::{Arc, Mutex},
};

use slog::{Drain, KV as _, Key, Level, Logger, Never, OwnedKVList, Record, Serializer};

/// Keeps what is logged: a line for each record that is not for debugging.
#[derive(Clone, Default)]
pub(crate) struct Journal(Arc<Mutex<Vec<(String, Values)>>>);

/// What a record has beside its message: ` attempts=3 class=network`.
#[derive(Default)]
struct Values(String);

impl Journal {
    /// A logger that writes into it.
    pub(crate) fn logger(&self) -> Logger {
        Logger::root(self.clone().fuse(), slog::o!())
    }

    /// The lines since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        self.records().map(|(line, _)| line).collect()
    }

    /// The same, each with the values beside it.
    pub(crate) fn take_with_values(&self) -> Vec<String> {
        self.records().map(|(line, values)| line + &values.0).collect()
    }

    fn records(&self) -> impl Iterator<Item = (String, Values)> {
        mem::take(&mut *self.0.lock().unwrap()).into_iter()
    }
}

impl Drain for Journal {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, _: &OwnedKVList) -> Result<(), Never> {
        if record.level().is_at_least(Level::Info) {
            let line = format!("{} {}", record.level().as_short_str(), record.msg());
            let mut values = Values::default();
            record.kv().serialize(record, &mut values).unwrap();
            self.0.lock().unwrap().push((line, values));
        }
        Ok(())
    }
}

impl Serializer for Values {
    fn emit_arguments(&mut self, key: Key, value: &fmt::Arguments<'_>) -> slog::Result {
        self.0 += &format!(" {key}={value}");
        Ok(())
    }
}
