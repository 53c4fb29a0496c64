//! Lets through at a rate what services take: all of it, or that of each client, user or the like.

use std::fmt;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use moka::sync::Cache;

use crate::config::Rate;

/// Most keys that are watched at once; the least recent ones are forgotten first.
const MAX_KEYS: u64 = 16 * 1024;

/// A key that was quiet this long starts anew. No rate has a longer unit.
const MEMORY: Duration = Duration::from_secs(3600);

/// Lets requests through at a rate.
#[derive(Debug)]
pub struct Limiter {
    state: RateLimiter<NotKeyed, InMemoryState, DefaultClock>,
    clock: DefaultClock,
}

/// One limiter for each key.
pub struct Limiters<K> {
    quota: Quota,
    limiters: Cache<K, Arc<Limiter>>,
}

/// Why something is not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limited {
    /// The rate is used up for so long.
    For(Duration),
    /// It is more than the rate ever lets through at once.
    Always,
}

impl Limiter {
    /// Lets the whole count through at once: senders deliver in bursts.
    pub fn new(rate: Rate) -> Self {
        Self::with_quota(rate.bursting())
    }

    /// How long to wait, if the rate is used up.
    pub fn check(&self) -> Result<(), Duration> {
        self.state.check().map_err(|not_until| not_until.wait_time_from(self.clock.now()))
    }

    /// Lets all of so many through, or none.
    pub fn check_all(&self, count: NonZeroU32) -> Result<(), Limited> {
        match self.state.check_n(count) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(not_until)) => Err(Limited::For(not_until.wait_time_from(self.clock.now()))),
            Err(_) => Err(Limited::Always),
        }
    }

    fn with_quota(quota: Quota) -> Self {
        Self { state: RateLimiter::direct(quota), clock: DefaultClock::default() }
    }
}

impl<K: Hash + Eq + Send + Sync + 'static> Limiters<K> {
    /// Each key has this rate for itself.
    pub fn new(rate: Rate) -> Self {
        let limiters = Cache::builder().max_capacity(MAX_KEYS).time_to_idle(MEMORY).build();
        Self { quota: rate.bursting(), limiters }
    }

    /// The limiter of a key.
    pub fn of(&self, key: K) -> Arc<Limiter> {
        let quota = self.quota;
        self.limiters.get_with(key, || Arc::new(Limiter::with_quota(quota)))
    }
}

impl<K> fmt::Debug for Limiters<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Limiters").field("quota", &self.quota).finish_non_exhaustive()
    }
}

/// `Retry-After` in whole seconds, rounded up, at least one: nobody is asked back too early.
pub fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0 || wait.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_own_rate() {
        let limiters = Limiters::new(Rate::parse("2/h").unwrap());
        let two = NonZeroU32::new(2).unwrap();
        assert_eq!(limiters.of("a").check_all(two), Ok(()));
        let wait = limiters.of("a").check().unwrap_err();
        assert!(wait > Duration::from_secs(1700) && wait <= Duration::from_secs(1800), "{wait:?}");
        assert!(matches!(limiters.of("a").check_all(two), Err(Limited::For(_))));
        assert_eq!(limiters.of("b").check(), Ok(()));
        let three = NonZeroU32::new(3).unwrap();
        assert_eq!(limiters.of("c").check_all(three), Err(Limited::Always));
    }

    #[test]
    fn a_sender_is_never_asked_back_too_early() {
        for (millis, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2)] {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), seconds);
        }
    }
}
