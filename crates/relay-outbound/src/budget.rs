//! What a route's waiting retries may occupy on the bus.
//!
//! The stream of retries has no limits of its own, because a limit would make schedules vanish. So the relay keeps the
//! limit: beyond it, a route takes no new events, and they wait on the stream of events instead.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

/// About what the headers of a retry take, in bytes.
const HEADERS: u64 = 768;

/// The budget of one route.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    /// What the last look at the stream found, and what was stored since.
    occupied: AtomicU64,
    /// Number and bytes of all that was stored, which tell the mean size of the route's own retries.
    stored: (AtomicU64, AtomicU64),
    exceeded: watch::Sender<bool>,
}

impl Budget {
    /// `limit` in bytes.
    pub(crate) fn new(limit: u64) -> Self {
        Self {
            limit,
            occupied: AtomicU64::new(0),
            stored: Default::default(),
            exceeded: watch::Sender::new(false),
        }
    }

    /// Says how many retries wait; `mean` is their size in bytes as long as none was stored here. Returns whether the
    /// answer to "is there room" changed.
    pub(crate) fn observe(&self, messages: u64, mean: u64) -> bool {
        let (count, bytes) = &self.stored;
        let mean = bytes
            .load(Ordering::Relaxed)
            .checked_div(count.load(Ordering::Relaxed))
            .unwrap_or(mean);
        let occupied = messages.saturating_mul(mean);
        self.occupied.store(occupied, Ordering::Relaxed);
        self.decide(occupied)
    }

    /// Says that a retry with a payload of so many bytes was stored.
    pub(crate) fn add(&self, payload: u64) {
        let bytes = payload + HEADERS;
        self.stored.0.fetch_add(1, Ordering::Relaxed);
        self.stored.1.fetch_add(bytes, Ordering::Relaxed);
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
        let budget = Budget::new(10 * 1000);
        budget.observe(8, 1000);
        budget.add(1000 - HEADERS);
        budget.room().await;
        budget.add(1000 - HEADERS);
        assert!(budget.is_exceeded());
        assert!(budget.observe(9, 1000));
        budget.room().await;
    }

    #[test]
    fn the_size_of_other_routes_retries_does_not_count() {
        let budget = Budget::new(1 << 20);
        budget.add(1000);
        budget.observe(100, 1 << 20);
        assert!(!budget.is_exceeded());
        budget.observe(1000, 1);
        assert!(budget.is_exceeded());
    }
}
