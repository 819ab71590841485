//! The terminal that the demo is drawn on: what it can show, how large it is, and which keys are
//! pressed. Touches: the terminal's settings, standard input. Never: leaves them changed.

use std::{
    ffi::OsStr,
    io::{self, IsTerminal as _, Read as _, stdin, stdout},
    thread,
};

use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize,
    tcsetattr,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::print;

/// The other screen, so that what was on the terminal is there again afterwards; and no cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[2J";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// A special character that is none: `_POSIX_VDISABLE`.
const DISABLED: u8 = if cfg!(target_os = "linux") { 0 } else { 0xff };

/// How something is shown to whoever reads standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Line after line.
    Lines,
    /// A picture that is drawn over and over.
    Picture { colours: bool },
}

impl Look {
    /// What standard output can show, and what the person wants to see.
    pub(super) fn of_process() -> Self {
        let (term, no_color) = (std::env::var_os("TERM"), std::env::var_os("NO_COLOR"));
        Self::of(stdout().is_terminal(), term.as_deref(), no_color.as_deref())
    }

    fn of(terminal: bool, term: Option<&OsStr>, no_color: Option<&OsStr>) -> Self {
        let clever = term.is_some_and(|term| !term.is_empty() && term != "dumb");
        match terminal && clever {
            // <https://no-color.org>: when it is there, and is not empty.
            true => Self::Picture { colours: no_color.is_none_or(OsStr::is_empty) },
            false => Self::Lines,
        }
    }
}

/// What fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) lines: usize,
    pub(super) columns: usize,
}

impl Size {
    pub(super) const UNKNOWN: Self = Self { lines: usize::MAX, columns: usize::MAX };
}

/// A terminal in its other screen, which tells each key at once. When this is dropped, however
/// that comes about, the terminal is as it was.
#[derive(Debug)]
pub(super) struct Terminal {
    /// How standard input was set, where it is a terminal, too.
    before: Option<Termios>,
}

impl Terminal {
    pub(super) fn enter() -> Self {
        let before = stdin().is_terminal().then(|| tcgetattr(stdin())).and_then(Result::ok);
        let before = before.filter(|before| {
            tcsetattr(stdin(), OptionalActions::Now, &key_by_key(before.clone())).is_ok()
        });
        draw(ENTER);
        Self { before }
    }

    /// Whether keys are told.
    pub(super) const fn has_keys(&self) -> bool {
        self.before.is_some()
    }

    /// The keys from now on; none where standard input is no terminal.
    pub(super) fn keys(&self) -> io::Result<UnboundedReceiver<Key>> {
        let (sender, receiver) = unbounded_channel();
        if self.has_keys() {
            thread::Builder::new().name("keys".into()).spawn(move || read(&sender))?;
        }
        Ok(receiver)
    }

    /// How many lines fit, and how many characters into a line, as far as that is known.
    pub(super) fn size(&self) -> Size {
        let known = |count: u16| if count > 0 { usize::from(count) } else { usize::MAX };
        tcgetwinsize(stdout()).map_or(Size::UNKNOWN, |size| Size {
            lines: known(size.ws_row),
            columns: known(size.ws_col),
        })
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        draw(LEAVE);
        if let Some(before) = &self.before {
            // What was typed meanwhile was meant for the demo, not for the shell.
            tcsetattr(stdin(), OptionalActions::Flush, before).unwrap_or_default();
        }
    }
}

/// What a person does on the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Pressed(char),
    /// The terminal is gone, and nobody sees anything any more.
    Gone,
}

/// Each key is told at once and not shown. Ctrl-C still sends SIGINT, but nothing suspends the
/// process, or ends it unasked, in the middle of a picture.
fn key_by_key(mut settings: Termios) -> Termios {
    settings.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
    settings.local_modes.insert(LocalModes::ISIG);
    settings.input_modes.remove(InputModes::IXON);
    let codes = &mut settings.special_codes;
    codes[SpecialCodeIndex::VSUSP] = DISABLED;
    codes[SpecialCodeIndex::VQUIT] = DISABLED;
    codes[SpecialCodeIndex::VMIN] = 1;
    codes[SpecialCodeIndex::VTIME] = 0;
    settings
}

/// What the terminal is told. Should it be gone, there is nothing to change.
fn draw(text: &str) {
    drop(print(text));
}

/// Reads keys until nobody wants them, or the terminal is gone. A thread of its own may wait.
fn read(keys: &UnboundedSender<Key>) {
    let mut bytes = [0; 64];
    loop {
        match stdin().lock().read(&mut bytes) {
            Ok(count @ 1..) => {
                for byte in bytes.iter().take(count) {
                    if keys.send(Key::Pressed(char::from(*byte).to_ascii_lowercase())).is_err() {
                        return;
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => return keys.send(Key::Gone).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_for_terminals_that_can_show_one_and_colours_for_who_wants_them() {
        let look = |terminal, term: &str, no_color: Option<&str>| {
            Look::of(terminal, Some(OsStr::new(term)), no_color.map(OsStr::new))
        };
        let coloured = Look::Picture { colours: true };
        assert_eq!(look(true, "xterm-256color", None), coloured);
        assert_eq!(look(true, "linux", Some("")), coloured);
        assert_eq!(look(true, "xterm", Some("1")), Look::Picture { colours: false });
        assert_eq!(look(true, "dumb", None), Look::Lines);
        assert_eq!(look(false, "xterm", None), Look::Lines);
        assert_eq!(Look::of(true, None, None), Look::Lines);
    }
}
