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
    /// Says that all went well, and that of a batch the events whose id contains `bad` were refused for good, as bulk
    /// interfaces do.
    RefuseSome,
    /// Takes the beginning of a batch and breaks the connection at the first event whose id contains `bad`.
    BreakMidway,
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

    /// Delivers structured CloudEvents as one batch; one outcome for each. The sink's own timeout should be about a second.
    fn deliver(&mut self, batch: &[Vec<u8>]) -> impl Future<Output = Vec<Outcome>>;

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
    settles_each_event_of_a_batch(&mut harness).await;
    reports_no_delivery_that_was_cut_off(&mut harness).await;
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

/// A success as a whole says nothing about the items inside.
async fn settles_each_event_of_a_batch<H: SinkHarness>(harness: &mut H) {
    let ids = ["suite-batch-1", "suite-batch-bad", "suite-batch-3"];
    if !harness.behave(Behaviour::RefuseSome).await {
        return;
    }
    let outcomes = deliver_batch(harness, &ids).await;
    let received = harness.received().await;
    for (id, outcome) in ids.into_iter().zip(outcomes) {
        let is_bad = id.contains("bad");
        let expected = if is_bad { Outcome::DeadLetter } else { Outcome::Delivered };
        assert_eq!(outcome, expected, "{id}: each event of a batch has its own outcome");
        assert_eq!(received.iter().any(|each| each == id), !is_bad, "{id}: {received:?}");
    }
    recovers(harness, Behaviour::RefuseSome, "suite-batch-again").await;
}

async fn reports_no_delivery_that_was_cut_off<H: SinkHarness>(harness: &mut H) {
    let ids = ["suite-midway-1", "suite-midway-2", "suite-midway-bad", "suite-midway-4"];
    if !harness.behave(Behaviour::BreakMidway).await {
        return;
    }
    let outcomes = deliver_batch(harness, &ids).await;
    let received = harness.received().await;
    for (id, outcome) in ids.into_iter().zip(&outcomes) {
        match outcome {
            Outcome::Delivered => {
                assert!(received.iter().any(|each| each == id), "{id} is said to be delivered");
            }
            Outcome::Hold | Outcome::Retry { .. } => {}
            Outcome::DeadLetter | Outcome::Disable => {
                panic!("{id}: a broken connection says nothing about an event: {outcome:?}")
            }
        }
    }
    assert!(outcomes.iter().any(|outcome| *outcome != Outcome::Delivered), "{outcomes:?}");
    recovers(harness, Behaviour::BreakMidway, "suite-midway-again").await;
    // The same events again: what was taken the first time does no harm.
    let outcomes = deliver_batch(harness, &ids).await;
    assert_eq!(outcomes, [Outcome::Delivered; 4], "a batch that was cut off can be repeated");
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
    deliver_batch(harness, &[id]).await.remove(0)
}

async fn deliver_batch<H: SinkHarness>(harness: &mut H, ids: &[&str]) -> Vec<Outcome> {
    let batch: Vec<_> = ids.iter().map(|id| event(id)).collect();
    match tokio::time::timeout(LIMIT, harness.deliver(&batch)).await {
        Ok(outcomes) => {
            assert_eq!(outcomes.len(), ids.len(), "one outcome for each event of {ids:?}");
            outcomes
        }
        Err(_) => panic!("delivering {ids:?} took longer than {LIMIT:?}"),
    }
}

fn event(id: &str) -> Vec<u8> {
    let event = serde_json::json!({
        "specversion": "1.0",
        "id": id,
        "source": "/testkit/sink-suite",
        "type": "testkit.sink.suite",
        "datacontenttype": "application/json",
        "data": { "text": "Grüße, \u{1f600}", "number": 1 },
    });
    event.to_string().into_bytes()
}

#[cfg(test)]
mod tests;
