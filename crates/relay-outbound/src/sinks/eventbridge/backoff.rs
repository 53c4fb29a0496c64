//! How long a bus that throttles is left alone: twice as long each time, until it takes something again.
//!
//! All routes of a bus wait together, since they share its quota.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rand::RngExt as _;

use crate::sinks::{Pace, Paces};

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(30);

/// The wait before the next request to a bus.
#[derive(Debug)]
pub(super) struct Backoff {
    pace: Arc<Pace>,
    /// Requests throttled in a row.
    throttled: AtomicU32,
}

impl Backoff {
    /// That of a bus; `bus` names it, whoever asks.
    pub(super) fn of(bus: &str, paces: &Paces) -> Self {
        let pace = paces.of(bus.as_bytes(), || Pace::new(Duration::ZERO, 1));
        Self { pace, throttled: AtomicU32::new(0) }
    }

    /// Waits until the bus may be asked again.
    pub(super) async fn turn(&self) {
        self.pace.turn().await;
    }

    /// The bus took something.
    pub(super) fn taken(&self) {
        self.throttled.store(0, Ordering::Relaxed);
    }

    /// The bus throttled; `asked` is the wait that it asked for. Returns how long it is left alone.
    pub(super) fn throttled(&self, asked: Option<Duration>) -> Duration {
        let before = self.throttled.fetch_add(1, Ordering::Relaxed);
        let wait = asked.unwrap_or_else(|| spread(wait(before))).min(LONGEST);
        self.pace.pause(wait);
        wait
    }
}

/// The wait after so many requests that were throttled before.
fn wait(before: u32) -> Duration {
    FIRST.saturating_mul(2_u32.saturating_pow(before)).min(LONGEST)
}

/// Half of it to all of it, so that replicas do not come back together.
fn spread(wait: Duration) -> Duration {
    wait.mul_f64(rand::rng().random_range(0.5..=1.0))
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[test]
    fn each_wait_is_twice_as_long_and_none_is_endless() {
        let waits: Vec<_> =
            [0, 1, 2, 7, 8, 40, u32::MAX].map(wait).map(|wait| wait.as_millis()).into();
        assert_eq!(waits, [200, 400, 800, 25_600, 30_000, 30_000, 30_000]);
    }

    #[tokio::test(start_paused = true)]
    async fn all_routes_of_a_bus_wait() {
        let paces = Paces::default();
        let (first, second) = (Backoff::of("a", &paces), Backoff::of("a", &paces));
        let other = Backoff::of("b", &paces);
        let began = Instant::now();
        assert_eq!(first.throttled(Some(Duration::from_secs(7))), Duration::from_secs(7));
        other.turn().await;
        assert_eq!(began.elapsed().as_secs(), 0);
        second.turn().await;
        assert_eq!(began.elapsed().as_secs(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_begins_anew() {
        let backoff = Backoff::of("a", &Paces::default());
        let waits = [backoff.throttled(None), backoff.throttled(None), backoff.throttled(None)];
        assert!(waits[2] >= Duration::from_millis(400), "{waits:?}");
        backoff.taken();
        assert!(backoff.throttled(None) <= FIRST);
    }
}
