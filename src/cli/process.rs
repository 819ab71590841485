//! What belongs to the process as a whole: its memory, its signals, its end.
//! Touches: the process; whether its standard streams are terminals.

use std::{
    future::pending,
    io::{self, IsTerminal as _, stderr, stdin, stdout},
    mem::ManuallyDrop,
    thread,
    time::Duration,
};

use actix_rt::SystemRunner;
use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::{
    runtime,
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
    time::{Instant, sleep_until},
};

use super::exit::Exit;

/// A shell that loses its terminal may send SIGHUP a moment before the terminal has gone: it is
/// looked again so often, and that many times.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const LOOKS: u32 = 60;

/// A signal that asks the process to do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// To stop: SIGTERM.
    Terminate,
    /// To stop: SIGINT.
    Interrupt,
    /// To read its configuration again: SIGHUP.
    Reload,
    /// To stop, since the terminal has gone that it was started on: SIGHUP, and often twice, by the
    /// kernel and by the shell.
    Alone,
}

impl Asked {
    /// How the process ends when it is asked to stop once more.
    pub(super) const fn at_once(self) -> Exit {
        match self {
            Self::Interrupt => Exit::Interrupted,
            Self::Terminate | Self::Reload | Self::Alone => Exit::Terminated,
        }
    }
}

/// The signals that the process heeds. As PID 1, in a container, it would get none of them
/// without asking.
#[derive(Debug)]
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    /// Whether it was started on a terminal, and stops with it.
    on_terminal: bool,
    /// When it is looked again whether the terminal is there, and how often from then on.
    look_again: Option<(Instant, u32)>,
}

impl Signals {
    /// Those that come from now on, to whoever asks for the [`next`](Self::next).
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            on_terminal: is_on_terminal(),
            look_again: None,
        })
    }

    /// The next signal. To stop waiting loses none.
    pub(super) async fn next(&mut self) -> Asked {
        loop {
            tokio::select! {
                biased;
                _ = self.terminate.recv() => return Asked::Terminate,
                _ = self.interrupt.recv() => return Asked::Interrupt,
                _ = self.hangup.recv() => {
                    if self.terminal_has_gone() {
                        return Asked::Alone;
                    }
                    self.look_again = self.on_terminal.then(|| (Instant::now() + LOOK_EVERY, LOOKS));
                    return Asked::Reload;
                }
                left = look(self.look_again) => {
                    if self.terminal_has_gone() {
                        self.look_again = None;
                        return Asked::Alone;
                    }
                    self.look_again = (left > 0).then(|| (Instant::now() + LOOK_EVERY, left));
                }
            }
        }
    }

    /// Whoever closes a window means to stop what runs in it, and may start it again in another:
    /// two would write the same cells. `nohup` and a manager of services leave it no terminal.
    fn terminal_has_gone(&self) -> bool {
        self.on_terminal && !is_on_terminal()
    }
}

/// Whether a standard stream is a terminal. One that has been closed is none any more.
fn is_on_terminal() -> bool {
    stdin().is_terminal() || stdout().is_terminal() || stderr().is_terminal()
}

/// Waits until it is time to look again, and counts how often that is left.
async fn look(again: Option<(Instant, u32)>) -> u32 {
    match again {
        Some((at, times)) => {
            sleep_until(at).await;
            times.saturating_sub(1)
        }
        None => pending().await,
    }
}

/// While there is one, SIGINT and SIGTERM end the process at once, whatever it is about: for a
/// command that has nothing to finish, or not yet. By itself, the kernel would do so for any
/// process but PID 1.
#[derive(Debug)]
pub(super) struct EndedBySignals(oneshot::Sender<()>);

impl EndedBySignals {
    /// Ends the process in these ways, by SIGTERM and by SIGINT.
    pub(super) fn with(terminated: Exit, interrupted: Exit) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
        let (mut terminate, mut interrupt) = {
            let _entered = runtime.enter();
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
        };
        let (over, dropped) = oneshot::channel();
        let heed = async move {
            tokio::select! {
                biased; // a signal that comes at once when it is over is somebody else's
                _ = dropped => {}
                _ = terminate.recv() => end(terminated),
                _ = interrupt.recv() => end(interrupted),
            }
        };
        thread::Builder::new().name("signals".into()).spawn(move || runtime.block_on(heed))?;
        Ok(Self(over))
    }

    /// From now on somebody else heeds them.
    pub(super) fn no_more(self) {
        drop(self.0);
    }
}

/// Has a crash leave no file of the memory behind, which a key and tokens are in. Where Linux gives
/// the memory to a program that keeps it, it does so with a limit of nothing, too, and refrains
/// with a limit of one byte, in which no file has room either.
pub(super) fn keep_memory_private() {
    let one_byte = Rlimit { current: Some(1), maximum: Some(1) };
    // Less can always be had; and if not, there is nobody who could do more about it.
    setrlimit(Resource::Core, one_byte).unwrap_or_default();
}

/// A system that is not taken down: that would wait for the names that are being looked up in DNS,
/// which is ten seconds and more where nobody answers.
pub(super) fn system() -> ManuallyDrop<SystemRunner> {
    ManuallyDrop::new(actix_rt::System::new())
}

/// Ends the process at once, whatever still runs in it.
#[expect(clippy::disallowed_methods, reason = "the one place where the process ends")]
pub(super) fn end(exit: Exit) -> ! {
    std::process::exit(exit as i32)
}
