//! What every sink must do, whatever its destination: one contract, run against the real thing.
//!
//! A sink's test implements [`SinkHarness`] around the sink and a destination that can be told how
//! to behave, and calls [`check`]. HTTP sinks use [`HttpDestination`] for the second half.

mod http_destination;

use std::future::Future;
use std::time::Duration;

pub use http_destination::HttpDestination;

/// How the destination treats the events that come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    Accept,
    /// Refuses the event for good, as HTTP 400 does.
    Refuse,
    /// Cannot take events now and perhaps says for how long, as HTTP 503 does.
    Busy {
        retry_after: Option<Duration>,
    },
    /// Fails with an error of its own, as HTTP 500 does.
    Fail,
    /// Says that the sink's credentials are wrong, as HTTP 401 does.
    Reject,
    /// Is gone for good, as HTTP 410 says.
    Retire,
    /// Breaks the connection when it has read the event, without an answer.
    Break,
    /// Reads the event and never answers.
    Silence,
    /// Cannot be reached.
    Away,
}

/// What a sink reports of one delivery; the dispositions of `core`, without depending on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Delivered,
    Retry { after: Option<Duration> },
    Hold,
    DeadLetter,
    Disable,
}

/// One sink and its destination.
pub trait SinkHarness {
    /// Makes the destination behave so from now on; `false` when this kind of destination cannot.
    fn behave(&mut self, behaviour: Behaviour) -> impl Future<Output = bool>;

    /// Delivers one structured CloudEvent. The sink's own timeout should be about a second.
    fn deliver(&mut self, event: &[u8]) -> impl Future<Output = Outcome>;

    /// The ids of the events that the destination has taken and confirmed.
    fn received(&mut self) -> impl Future<Output = Vec<String>>;

    /// Closes the sink.
    fn close(self) -> impl Future<Output = ()>;
}

/// No delivery and no close takes longer, whatever the destination does.
const LIMIT: Duration = Duration::from_secs(30);
const ASKED_WAIT: Duration = Duration::from_secs(7);

/// Runs the contract; panics at the first breach.
pub async fn check<H: SinkHarness>(mut harness: H) {
    delivers_each_event(&mut harness).await;
    for (behaviour, is_allowed, rule) in contract() {
        if !harness.behave(behaviour).await {
            let optional = !matches!(behaviour, Behaviour::Fail | Behaviour::Away);
            assert!(optional, "every destination can be made to {behaviour:?}");
            continue;
        }
        let id = format!("suite-{behaviour:?}")
            .to_lowercase()
            .replace(|c: char| !c.is_alphanumeric(), "-");
        let outcome = deliver(&mut harness, &id).await;
        assert!(is_allowed(outcome), "{behaviour:?}: {rule}, but the sink reported {outcome:?}");
        let received = harness.received().await;
        assert!(
            !received.contains(&id),
            "{behaviour:?}: the destination confirmed an event it should not have"
        );
        recovers(&mut harness, behaviour, &format!("{id}-again")).await;
    }
    let closed = tokio::time::timeout(LIMIT, harness.close()).await;
    assert!(closed.is_ok(), "the sink did not close within {LIMIT:?}");
}

type Rule = (Behaviour, fn(Outcome) -> bool, &'static str);

/// The outcomes that are allowed for each behaviour. None of them is a delivery.
fn contract() -> [Rule; 9] {
    use Outcome::{DeadLetter, Disable, Hold, Retry};
    [
        (
            Behaviour::Refuse,
            |outcome| outcome == DeadLetter,
            "trying a refused event again is senseless",
        ),
        (
            Behaviour::Fail,
            |outcome| matches!(outcome, Retry { .. }),
            "an error is no success and may pass",
        ),
        (
            Behaviour::Reject,
            |outcome| matches!(outcome, Retry { .. }),
            "credentials may be in rotation",
        ),
        (
            Behaviour::Busy { retry_after: None },
            |outcome| matches!(outcome, Retry { .. }),
            "a busy destination is tried again",
        ),
        (
            Behaviour::Busy { retry_after: Some(ASKED_WAIT) },
            |outcome| outcome == Retry { after: Some(ASKED_WAIT) },
            "the wait that the destination asks for is passed on",
        ),
        (
            Behaviour::Retire,
            |outcome| outcome == Disable,
            "a retired destination gets nothing more",
        ),
        (
            Behaviour::Break,
            |outcome| matches!(outcome, Hold | Retry { .. }),
            "an unconfirmed event is not delivered and not lost",
        ),
        (
            Behaviour::Silence,
            |outcome| matches!(outcome, Hold | Retry { .. }),
            "an unconfirmed event is not delivered and not lost",
        ),
        (Behaviour::Away, |outcome| outcome == Hold, "an unreachable destination is waited for"),
    ]
}

async fn delivers_each_event<H: SinkHarness>(harness: &mut H) {
    assert!(harness.behave(Behaviour::Accept).await, "every destination can accept");
    for id in ["suite-first", "suite-second"] {
        assert_eq!(
            deliver(harness, id).await,
            Outcome::Delivered,
            "an accepted event is delivered"
        );
        let received = harness.received().await;
        assert!(
            received.iter().any(|received| received == id),
            "{id} is not at the destination: {received:?}"
        );
    }
}

async fn recovers<H: SinkHarness>(harness: &mut H, after: Behaviour, id: &str) {
    assert!(harness.behave(Behaviour::Accept).await, "every destination can accept");
    let outcome = deliver(harness, id).await;
    assert_eq!(outcome, Outcome::Delivered, "the sink works again after {after:?}");
    assert!(
        harness.received().await.iter().any(|received| received == id),
        "{id} is not at the destination"
    );
}

async fn deliver<H: SinkHarness>(harness: &mut H, id: &str) -> Outcome {
    let event = serde_json::json!({
        "specversion": "1.0",
        "id": id,
        "source": "/testkit/sink-suite",
        "type": "testkit.sink.suite",
        "datacontenttype": "application/json",
        "data": { "text": "Grüße, \u{1f600}", "number": 1 },
    });
    match tokio::time::timeout(LIMIT, harness.deliver(event.to_string().as_bytes())).await {
        Ok(outcome) => outcome,
        Err(_) => panic!("delivering {id} took longer than {LIMIT:?}"),
    }
}

#[cfg(test)]
mod tests;
