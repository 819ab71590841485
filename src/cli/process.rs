//! What belongs to the process as a whole: its signals, its panics, its end.
//! Touches: the process.

use std::{future::poll_fn, io, panic, task::Poll};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::exit::Exit;

/// A signal that asks the process to do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// To stop: SIGTERM.
    Terminate,
    /// To stop: SIGINT.
    Interrupt,
    /// To read its configuration again: SIGHUP.
    Reload,
}

impl Asked {
    /// How the process ends when it is asked to stop once more.
    pub(super) const fn at_once(self) -> Exit {
        match self {
            Self::Interrupt => Exit::Interrupted,
            Self::Terminate | Self::Reload => Exit::Terminated,
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
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next signal. To stop waiting loses none.
    pub(super) async fn next(&mut self) -> Asked {
        poll_fn(|cx| {
            if self.terminate.poll_recv(cx).is_ready() {
                Poll::Ready(Asked::Terminate)
            } else if self.interrupt.poll_recv(cx).is_ready() {
                Poll::Ready(Asked::Interrupt)
            } else if self.hangup.poll_recv(cx).is_ready() {
                Poll::Ready(Asked::Reload)
            } else {
                Poll::Pending
            }
        })
        .await
    }
}

/// Panics are caught, and told where they are caught: by the guard of the actor, by `run` for the
/// supervisor. What Rust would print by itself comes out of turn, and waits for whoever reads it.
pub(super) fn quiet_panics() {
    panic::set_hook(Box::new(|_| {}));
}

/// Ends the process at once: a name that is being looked up in DNS would hold it up for seconds.
#[expect(clippy::disallowed_methods, reason = "the one place where the process ends")]
pub(super) fn end(exit: Exit) -> ! {
    std::process::exit(exit as i32)
}
