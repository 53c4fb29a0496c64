//! When a delivery is tried again.

use std::num::NonZeroU32;
use std::time::Duration;

/// The waits of the default schedule: about 17.6 hours in all, then the event is a dead letter.
const DEFAULT_WAITS: [Duration; 8] = [
    Duration::ZERO,
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 60 * 60),
    Duration::from_secs(5 * 60 * 60),
    Duration::from_secs(10 * 60 * 60),
];

/// Part of a wait by which it is moved at random, either way, so that retries do not arrive together.
const JITTER: f64 = 0.2;

/// How often an event is tried, and how long the route waits before each attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    attempts: NonZeroU32,
    /// `waits[i]` stands before attempt `i + 1`; the last one repeats. Never empty.
    waits: Vec<Duration>,
}

/// The settings of a schedule contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSchedule {
    /// There is no wait at all.
    #[error("the schedule is empty: name at least one wait, such as \"0s\"")]
    Empty,
    /// A wait is longer than what a bus stores for.
    #[error("a wait is longer than 7 days")]
    TooLong,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            attempts: NonZeroU32::new(8).expect("eight is not zero"),
            waits: DEFAULT_WAITS.to_vec(),
        }
    }
}

impl Schedule {
    /// Longest wait between two attempts.
    pub const MAX_WAIT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

    /// `attempts` includes the first one.
    pub fn new(attempts: NonZeroU32, waits: Vec<Duration>) -> Result<Self, InvalidSchedule> {
        if waits.is_empty() {
            return Err(InvalidSchedule::Empty);
        }
        if waits.iter().any(|wait| *wait > Self::MAX_WAIT) {
            return Err(InvalidSchedule::TooLong);
        }
        Ok(Self { attempts, waits })
    }

    /// Number of attempts, the first one included.
    pub fn attempts(&self) -> u32 {
        self.attempts.get()
    }

    /// The wait before attempt `attempt` (from 1), without jitter.
    pub fn wait_before(&self, attempt: u32) -> Duration {
        let index = attempt.saturating_sub(1) as usize;
        self.waits[index.min(self.waits.len() - 1)]
    }

    /// The wait after `failed` attempts, or `None` if there is no further one.
    ///
    /// `requested` is what the destination asked for (`Retry-After`); it counts between once and twice the
    /// scheduled wait. `random` is between 0 and 1 and places the jitter.
    pub fn next_wait(
        &self,
        failed: u32,
        requested: Option<Duration>,
        random: f64,
    ) -> Option<Duration> {
        if failed >= self.attempts() {
            return None;
        }
        let scheduled = self.wait_before(failed + 1);
        if let Some(requested) = requested {
            return Some(requested.clamp(scheduled, scheduled * 2));
        }
        Some(scheduled.mul_f64(1.0 + JITTER * (2.0 * random.clamp(0.0, 1.0) - 1.0)))
    }

    /// The longest time from the first failure to the dead letter.
    pub fn total(&self) -> Duration {
        (2..=self.attempts().min(10_000))
            .map(|attempt| self.wait_before(attempt).mul_f64(1.0 + JITTER))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(attempts: u32, seconds: &[u64]) -> Schedule {
        let waits = seconds.iter().copied().map(Duration::from_secs).collect();
        Schedule::new(NonZeroU32::new(attempts).unwrap(), waits).unwrap()
    }

    #[test]
    fn the_last_wait_repeats_until_the_attempts_are_spent() {
        let schedule = schedule(5, &[0, 5, 30]);
        let waits: Vec<_> = (1..=5).map(|failed| schedule.next_wait(failed, None, 0.5)).collect();
        let seconds = |number| Some(Duration::from_secs(number));
        assert_eq!(waits, [seconds(5), seconds(30), seconds(30), seconds(30), None]);
    }

    #[test]
    fn jitter_stays_within_a_fifth() {
        let schedule = schedule(3, &[0, 100]);
        assert_eq!(schedule.next_wait(1, None, 0.0), Some(Duration::from_secs(80)));
        assert_eq!(schedule.next_wait(1, None, 1.0), Some(Duration::from_secs(120)));
    }

    #[test]
    fn retry_after_counts_between_once_and_twice_the_wait() {
        let schedule = schedule(3, &[0, 10]);
        for (requested, expected) in [(1, 10), (15, 15), (3600, 20)] {
            let wait = schedule.next_wait(1, Some(Duration::from_secs(requested)), 0.5);
            assert_eq!(wait, Some(Duration::from_secs(expected)));
        }
    }
}
