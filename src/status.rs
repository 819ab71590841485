//! The read-only HTTP face (feature `status`), in its plain form: `/livez` and `/readyz`.
//! Touches: a listening socket, a thread of its own, the clock. Never: an upstream.
//!
//! It is answered from a thread of its own, so that a loop that hangs is seen. What is told
//! crosses over as a snapshot, which a small actor on the watched loop renews.

mod answer;
mod ledger;
mod readiness;
mod server;
mod sips;
mod watch;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread::JoinHandle,
};

use actix::{Actor, Addr};
use slog::Logger;
use tokio::sync::oneshot;

use self::watch::{Shared, Watch};
use crate::supervisor::SupervisorActor;

/// The read-only HTTP face of a tree. It is served until this is dropped.
///
/// | path | answers |
/// |---|---|
/// | `/livez` | 200 while the loop that it was started on turns, whatever the upstreams do |
/// | `/readyz` | 200 while every spreadsheet succeeds; else 503, and line by line what does not, why, since when, and what to do |
///
/// Both are plain text, for GET and HEAD alone, and are answered under any `Host`. It has a
/// thread of its own, bears 64 connections, reads 16 KiB of each between two answers at the most,
/// and gives it five seconds to ask for the first, and ten from each to the next. Whoever can
/// reach it can take all 64 and keep the others waiting, a probe too: let nobody reach it but those
/// who are meant to. It follows the tree through [`Reload`](crate::Reload) and
/// [`Restart`](crate::Restart); the address stays. It does not keep the tree alive.
///
/// ```no_run
/// # use actix::Actor;
/// use ratesheet::{Config, StatusServer, SupervisorActor};
///
/// # fn main() -> std::io::Result<()> {
/// # actix_rt::System::new().block_on(async {
/// let supervisor = SupervisorActor::new(Config::new()).start();
/// let status = StatusServer::start(([127, 0, 0, 1], 9642).into(), &supervisor)?;
/// println!("http://{}/readyz", status.address());
/// # Ok(())
/// # })
/// # }
/// ```
#[derive(Debug)]
pub struct StatusServer {
    address: SocketAddr,
    /// That nobody holds it any more is what stops the server.
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl StatusServer {
    /// Listens at `listen` (port 0 chooses a free one), and tells how the supervisor's tree is
    /// doing. Call it on the supervisor's thread: it is this thread whose loop is watched.
    ///
    /// # Errors
    /// When it cannot listen there, or has no thread; the error names the address.
    ///
    /// # Panics
    /// When no actix system runs on this thread.
    pub fn start(listen: SocketAddr, supervisor: &Addr<SupervisorActor>) -> io::Result<Self> {
        let listener = TcpListener::bind(listen)
            .map_err(|error| io::Error::new(error.kind(), format!("{listen}: {error}")))?;
        Self::serve(listener, supervisor, &crate::log_facade())
    }

    /// As [`start`](Self::start), where somebody listens already: so it can be known that the
    /// address is free before anything begins. It logs to `log`, and not to the `log` facade.
    ///
    /// # Errors
    /// When it has no thread.
    ///
    /// # Panics
    /// When no actix system runs on this thread.
    pub fn serve(
        listener: TcpListener,
        supervisor: &Addr<SupervisorActor>,
        log: &Logger,
    ) -> io::Result<Self> {
        Self::share(listener, supervisor, Shared::new(), log)
    }

    fn share(
        listener: TcpListener,
        supervisor: &Addr<SupervisorActor>,
        shared: Shared,
        log: &Logger,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let shared = Arc::new(shared);
        let (stop, stopped) = oneshot::channel();
        let thread = server::spawn(listener, Arc::clone(&shared), stopped, log.clone())?;
        Watch::new(&shared, supervisor).start();
        Ok(Self { address, stop, thread })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether this is the body of what such a face answers to GET of `/livez` or `/readyz`: for
    /// whoever asks one and does not know who listens there.
    pub fn is_answer(body: &str) -> bool {
        answer::is_answer(body)
    }

    /// Stops it, and returns when its address is free again. Dropping it does not wait for that,
    /// which takes some milliseconds.
    pub fn stop(self) {
        drop(self.stop);
        // Even if it has panicked, it has ended.
        drop(self.thread.join());
    }
}

#[cfg(test)]
mod tests;
