//! How long a loop stands still.
//!
//! A task on the loop's own thread beats every millisecond, and the longest time between two
//! beats is kept, less the time in which the thread was ready to run and the machine gave it no
//! core (the second number of `/proc/thread-self/schedstat`). What is left is what the loop did
//! or waited for itself, however busy the machine is.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep};

const BEAT: Duration = Duration::from_millis(1);

/// The longest standstill of a loop so far.
#[derive(Clone, Default)]
pub(crate) struct Stall(Arc<AtomicU64>);

impl Stall {
    /// Beats on this thread for as long as its loop turns.
    pub(crate) async fn beat(self) {
        loop {
            let (began, waited) = (Instant::now(), waited());
            sleep(BEAT).await;
            let machine = self::waited().saturating_sub(waited);
            let stall = began.elapsed().saturating_sub(BEAT + machine);
            self.0.fetch_max(stall.as_micros() as u64, Ordering::Relaxed);
        }
    }

    /// The longest since the last time that somebody asked.
    pub(crate) fn longest(&self) -> Duration {
        Duration::from_micros(self.0.swap(0, Ordering::Relaxed))
    }
}

/// How long this thread has waited for a core, since it began.
pub(crate) fn waited() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split_whitespace().nth(1).and_then(|number| number.parse().ok());
    Duration::from_nanos(nanos.unwrap_or_default())
}
