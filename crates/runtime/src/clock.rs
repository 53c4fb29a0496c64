//! The only reader of the system time, so that a test can say what time it is.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;

/// Tells the time in UTC. Cloning is cheap; clones of a manual clock show the same time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

/// The hand that moves a [`Clock::manual`].
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<OffsetDateTime>>);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<Mutex<OffsetDateTime>>),
}

impl Clock {
    /// The clock of the machine.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that always shows `now`.
    pub fn fixed(now: OffsetDateTime) -> Self {
        Self(Source::Manual(Arc::new(Mutex::new(now))))
    }

    /// A clock that starts at the Unix epoch and moves only by its [`ManualClock`].
    pub fn manual() -> (Self, ManualClock) {
        let cell = Arc::new(Mutex::new(OffsetDateTime::UNIX_EPOCH));
        (Self(Source::Manual(Arc::clone(&cell))), ManualClock(cell))
    }

    /// The present time in UTC.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the time")]
    pub fn now(&self) -> OffsetDateTime {
        match &self.0 {
            Source::System => OffsetDateTime::now_utc(),
            Source::Manual(cell) => *cell.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

impl ManualClock {
    /// Sets the time, forward or backward.
    pub fn set(&self, now: OffsetDateTime) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Moves the time forward.
    pub fn advance(&self, by: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let (clock, hand) = Clock::manual();
        let copy = clock.clone();
        assert_eq!(clock.now(), OffsetDateTime::UNIX_EPOCH);
        hand.advance(Duration::from_secs(90));
        assert_eq!(copy.now().unix_timestamp(), 90);
        hand.set(OffsetDateTime::UNIX_EPOCH);
        assert_eq!(clock.now().unix_timestamp(), 0);
    }
}
