//! A loopback stand-in of Kraken's public REST API, Google's token endpoint, Google's metadata
//! server and the Sheets API.
//! Touches: sockets of 127.0.0.1, a thread of its own. Never: the network, files, the rest of
//! this crate: it shares no parser with what it is meant to test.
//!
//! All of them live on one server. A client is pointed at [`Sandbox::url`] for Kraken and for
//! Google, and given the key of [`Sandbox::service_account_key`]; nothing else differs from the
//! real services, as far as they are known from records of their traffic.
//!
//! ```
//! use ratesheet::sandbox::Sandbox;
//!
//! # fn main() -> std::io::Result<()> {
//! let sandbox = Sandbox::start()?;
//! sandbox.create_spreadsheet("my-spreadsheet-for-tests", "Prices", &[("Sheet 1", 1000, 26)]);
//! sandbox.set_ticker("XBTEUR", "30300.10000", "30300.00000", "30303.20000");
//! // … let something run against `sandbox.url()` …
//! assert_eq!(sandbox.cell("my-spreadsheet-for-tests", "Sheet 1", "A1"), None);
//! assert!(sandbox.journal().is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! What is not as in reality:
//! - Everything is plain HTTP/1.1 with a `Content-Length`; of its three services Kraken alone packs
//!   its answers, in gzip, for whoever takes it.
//! - Kraken's edge caches nothing, and Kraken limits no rate; xStocks are not traded.
//! - Typed input (`USER_ENTERED`) is read as in an English locale: numbers, percents, ISO dates,
//!   true and false; formulas know `+ - * /`, brackets and cells of their tab.
//! - Numbers are shown in the automatic format as far as it is known; there are no others.
//! - A minute of a quota begins with its first request, and titles are matched to the letter: what
//!   Google does there is not recorded.
//!
//! A handle may be cloned and sent to other threads; the server stops with the last one.

mod body;
mod controls;
mod exchange;
mod faults;
mod journal;
mod json;
mod kraken;
mod metadata;
mod pages;
mod server;
mod sheets;
mod state;
mod token;

