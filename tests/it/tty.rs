//! The command on a terminal: a pseudo-terminal with a person in front of it, who reads what is on
//! the screen, and presses keys.

use std::{
    io::{Read as _, Write as _},
    process::{Child, ExitStatus},
    sync::{Arc, Condvar, Mutex},
    thread::{self, JoinHandle},
    time::Duration,
};

use pty_process::{
    Size,
    blocking::{Command, Pty, open},
};
use rustix::termios::tcgetattr;
use vt100::{Parser, Screen};

use crate::rig::SOON;

/// Lines and columns of the terminal.
pub(crate) const SIZE: (u16, u16) = (26, 100);

/// What has been printed, and what is on the screen because of it.
struct Printed {
    state: Mutex<(Parser, Vec<u8>)>,
    more: Condvar,
}

/// A terminal with a process in it.
pub(crate) struct Tty {
    pty: Arc<Pty>,
    child: Child,
    printed: Arc<Printed>,
    reader: Option<JoinHandle<()>>,
    settings: String,
}

impl Tty {
    /// Starts the command on a terminal of this kind, with these variables.
    pub(crate) fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let command = Command::new(env!("CARGO_BIN_EXE_ratesheet")).args(arguments).env_clear();
        Self::of(command.envs(variables.iter().copied()))
    }

    /// A command that somebody has prepared.
    pub(crate) fn of(command: Command) -> Self {
        let (pty, pts) = open().unwrap();
        pty.resize(Size::new(SIZE.0, SIZE.1)).unwrap();
        let settings = settings(&pty);
        let child = command.spawn(pts).unwrap();
        let parser = Parser::new(SIZE.0.try_into().unwrap(), SIZE.1.try_into().unwrap(), 0);
        let state = Mutex::new((parser, Vec::new()));
        let (pty, printed) = (Arc::new(pty), Arc::new(Printed { state, more: Condvar::new() }));
        // It ends with the process.
        let reader = thread::spawn({
            let (pty, printed) = (Arc::clone(&pty), Arc::clone(&printed));
            move || read(&pty, &printed)
        });
        Self { pty, child, printed, reader: Some(reader), settings }
    }

    /// Presses keys.
    pub(crate) fn press(&self, keys: &str) {
        (&*self.pty).write_all(keys.as_bytes()).unwrap();
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the screen is like that, and shows it.
    pub(crate) fn until<T>(&self, what: &str, like: impl Fn(&Screen) -> Option<T>) -> T {
        let mut state = self.printed.state.lock().unwrap();
        loop {
            if let Some(found) = like(state.0.screen()) {
                return found;
            }
            let (next, waited) = self.printed.more.wait_timeout(state, SOON).unwrap();
            state = next;
            let screen = state.0.screen().contents();
            assert!(!waited.timed_out(), "{what} is not on the screen:\n{screen}");
        }
    }

    /// Waits until this can be read on the screen.
    pub(crate) fn shows(&self, text: &str) {
        self.until(text, |screen| screen.contents().contains(text).then_some(()));
    }

    /// All that has been printed so far, as it was.
    pub(crate) fn raw(&self) -> String {
        String::from_utf8_lossy(&self.printed.state.lock().unwrap().1).into_owned()
    }

    /// Waits for the process's end, which must leave the terminal as it was.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        let status = wait(&mut self.child);
        assert_eq!(settings(&self.pty), self.settings, "the terminal is not as it was");
        // The last that was printed is read, too, before the terminal is looked at.
        self.reader.take().unwrap().join().unwrap();
        let state = self.printed.state.lock().unwrap();
        let screen = state.0.screen();
        assert!(!screen.alternate_screen(), "the usual screen is not back");
        assert!(!screen.hide_cursor(), "the cursor is still hidden");
        (status, screen.contents())
    }
}

/// The settings of a terminal, in whatever words.
fn settings(pty: &Pty) -> String {
    format!("{:?}", tcgetattr(pty).unwrap())
}

/// Waits for the end of a process.
pub(crate) fn wait(child: &mut Child) -> ExitStatus {
    let start = tokio::time::Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(start.elapsed() < SOON, "it does not end");
        thread::sleep(Duration::from_millis(5));
    }
}

fn read(pty: &Pty, printed: &Printed) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = (&*pty).read(&mut bytes) {
        let mut state = printed.state.lock().unwrap();
        state.0.process(&bytes[..count]);
        state.1.extend_from_slice(&bytes[..count]);
        drop(state);
        printed.more.notify_all();
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
