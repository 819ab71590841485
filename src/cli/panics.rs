//! Panics: whoever catches one knows why, and nobody knows where unless it is told here.
//! Touches: the process's panic hook, standard error. Never: waits, once there is a log.

use std::{
    panic::{self, AssertUnwindSafe, PanicHookInfo, catch_unwind},
    sync::OnceLock,
    thread,
};

use slog::{Logger, error};

use super::{exit::Exit, print_error};

/// Where they are told, as soon as there is a log.
static LOG: OnceLock<Logger> = OnceLock::new();

/// Has the place of every panic told: on standard error, as long as there is no log.
pub(super) fn tell_panics() {
    panic::set_hook(Box::new(|info| {
        let told = Told::of(info);
        match LOG.get() {
            Some(log) => told.log(log),
            None => print_error(&told.line()),
        }
    }));
}

/// Has them told to `log` from now on. What Rust would print by itself comes out of turn, and
/// waits for whoever reads it.
pub(super) fn log_to(log: &Logger) {
    LOG.get_or_init(|| log.clone());
}

/// Ends a command that panics as a service ends that gives up.
pub(super) fn caught(command: impl FnOnce() -> Exit) -> Exit {
    catch_unwind(AssertUnwindSafe(command)).unwrap_or(Exit::GaveUp)
}

/// What is told of a panic.
struct Told {
    place: String,
    thread: String,
    /// Why, if that is a text of the program itself: one that was put together may quote what was
    /// being read.
    why: Option<&'static str>,
}

impl Told {
    fn of(info: &PanicHookInfo<'_>) -> Self {
        Self {
            place: info.location().map_or_else(|| "an unknown place".into(), ToString::to_string),
            thread: thread::current().name().unwrap_or("without a name").into(),
            why: info.payload().downcast_ref().copied(),
        }
    }

    fn log(&self, log: &Logger) {
        let Self { place, thread, why } = self;
        error!(log, "a panic at {}", place; "thread" => thread, "why" => why.unwrap_or_default());
    }

    fn line(&self) -> String {
        let Self { place, thread, why } = self;
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        format!(
            "ratesheet: a panic at {place}, in the thread {thread}{why}\n  help: This is a bug: please report it\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_panics_ends_with_70() {
        assert_eq!(caught(|| panic!("on purpose")), Exit::GaveUp);
        assert_eq!(caught(|| Exit::Incomplete), Exit::Incomplete);
    }

    #[test]
    fn a_panic_is_told_with_its_place_and_its_thread() {
        let told = |why| Told { place: "src/a.rs:1:2".into(), thread: "main".into(), why };
        let line = told(Some("a drill")).line();
        let start = "ratesheet: a panic at src/a.rs:1:2, in the thread main: a drill\n  help: ";
        assert!(line.starts_with(start), "{line}");
        assert!(told(None).line().contains("in the thread main\n"));
    }
}
