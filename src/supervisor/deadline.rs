//! Until when something may go on, which may be put off meanwhile. Touches: the clock.

use std::{cell::Cell, rc::Rc};

use tokio::time::{Instant, sleep_until};

/// A moment. To clone it is to share it.
#[derive(Debug, Clone)]
pub(super) struct Deadline(Rc<Cell<Instant>>);

impl Deadline {
    pub(super) fn at(at: Instant) -> Self {
        Self(Rc::new(Cell::new(at)))
    }

    /// Puts it off until then, unless it is later anyway.
    pub(super) fn put_off(&self, at: Instant) {
        self.0.set(self.0.get().max(at));
    }

    /// Waits for it, however often it is put off.
    pub(super) async fn passed(&self) {
        while Instant::now() < self.0.get() {
            sleep_until(self.0.get()).await;
        }
    }
}
