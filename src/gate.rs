//! A gate that opens so often a second, and lets through one after the other.
//! Touches: the clock. The arithmetic is `bucket`'s.

pub(crate) mod bucket;

use std::{cell::RefCell, collections::BTreeSet, time::Duration};

use tokio::time::{Instant, sleep};

use self::bucket::TokenBucket;

/// Holds up whoever goes too fast. Those who wait pass in the order in which they came, so that
/// none of them starves. Nobody holds the gate while he waits: whoever is awake lets through
/// those whose turn it is, and one who hangs, or is no more, holds up nobody.
#[derive(Debug)]
pub(crate) struct Gate(RefCell<Turns>);

#[derive(Debug)]
struct Turns {
    bucket: TokenBucket,
    /// The numbers of those who wait.
    waiting: BTreeSet<u64>,
    /// The number of the next who comes.
    next: u64,
}

impl Gate {
    /// Lets `burst` through at once, and `per_second` from then on: one in a thousand seconds at
    /// the least, since a gate that never opens would look like a server that never answers.
    pub(crate) fn new(burst: u32, per_second: f64) -> Self {
        let per_second = per_second.max(0.001);
        let bucket = TokenBucket::new(burst, per_second, Instant::now());
        Self(RefCell::new(Turns { bucket, waiting: BTreeSet::new(), next: 0 }))
    }

    /// Waits for its turn. To stop waiting gives the turn to the next.
    pub(crate) async fn pass(&self) {
        let place = Place { turns: &self.0, number: self.0.borrow_mut().queue() };
        while let Some(wait) = place.wait() {
            sleep(wait).await;
        }
    }

    /// Waits for its turn, but not for a gate that is shut for longer than `patience`, or is
    /// meanwhile: whether it has passed.
    pub(crate) async fn pass_within(&self, patience: Duration) -> bool {
        let place = Place { turns: &self.0, number: self.0.borrow_mut().queue() };
        while let Some(wait) = place.wait() {
            if self.shut() > patience {
                return false;
            }
            sleep(wait).await;
        }
        true
    }

    /// Has let through what another has, whose place it takes. It is not shut for that.
    pub(crate) fn inherit(&self, other: &Self) {
        let other = &mut other.0.borrow_mut().bucket;
        self.0.borrow_mut().bucket.inherit(other, Instant::now());
    }

    /// Stays shut for this long, if it is not to stay shut for longer.
    pub(crate) fn shut_for(&self, wait: Duration) {
        self.0.borrow_mut().bucket.pause_until(Instant::now() + wait);
    }

    /// Whether it is shut: nobody passes, however few there are.
    pub(crate) fn is_shut(&self) -> bool {
        !self.shut().is_zero()
    }

    /// For how long it is still shut.
    pub(crate) fn shut(&self) -> Duration {
        self.0.borrow().bucket.pause(Instant::now())
    }
}

impl Turns {
    fn queue(&mut self) -> u64 {
        self.next += 1;
        self.waiting.insert(self.next);
        self.next
    }

    /// Lets through whose turn it is, and says how long this one has to wait before it looks
    /// again; not at all, if its turn has come.
    fn wait(&mut self, number: u64, now: Instant) -> Option<Duration> {
        while self.waiting.contains(&number) {
            if let Err(wait) = self.bucket.take(now) {
                return Some(wait);
            }
            self.waiting.pop_first();
        }
        None
    }
}

/// A place in the queue.
struct Place<'a> {
    turns: &'a RefCell<Turns>,
    number: u64,
}

impl Place<'_> {
    fn wait(&self) -> Option<Duration> {
        self.turns.borrow_mut().wait(self.number, Instant::now())
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.turns.borrow_mut().waiting.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::{Future as _, poll_fn},
        pin::pin,
        rc::Rc,
        task::Poll,
    };

    use tokio::time::timeout;

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
    async fn one_who_is_not_polled_any_more_costs_his_turn_and_no_more() {
        let gate = Gate::new(1, 1.0);
        gate.pass().await;
        let start = Instant::now();
        let mut frozen = pin!(gate.pass());
        let once = poll_fn(|cx| Poll::Ready(frozen.as_mut().poll(cx)));
        assert!(once.await.is_pending());
        gate.pass().await;
        assert_eq!(start.elapsed().as_secs(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn one_who_no_longer_waits_costs_nothing() {
        let gate = Gate::new(1, 1.0);
        gate.pass().await;
        let start = Instant::now();
        assert!(timeout(Duration::from_millis(500), gate.pass()).await.is_err());
        gate.pass().await;
        assert_eq!(start.elapsed().as_secs(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_a_gate_s_place_lacks_what_it_has_spent_and_is_not_shut() {
        let gates = [Gate::new(5, 1.0), Gate::new(2, 100.0), Gate::new(5, 0.5)];
        for _ in 0..4 {
            gates[0].pass().await;
        }
        gates[0].shut_for(Duration::from_secs(60));
        let start = Instant::now();
        gates[1].inherit(&gates[0]);
        assert!(!gates[1].is_shut());
        gates[1].pass().await;
        gates[2].inherit(&gates[1]);
        assert!(start.elapsed().is_zero());
        gates[2].pass().await;
        assert_eq!(start.elapsed().as_secs(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_shut_gate_lets_nobody_through() {
        let gate = Gate::new(5, 1.0);
        let start = Instant::now();
        gate.shut_for(Duration::from_secs(7));
        assert!(gate.is_shut());
        gate.pass().await;
        assert!(!gate.is_shut());
        assert_eq!(start.elapsed().as_secs(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn one_who_does_not_wait_so_long_for_a_shut_gate_gives_up_his_turn_and_no_sooner() {
        let gate = Gate::new(1, 1.0);
        let patience = Duration::from_secs(2);
        assert!(gate.pass_within(Duration::ZERO).await);
        let start = Instant::now();
        assert!(gate.pass_within(Duration::ZERO).await, "it is only his turn that he waits for");
        assert_eq!(start.elapsed().as_secs(), 1);
        let shut = async {
            sleep(Duration::from_millis(500)).await;
            gate.shut_for(Duration::from_secs(7));
            gate.shut_for(Duration::from_secs(3));
        };
        let (passed, ()) = tokio::join!(gate.pass_within(patience), shut);
        assert!(!passed && start.elapsed().as_secs() == 2, "{:?}", start.elapsed());
        assert!(!gate.pass_within(patience).await);
        assert!(gate.pass_within(Duration::from_secs(7)).await);
        assert_eq!(start.elapsed().as_millis(), 8_500, "he has left his place");
    }
}
