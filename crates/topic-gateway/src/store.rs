//! From a message to an event on the bus, and to what became of it.

use std::borrow::Cow;
use std::collections::HashMap;

use bytes::Bytes;
use event_bus_core::Chain;
use event_bus_core::event::nats;
use event_bus_core::key::EventKey;
use event_bus_core::wire;
use event_bus_runtime::bus::{Outgoing, PublishError};
use futures_util::stream::{self, StreamExt as _};
use http::StatusCode;
use tokio::time::Instant;

use crate::admission::Admission;
use crate::answer::Refusal;
use crate::failures;
use crate::gateway::{Gateway, Shared, too_large, too_large_on_bus};
use crate::json::Value;
use crate::metrics::Waited;
use crate::outcomes::{Known, Waiter};
use crate::profile::Profile;
use crate::reason::Reason;
use crate::topic::Acknowledge;

/// Endpoint of dedup ids.
const ENDPOINT: &str = "topics";

/// Target of the log lines that say that a message was accepted.
const ACCEPTED: &str = "topic_gateway::accepted";

/// Messages of one request that are stored at the same time.
const AT_ONCE: usize = 16;

/// A message that may be stored.
pub(crate) struct Prepared {
    key: EventKey,
    /// Messages with the same one are stored in the order in which they came.
    order: Option<String>,
    headers: Vec<(Cow<'static, str>, String)>,
    payload: Bytes,
}

/// A message that is stored.
pub(crate) struct Stored {
    key: EventKey,
    duplicate: bool,
    /// Hears of its destinations, where the producer waits for them.
    waiter: Option<Waiter>,
}

/// A message that is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Now.
    Accepted,
    /// It was there before.
    Duplicate,
}

impl Gateway {
    /// Messages with one key are stored one after the other, others at the same time.
    pub(crate) async fn store_all(
        &self,
        admission: &Admission<'_>,
        messages: Vec<Result<Prepared, Refusal>>,
    ) -> Vec<Result<Stored, Refusal>> {
        let mut results: Vec<_> = messages.iter().map(|_| None).collect();
        let mut queues: Vec<Vec<(usize, Prepared)>> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for (index, message) in messages.into_iter().enumerate() {
            match message {
                Ok(prepared) => {
                    let next = queues.len();
                    let place = match &prepared.order {
                        Some(key) => *places.entry(key.clone()).or_insert(next),
                        None => next,
                    };
                    if place == next {
                        queues.push(Vec::new());
                    }
                    queues[place].push((index, prepared));
                }
                Err(refusal) => results[index] = Some(Err(refusal)),
            }
        }
        let deadline = self.publish_deadline();
        let storing = queues.into_iter().map(|queue| self.store_queue(admission, queue, deadline));
        let stored: Vec<_> = stream::iter(storing).buffer_unordered(AT_ONCE).collect().await;
        for (index, result) in stored.into_iter().flatten() {
            results[index] = Some(result);
        }
        let unknown = || Err(Refusal::internal(self.0.settings.profile));
        results.into_iter().map(|result| result.unwrap_or_else(unknown)).collect()
    }

    /// Stores messages with one key. After one that could not be stored now, none follows: it would come first.
    async fn store_queue(
        &self,
        admission: &Admission<'_>,
        queue: Vec<(usize, Prepared)>,
        deadline: Instant,
    ) -> Vec<(usize, Result<Stored, Refusal>)> {
        let mut stored = Vec::with_capacity(queue.len());
        let mut stopped = None;
        for (index, prepared) in queue {
            let result = match &stopped {
                Some(refusal) => Err(Refusal::clone(refusal)),
                None => self.store(admission, prepared, deadline).await,
            };
            if let Err(refusal) = &result
                && refusal.status == StatusCode::SERVICE_UNAVAILABLE
            {
                stopped = Some(refusal.clone());
            }
            stored.push((index, result));
        }
        stored
    }

    pub(crate) fn publish_deadline(&self) -> Instant {
        Instant::now() + self.0.settings.publish_within
    }

