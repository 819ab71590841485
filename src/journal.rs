//! What is logged, kept for a test to look at. Pure: no I/O, no clock, no randomness.

use std::{
    mem,
    sync::{Arc, Mutex},
};

use slog::{Drain, Level, Logger, Never, OwnedKVList, Record};

/// Keeps what is logged: a line for each record that is not for debugging.
#[derive(Clone, Default)]
pub(crate) struct Journal(Arc<Mutex<Vec<String>>>);

impl Journal {
    /// A logger that writes into it.
    pub(crate) fn logger(&self) -> Logger {
        Logger::root(self.clone().fuse(), slog::o!())
    }

    /// The lines since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        mem::take(&mut self.0.lock().unwrap())
    }
}

impl Drain for Journal {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, _: &OwnedKVList) -> Result<(), Never> {
        if record.level().is_at_least(Level::Info) {
            let line = format!("{} {}", record.level().as_short_str(), record.msg());
            self.0.lock().unwrap().push(line);
        }
        Ok(())
    }
}
