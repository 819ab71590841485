//! A gate that opens so often a second, and lets through one after the other.
//! Touches: the clock. The arithmetic is `pace`'s.

use std::{cell::RefCell, time::Duration};

use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};

use crate::pace::TokenBucket;

/// Holds up whoever goes too fast. Those who wait pass in the order in which they came, so that
/// none of them starves.
#[derive(Debug)]
pub(crate) struct Gate {
    bucket: RefCell<TokenBucket>,
    queue: Mutex<()>,
}

impl Gate {
    /// Lets `burst` through at once, and `per_second` from then on: one in a thousand seconds at
    /// the least, since a gate that never opens would look like a server that never answers.
    pub(crate) fn new(burst: u32, per_second: f64) -> Self {
        let per_second = per_second.max(0.001);
        let bucket = TokenBucket::new(burst, per_second, Instant::now());
        Self { bucket: RefCell::new(bucket), queue: Mutex::new(()) }
    }

    /// Waits for its turn. To stop waiting gives the turn to the next.
    pub(crate) async fn pass(&self) {
        let _turn = self.queue.lock().await;
        loop {
            let taken = self.bucket.borrow_mut().take(Instant::now());
            match taken {
                Ok(()) => return,
                Err(wait) => sleep(wait).await,
            }
        }
    }

    /// Stays shut for this long.
    pub(crate) fn shut_for(&self, wait: Duration) {
        self.bucket.borrow_mut().pause_until(Instant::now() + wait);
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn those_who_wait_pass_in_their_order_at_the_rate() {
        let gate = Rc::new(Gate::new(1, 2.0));
        let start = Instant::now();
        let passed = Rc::new(RefCell::new(Vec::new()));
        let waiting = (0..4).map(|n| {
            let (gate, passed) = (Rc::clone(&gate), Rc::clone(&passed));
            async move {
                gate.pass().await;
                passed.borrow_mut().push((n, start.elapsed().as_millis() / 10 * 10));
            }
        });
        let local = tokio::task::LocalSet::new();
        waiting.for_each(|one| drop(local.spawn_local(one)));
        local.await;
        assert_eq!(*passed.borrow(), [(0, 0), (1, 500), (2, 1_000), (3, 1_500)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_shut_gate_lets_nobody_through() {
        let gate = Gate::new(5, 1.0);
        let start = Instant::now();
        gate.shut_for(Duration::from_secs(7));
        gate.pass().await;
        assert_eq!(start.elapsed().as_secs(), 7);
    }
}
