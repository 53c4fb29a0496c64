//! What a route's waiting retries may occupy on the bus.
//!
//! The stream of retries has no limits of its own, because a limit would make schedules vanish. So the relay keeps the
//! limit: beyond it, a route takes no new events, and they wait on the stream of events instead.

use tokio::sync::watch;

/// The budget of one route.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    exceeded: watch::Sender<bool>,
}

impl Budget {
    /// `limit` in bytes.
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, exceeded: watch::Sender::new(false) }
    }

    /// Says what the retries occupy. Returns whether the answer to "is there room" changed.
    pub(crate) fn observe(&self, bytes: u64) -> bool {
        let exceeded = bytes >= self.limit;
        self.exceeded.send_if_modified(|state| std::mem::replace(state, exceeded) != exceeded)
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
}