    /// The event of a message that may be stored, as it goes over the bus.
    pub(crate) fn prepare(
        &self,
        admission: &Admission<'_>,
        message: &Value,
    ) -> Result<Prepared, Refusal> {
        admission.check(message)?;
        let event = admission.governed.topic.event(message, self.0.clock.now());
        let event = event
            .map_err(|error| Refusal::because(Reason::InvalidEvent, Chain(&error).to_string()))?;
        let (headers, payload) = nats::encode_structured(&event);
        let limit = self.0.bus.max_payload().saturating_sub(wire::RECORD_RESERVE);
        if payload.len() > limit {
            return Err(too_large_on_bus(payload.len(), limit));
        }
        self.0.settings.payload_log.write(&admission.governed.topic.name, message);
        let order = event.extension("partitionkey").map(|key| key.to_text().into_owned());
        Ok(Prepared { key: EventKey::of(&event), order, headers, payload })
    }

    pub(crate) async fn store(
        &self,
        admission: &Admission<'_>,
        prepared: Prepared,
        deadline: Instant,
    ) -> Result<Stored, Refusal> {
        let Prepared { key, headers, payload, .. } = prepared;
        let topic = &admission.governed.topic;
        let waits = topic.acknowledge == Acknowledge::Delivered;
        // Before it is published, so that no receipt is missed.
        let waiter = waits.then(|| self.0.outcomes.wait_for(&key));
        let outgoing = Outgoing {
            subject: topic.subject().into(),
            headers: &headers,
            payload,
            dedup_id: &key.dedup_id(ENDPOINT),
            stream: &self.0.stream,
        };
        let began = Instant::now();
        let ack = self.0.publisher.publish(outgoing, deadline).await;
        let ack = ack.map_err(|error| {
            tracing::error!(topic = topic.name, event = %key, error = %Chain(&error), "event not stored");
            not_stored(&error, self.0.settings.profile)
        })?;
        admission.lane.metrics.published(began.elapsed());
        Ok(Stored { key, duplicate: ack.duplicate, waiter })
    }

    /// Waits until every destination has the event, where the topic says so and there is a place to wait.
    pub(crate) async fn settle(
        &self,
        admission: &Admission<'_>,
        stored: Stored,
        has_place: bool,
    ) -> Result<Ended, Refusal> {
        let Shared { settings, .. } = &*self.0;
        let Stored { key, duplicate, waiter } = stored;
        let topic = &admission.governed.topic;
        if let Some(waiter) = waiter {
            let routes: Vec<_> =
                topic.destinations.iter().map(|destination| destination.route.clone()).collect();
            let (began, waited) = (Instant::now(), has_place.then_some(settings.delivered_within));
            let known = match waited {
                Some(within) => waiter.outcome(&routes, duplicate, began + within).await,
                None => waiter.known(&routes, duplicate).await,
            };
            let problems =
                failures::problems(&topic.destinations, &known, waited, settings.profile);
            let outcome = match (problems.is_empty(), waited, known.contains(&Known::Nothing)) {
                (true, _, _) => Waited::Delivered,
                (false, None, _) => Waited::Skipped,
                (false, Some(_), true) => Waited::TimedOut,
                (false, Some(_), false) => Waited::Failed,
            };
            admission.lane.metrics.waited(outcome, began.elapsed());
            if !problems.is_empty() {
                tracing::error!(
                    topic = topic.name,
                    event = %key,
                    failed = problems.len(),
                    destinations = routes.len(),
                    "not every destination has the event yet"
                );
                let reason = Reason::Undelivered;
                let status = reason.status();
                return Err(Refusal { status, problems, retry_after: None, reason: Some(reason) });
            }
        }
        let user = admission.subject;
        tracing::debug!(target: ACCEPTED, topic = topic.name, user, event = %key, duplicate, "message accepted");
        Ok(if duplicate { Ended::Duplicate } else { Ended::Accepted })
    }
}

/// Never 202: the event is not known to be durable.
fn not_stored(error: &PublishError, profile: Profile) -> Refusal {
    match error {
        PublishError::TooLarge { limit } => too_large(*limit),
        PublishError::Unavailable(_)
        | PublishError::StreamFull
        | PublishError::WrongStream
        | PublishError::Rejected { .. } => {
            let message = profile.sentence("The event could not be stored; send it again");
            Refusal::because(Reason::NotStored, message).retry_after(5)
        }
    }
}
