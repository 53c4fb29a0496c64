//! How fast one destination takes events, whichever routes they come from.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, sleep_until};

/// Lets one event through each period, and a few at once after a while without any. First come, first served.
#[derive(Debug)]
pub struct Pace {
    settings: Mutex<Settings>,
    /// When nothing is left of what has gone through; tokio's mutex is fair.
    clear_at: tokio::sync::Mutex<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Settings {
    period: Duration,
    burst: u32,
    not_before: Instant,
}

/// The paces of destinations that several routes may share.
#[derive(Debug, Default)]
pub struct Paces(Mutex<HashMap<[u8; 32], Weak<Pace>>>);

impl Pace {
    /// One event each `period`, up to `burst` at once.
    pub fn new(period: Duration, burst: u32) -> Self {
        let settings = Settings { period, burst, not_before: Instant::now() };
        Self { settings: Mutex::new(settings), clear_at: tokio::sync::Mutex::new(Instant::now()) }
    }

    /// Waits until one more event may go.
    pub async fn turn(&self) {
        let mut clear_at = self.clear_at.lock().await;
        loop {
            let Settings { period, burst, not_before } = *lock(&self.settings);
            let now = Instant::now();
            let due = clear_at.checked_sub(period * burst.saturating_sub(1)).unwrap_or(now);
            let due = due.max(not_before);
            if due <= now {
                *clear_at = now.max(*clear_at) + period;
                return;
            }
            // The settings may be others by then.
            sleep_until(due).await;
        }
    }

    /// Lets nothing through for so long.
    pub fn pause(&self, time: Duration) {
        let mut settings = lock(&self.settings);
        settings.not_before = settings.not_before.max(Instant::now() + time);
    }

    /// From now on one event each `period`; none means as many as come.
    pub fn set_period(&self, period: Option<Duration>) {
        lock(&self.settings).period = period.unwrap_or_default();
    }
}

impl Paces {
    /// The pace of the destination with this name, made by `make` unless another sink has it. The name may be a secret.
    pub fn of(&self, name: &[u8], make: impl FnOnce() -> Pace) -> Arc<Pace> {
        let mut paces = lock(&self.0);
        paces.retain(|_, pace| pace.strong_count() > 0);
        let place = paces.entry(Sha256::digest(name).into()).or_default();
        place.upgrade().unwrap_or_else(|| {
            let pace = Arc::new(make());
            *place = Arc::downgrade(&pace);
            pace
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn seconds_of(turns: u32, pace: &Pace) -> f64 {
        let began = Instant::now();
        for _ in 0..turns {
            pace.turn().await;
        }
        began.elapsed().as_secs_f64().round()
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_go_at_once_and_the_others_one_a_second() {
        let pace = Pace::new(SECOND, 3);
        assert_eq!(seconds_of(3, &pace).await, 0.0);
        assert_eq!(seconds_of(4, &pace).await, 4.0);
        tokio::time::advance(60 * SECOND).await;
        assert_eq!(seconds_of(5, &pace).await, 2.0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_those_that_wait_already() {
        let pace = Pace::new(SECOND, 1);
        pace.turn().await;
        let began = Instant::now();
        tokio::join!(pace.turn(), async { pace.pause(30 * SECOND) });
        assert_eq!(began.elapsed().as_secs(), 30);
        pace.pause(SECOND);
        pace.pause(Duration::ZERO);
        assert_eq!(seconds_of(1, &pace).await, 1.0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_period_can_change_or_end() {
        let pace = Pace::new(Duration::ZERO, 1);
        assert_eq!(seconds_of(1000, &pace).await, 0.0);
        pace.set_period(Some(10 * SECOND));
        assert_eq!(seconds_of(3, &pace).await, 20.0);
        pace.set_period(None);
        pace.turn().await;
        assert_eq!(seconds_of(1000, &pace).await, 0.0);
    }

    #[tokio::test(start_paused = true)]
    async fn one_destination_has_one_pace_as_long_as_anybody_uses_it() {
        let paces = Paces::default();
        let make = || Pace::new(SECOND, 1);
        let (first, same) = (paces.of(b"a", make), paces.of(b"a", make));
        let other = paces.of(b"b", make);
        first.turn().await;
        other.turn().await;
        assert_eq!(seconds_of(1, &same).await, 1.0);
        drop((first, same));
        assert_eq!(seconds_of(1, &paces.of(b"a", make)).await, 0.0);
        assert_eq!(lock(&paces.0).len(), 2);
    }
}
