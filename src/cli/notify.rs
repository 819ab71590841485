//! What the machine's service manager is told: that the service is at work, reads its configuration
//! again, stops, is alive. systemd asks for it by `Type=notify` and `WatchdogSec=`.
//! Touches: the environment; the datagram socket that it names. Never: waits for whoever reads it.

use std::{
    cell::Cell,
    ffi::OsStr,
    io,
    os::unix::{
        ffi::OsStrExt as _,
        net::{SocketAddr, UnixDatagram},
    },
    process,
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Who started this process and wants to know how it is doing, if anybody does.
#[derive(Debug, Default)]
pub(super) struct Manager {
    line: Option<(UnixDatagram, SocketAddr)>,
    /// It ends a process that it has not heard of for so long.
    patience: Option<Duration>,
    /// It has been told that this is the end, and is not told otherwise again.
    leaving: Cell<bool>,
}

impl Manager {
    /// The manager that the environment names.
    ///
    /// # Errors
    /// When it names one that cannot be talked to: in words.
    pub(super) fn of_process() -> Result<Self, String> {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return Ok(Self::default()) };
        let line = open(&name).map_err(|error| {
            format!(
                "the service manager cannot be told anything at NOTIFY_SOCKET={name:?}: {error}"
            )
        })?;
        let number = |name| std::env::var_os(name)?.to_str()?.parse::<u64>().ok();
        let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(process::id()));
        let patience = number("WATCHDOG_USEC").filter(|&patience| ours && patience > 0);
        let patience = patience.map(Duration::from_micros);
        Ok(Self { line: Some(line), patience, leaving: Cell::new(false) })
    }

    /// The service is at work, with the configuration that it was last given.
    pub(super) fn ready(&self) {
        if !self.leaving.get() {
            self.tell("READY=1");
        }
    }

    /// The configuration is being read again, until it is [`Manager::ready`].
    pub(super) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let micros = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1_000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
    }

    /// It is about to end.
    pub(super) fn stopping(&self) {
        self.leaving.set(true);
        self.tell("STOPPING=1");
    }

    /// Says that it is alive whenever it is asked for the next beat, and it is time.
    pub(super) fn pulse(&self) -> Pulse {
        let beats = self.patience.map(|patience| {
            let mut beats = interval(patience / 2);
            beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
            beats
        });
        Pulse(beats)
    }

    /// It is alive: whoever calls this has got on.
    pub(super) fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    /// A manager that does not listen is not waited for.
    fn tell(&self, message: &str) {
        if let Some((socket, address)) = &self.line {
            drop(socket.send_to_addr(message.as_bytes(), address));
        }
    }
}

/// When to say that it is alive.
#[derive(Debug)]
pub(super) struct Pulse(Option<Interval>);

impl Pulse {
    /// Until the next beat: for ever, if nobody wants to hear it.
    pub(super) async fn beat(&mut self) {
        match &mut self.0 {
            Some(beats) => drop(beats.tick().await),
            None => std::future::pending().await,
        }
    }
}

/// A socket to talk by, and whom to talk to: a path, or a name without a file after an `@`.
fn open(name: &OsStr) -> io::Result<(UnixDatagram, SocketAddr)> {
    let address = match name.as_bytes() {
        #[cfg(target_os = "linux")]
        [b'@', name @ ..] => {
            use std::os::linux::net::SocketAddrExt as _;
            SocketAddr::from_abstract_name(name)?
        }
        [b'/', ..] => SocketAddr::from_pathname(name)?,
        _ => return Err(io::Error::other("it is neither a path nor a name after an @")),
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    Ok((socket, address))
}
