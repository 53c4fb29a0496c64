//! How fast one destination takes events, whichever routes they come from.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use rand::RngExt as _;
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, sleep_until};

/// The first wait after a destination throttled, and the longest.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));

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
    /// Waits since something last went through.
    throttled: u32,
}

/// The paces of destinations that several routes may share.
#[derive(Debug, Default)]
pub struct Paces(Mutex<HashMap<[u8; 32], Weak<Pace>>>);

impl Pace {
    /// One event each `period`, up to `burst` at once.
    pub fn new(period: Duration, burst: u32) -> Self {
        let settings = Settings { period, burst, not_before: Instant::now(), throttled: 0 };
        Self { settings: Mutex::new(settings), clear_at: tokio::sync::Mutex::new(Instant::now()) }
    }

    /// Waits until one more event may go.
    pub async fn turn(&self) {
        let mut clear_at = self.clear_at.lock().await;
        loop {
            let Settings { period, burst, not_before, .. } = *lock(&self.settings);
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

    /// The destination throttled: lets nothing through for the time that it asked for, else for twice the last wait. What
    /// it says while it is left alone counts as the same. Returns how long that is still.
    pub fn back_off(&self, asked: Option<Duration>) -> Duration {
        let mut settings = lock(&self.settings);
        let now = Instant::now();
        let wait = if settings.not_before > now {
            asked.unwrap_or_default()
        } else {
            let before = settings.throttled;
            settings.throttled = before.saturating_add(1);
            asked.unwrap_or_else(|| spread(nth_wait(before)))
        };
        settings.not_before = settings.not_before.max(now + wait.min(BACK_OFF.1));
        settings.not_before - now
    }

    /// The destination took something: the next wait is a first one.
    pub fn took(&self) {
        lock(&self.settings).throttled = 0;
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

/// The wait after so many others.
fn nth_wait(before: u32) -> Duration {
    let (first, longest) = BACK_OFF;
    first.saturating_mul(2_u32.saturating_pow(before)).min(longest)
}

/// Half of it to all of it, so that replicas do not come back together.
fn spread(wait: Duration) -> Duration {
    wait.mul_f64(rand::rng().random_range(0.5..=1.0))
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

    #[test]
    fn each_wait_is_twice_as_long_and_none_is_endless() {
        let waits: Vec<_> =
            [0, 1, 2, 7, 8, 40, u32::MAX].map(nth_wait).map(|wait| wait.as_millis()).into();
        assert_eq!(waits, [200, 400, 800, 25_600, 30_000, 30_000, 30_000]);
    }

    #[tokio::test(start_paused = true)]
    async fn routes_that_are_throttled_together_wait_once() {
        let pace = Pace::new(Duration::ZERO, 1);
        for _ in 0..20 {
            assert!(pace.back_off(None) <= BACK_OFF.0);
        }
        pace.turn().await;
        let second = pace.back_off(None);
        assert!(second >= BACK_OFF.0 && second <= BACK_OFF.0 * 2, "{second:?}");
        assert_eq!(pace.back_off(Some(7 * SECOND)), 7 * SECOND);
        assert_eq!(pace.back_off(Some(3600 * SECOND)), BACK_OFF.1);
        pace.turn().await;
        pace.took();
        assert!(pace.back_off(None) <= BACK_OFF.0);
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
