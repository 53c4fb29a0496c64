//! What a route's waiting retries may occupy on the bus.
//!
//! The stream of retries has no limits of its own, because a limit would make schedules vanish. So the relay keeps the
//! limit: beyond it, a route takes no new events, and they wait on the stream of events instead.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

/// The budget of one route.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    /// What the last look at the stream found, and what was stored since.
    occupied: AtomicU64,
    exceeded: watch::Sender<bool>,
}

impl Budget {
    /// `limit` in bytes.
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, occupied: AtomicU64::new(0), exceeded: watch::Sender::new(false) }
    }

    /// Says what the retries occupy. Returns whether the answer to "is there room" changed.
    pub(crate) fn observe(&self, bytes: u64) -> bool {
        self.occupied.store(bytes, Ordering::Relaxed);
        self.decide(bytes)
    }

    /// Says that a retry was stored.
    pub(crate) fn add(&self, bytes: u64) {
        let occupied = self.occupied.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.decide(occupied);
    }

    /// Whether the limit is reached.
    pub(crate) fn is_exceeded(&self) -> bool {
        *self.exceeded.borrow()
    }

    /// Waits until there is room.
    pub(crate) async fn room(&self) {
        // The sender lives as long as this budget, so waiting ends only with room.
        self.exceeded.subscribe().wait_for(|exceeded| !exceeded).await.ok();
    }

    fn decide(&self, occupied: u64) -> bool {
        let exceeded = occupied >= self.limit;
        self.exceeded.send_if_modified(|state| std::mem::replace(state, exceeded) != exceeded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_stored_between_two_looks_counts_at_once() {
        let budget = Budget::new(100);
        budget.observe(60);
        budget.add(30);
        budget.room().await;
        budget.add(10);
        assert!(budget.is_exceeded());
        assert!(budget.observe(99));
        budget.room().await;
    }
}