use std::{
    error, fmt, io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError, mpsc as std_mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

use jiff::Timestamp;
use socket2::Socket;
use tokio::sync::{mpsc, oneshot};

pub use self::{
    faults::{Fault, FaultId, FaultRule},
    journal::{Entry, Service},
    kraken::{Ticker, Walk},
    sheets::QuotaLimits,
    token::{Account, SERVICE_ACCOUNT},
};
use self::{
    server::{Command, Shared},
    state::State,
};

/// A running sandbox.
#[derive(Clone)]
pub struct Sandbox {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    address: SocketAddr,
    commands: mpsc::UnboundedSender<Command>,
    thread: Mutex<Option<JoinHandle<io::Result<()>>>>,
    /// Holds the port while nobody listens.
    _reserved: Socket,
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("address", &self.inner.address).finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Starts a sandbox at a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When there is no free port, or no thread to be had.
    pub fn start() -> io::Result<Self> {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into())
    }

    /// Starts a sandbox at this address.
    ///
    /// # Errors
    /// When the address is not of this machine's loopback, or is in use, or there is no thread to
    /// be had.
    pub fn start_at(address: SocketAddr) -> io::Result<Self> {
        if !address.ip().is_loopback() {
            let text = "a sandbox listens on the loopback alone";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let reserved = server::reserve(address)?;
        let address = reserved.local_addr()?.as_socket().unwrap_or(address);
        let listener = server::listen(address)?;
        let state = State::new(format!("http://{address}"), Timestamp::now());
        let shared = Arc::new(Shared::new(state));
        let (commands, receiver) = mpsc::unbounded_channel();
        let thread = thread::Builder::new().name("sandbox".into()).spawn({
            let shared = Arc::clone(&shared);
            move || {
                let system = actix_web::rt::System::new();
                system.block_on(server::run(shared, address, listener, receiver))
            }
        })?;
        let thread = Mutex::new(Some(thread));
        let inner = Inner { shared, address, commands, thread, _reserved: reserved };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.inner.address
    }

    /// Its base URL, such as `http://127.0.0.1:40123`, without a slash at the end. Kraken is below
    /// `/0/`, the token endpoint is `/token`, the metadata server is below `/computeMetadata/`,
    /// Sheets is below `/v4/`.
    pub fn url(&self) -> String {
        format!("http://{}", self.inner.address)
    }

    /// Closes the listener and every connection: from now on, connections are refused. The port
    /// stays reserved. Blocks until it is so; nothing happens when it is so already.
    pub fn pause_listening(&self) {
        let (done, result) = std_mpsc::channel();
        if self.inner.commands.send(Command::Pause(done)).is_ok() {
            result.recv().ok();
        }
    }

    /// Listens again, at the same port. Blocks until it is so.
    ///
    /// # Errors
    /// When it cannot listen, or was stopped.
    pub fn resume(&self) -> io::Result<()> {
        let (done, result) = std_mpsc::channel();
        let stopped = || io::Error::new(io::ErrorKind::NotConnected, "the sandbox was stopped");
        self.inner.commands.send(Command::Resume(done)).map_err(|_| stopped())?;
        result.recv().map_err(|_| stopped())?
    }

    /// Ends the server for good: connections are refused. Blocks until it is so. What it knows can
    /// still be read.
    pub fn stop(&self) {
        self.inner.stop();
    }

    /// All requests so far, in the order of their arrival.
    pub fn journal(&self) -> Vec<Entry> {
        self.inner.shared.read().journal.iter().cloned().collect()
    }

    /// The requests to one service so far.
    pub fn requests(&self, service: Service) -> Vec<Entry> {
        let state = self.inner.shared.read();
        state.journal.iter().filter(|entry| entry.service == service).cloned().collect()
    }

    /// How many requests to one service there were so far.
    pub fn count(&self, service: Service) -> usize {
        let state = self.inner.shared.read();
        state.journal.iter().filter(|entry| entry.service == service).count()
    }

    /// The requests after that one, or all for 0.
    pub fn journal_since(&self, seq: u64) -> Vec<Entry> {
        let state = self.inner.shared.read();
        state.journal.iter().filter(|entry| entry.seq > seq).cloned().collect()
    }

    /// Keeps only so many of the newest requests: 65,536 unless somebody says otherwise.
    pub fn set_journal_limit(&self, entries: usize) {
        self.inner.shared.update(|state| state.journal.set_limit(entries));
    }

    /// Waits until a condition holds; it is looked at anew whenever anything has changed.
    ///
    /// The deadline is of the real clock, even where tokio's is paused; no runtime is needed.
    ///
    /// # Errors
    /// [`TimedOut`] when it does not hold in time.
    pub async fn wait_for(
        &self,
        mut condition: impl FnMut(&Self) -> bool,
        deadline: Duration,
    ) -> Result<(), TimedOut> {
        let mut changes = self.inner.shared.changes();
        let (ring, mut bell) = oneshot::channel();
        // A thread that has ended drops the sender: then nothing will change any more.
        drop(self.inner.commands.send(Command::After(deadline, ring)));
        loop {
            changes.mark_unchanged();
            if condition(self) {
                return Ok(());
            }
            tokio::select! {
                changed = changes.changed() => changed.map_err(|_| TimedOut)?,
                _ = &mut bell => {
                    return if condition(self) { Ok(()) } else { Err(TimedOut) };
                }
            }
        }
    }

    /// As [`wait_for`](Self::wait_for), for tests that are not async. It blocks the thread.
    ///
    /// # Errors
    /// [`TimedOut`] when it does not hold in time.
    ///
    /// # Panics
    /// On a thread that runs a tokio runtime.
    pub fn wait_for_blocking(
        &self,
        condition: impl FnMut(&Self) -> bool,
        deadline: Duration,
    ) -> Result<(), TimedOut> {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.map_err(|_| TimedOut)?.block_on(self.wait_for(condition, deadline))
    }

    /// Puts a fault in force: it meets the requests that the rule selects, until it is taken back
    /// or used up. Of several rules that select a request the oldest meets it.
    pub fn inject(&self, rule: FaultRule) -> FaultId {
        self.inner.shared.update(|state| state.rules.add(rule))
    }

    /// Puts a fault in force for all requests to a service.
    pub fn fault(&self, service: Service, fault: Fault) -> FaultId {
        self.inject(FaultRule::new(service, fault))
    }

    /// Takes a fault back. Requests that it has met already stay as they are.
    pub fn clear_fault(&self, id: FaultId) {
        self.inner.shared.update(|state| state.rules.remove(id));
    }

    /// Takes all faults back.
    pub fn clear_faults(&self) {
        self.inner.shared.update(|state| state.rules.clear());
    }
}

impl Inner {
    fn stop(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            drop(self.commands.send(Command::Stop));
            drop(thread.join());
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A condition did not come to hold in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the sandbox did not come to the expected state in time")
    }
}

impl error::Error for TimedOut {}

#[cfg(test)]
mod tests;
