//! Waiting for something to become true, with a deadline instead of a sleep.

use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(10);

/// Calls `probe` until it answers `Some`, and panics with `what` once `within` has passed.
pub async fn poll_until<T>(
    within: Duration,
    what: &str,
    probe: impl AsyncFnMut() -> Option<T>,
) -> T {
    match try_poll(within, probe).await {
        Some(value) => value,
        None => panic!("waited {within:?} in vain for {what}"),
    }
}

/// Calls `probe` until it answers `Some`; `None` once `within` has passed.
pub async fn try_poll<T>(within: Duration, mut probe: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + within;
    loop {
        if let Some(value) = probe().await {
            return Some(value);
        }
        if Instant::now() >= deadline {
            return None;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_probe_is_asked_until_it_answers() {
        let mut asked = 0;
        let answer = poll_until(Duration::from_secs(5), "the third question", async || {
            asked += 1;
            (asked == 3).then_some("yes")
        })
        .await;
        assert_eq!((answer, asked), ("yes", 3));
    }

    #[tokio::test]
    async fn a_probe_that_never_answers_ends_at_the_deadline() {
        assert_eq!(try_poll::<()>(Duration::from_millis(30), async || None).await, None);
    }
}
