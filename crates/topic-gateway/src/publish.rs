//! `POST /topics/{topic}`: messages are checked, stored, and answered.
//!
//! In the order of the contract (section 3), but for what it names as better: who sends is asked before what is sent. 202
//! means that the stream has confirmed the event and, where the topic says so, that every destination has it.

use std::borrow::Cow;
use std::collections::HashMap;

use bytes::Bytes;
use event_bus_core::Chain;
use event_bus_core::event::nats;
use event_bus_core::key::EventKey;
use event_bus_core::wire;
use event_bus_runtime::bus::{Outgoing, PublishError};
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use http::StatusCode;
use http::request::Parts as Head;
use hyper::body::Body;
use tokio::time::Instant;

use crate::answer::{self, Answer, Refusal};
use crate::batch::{self, Results};
use crate::failures;
use crate::gateway::{Gateway, busy, too_large};
use crate::json::{self, Limits, ParseError, Value};
use crate::outcomes::Waiter;
use crate::profile::Profile;
use crate::rules::{Governed, Rules};
use crate::topic::Acknowledge;

/// Endpoint of dedup ids.
const ENDPOINT: &str = "topics";

/// Messages of one request that are stored at the same time.
const AT_ONCE: usize = 16;

/// What a request holds.
enum Sent {
    /// One value: a message, or an array of messages.
    Value(Value),
    /// A message in each line.
    Lines(batch::Messages),
}

/// A message that may be stored.
struct Prepared {
    key: EventKey,
    /// Messages with the same one are stored in the order in which they came.
    order: Option<String>,
    headers: Vec<(Cow<'static, str>, String)>,
    payload: Bytes,
}

/// A message that is stored.
struct Stored {
    key: EventKey,
    duplicate: bool,
    /// Hears of its destinations, where the producer waits for them.
    waiter: Option<Waiter>,
}

impl Gateway {
    pub(crate) async fn publish<B: Body<Data = Bytes>>(
        &self,
        head: &Head,
        body: B,
        topic: &str,
    ) -> Result<Answer, Refusal> {
        let profile = self.0.settings.profile;
        let _permit = self.0.permits.try_acquire().map_err(|_| busy(profile))?;
        let body = self.read(body).await?;
        let subject = self.subject(head).await?;
        let sent = self.parse(head, &body.bytes)?;
        drop(body);
        let rules = self.0.rules.load_full();
        if !rules.has_access() {
            tracing::error!("the access document lists nobody");
            return Err(Refusal::internal(profile));
        }
        let governed = rules.topic(topic).ok_or_else(|| Refusal::no_topic(topic))?;
        let messages: Vec<Result<&Value, Refusal>> = match &sent {
            Sent::Value(array @ Value::Array(items))
                if !items.is_empty() && !governed.schema.names_arrays() =>
            {
                batch::check_count(items.len(), self.0.settings.max_batch)?;
                let results = items.iter().map(Ok).collect();
                let results = self.publish_all(&rules, governed, subject.as_deref(), results).await;
                let as_one =
                    || governed.schema.check(array).err().map(|error| invalid(error.message));
                return Ok(batch::answer(&results, as_one));
            }
            Sent::Value(message) => {
                check(&rules, governed, subject.as_deref(), message)?;
                let prepared = self.prepare(governed, message)?;
                let stored = self.store(governed, prepared, self.publish_deadline()).await?;
                return self.settle(governed, stored).await.map(|()| answer::accepted());
            }
            Sent::Lines(lines) => {
                lines.iter().map(|line| line.as_ref().map_err(Clone::clone)).collect()
            }
        };
        let results = self.publish_all(&rules, governed, subject.as_deref(), messages).await;
        Ok(batch::answer(&results, || None))
    }

    fn parse(&self, head: &Head, body: &[u8]) -> Result<Sent, Refusal> {
        let settings = &self.0.settings;
        let limits = Limits { depth: settings.max_depth };
        if batch::has_lines(&head.headers) {
            return batch::lines(body, limits, settings.max_batch).map(Sent::Lines);
        }
        // The brackets around several messages are not part of any of them.
        let is_array = body.trim_ascii_start().first() == Some(&b'[');
        let limits = Limits { depth: limits.depth + usize::from(is_array) };
        json::parse(body, limits).map(Sent::Value).map_err(|error| unreadable(&error))
    }

    /// Messages with one key are stored one after the other, others at the same time; then all are waited for at once.
    async fn publish_all(
        &self,
        rules: &Rules,
        governed: &Governed,
        subject: Option<&str>,
        messages: Vec<Result<&Value, Refusal>>,
    ) -> Results {
        let mut results: Vec<Option<Result<(), Refusal>>> = vec![None; messages.len()];
        let mut queues: Vec<Vec<(usize, Prepared)>> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for (index, message) in messages.into_iter().enumerate() {
            let checked = message.and_then(|message| {
                check(rules, governed, subject, message)?;
                self.prepare(governed, message)
            });
            match checked {
                Ok(prepared) => {
                    let place = prepared.order.as_ref().and_then(|key| places.get(key).copied());
                    match place {
                        Some(place) => queues[place].push((index, prepared)),
                        None => {
                            if let Some(key) = &prepared.order {
                                places.insert(key.clone(), queues.len());
                            }
                            queues.push(vec![(index, prepared)]);
                        }
                    }
                }
                Err(refusal) => results[index] = Some(Err(refusal)),
            }
        }
        let deadline = self.publish_deadline();
        let storing = queues.into_iter().map(|queue| self.store_queue(governed, queue, deadline));
        let stored: Vec<_> = stream::iter(storing).buffer_unordered(AT_ONCE).collect().await;
        let settling = stored.into_iter().flatten().map(|(index, stored)| async move {
            match stored {
                Ok(stored) => (index, self.settle(governed, stored).await),
                Err(refusal) => (index, Err(refusal)),
            }
        });
        for (index, result) in join_all(settling).await {
            results[index] = Some(result);
        }
        let unknown = || Err(Refusal::internal(self.0.settings.profile));
        results.into_iter().map(|result| result.unwrap_or_else(unknown)).collect()
    }

    /// Stores messages with one key. After one that could not be stored now, none follows: it would come first.
    async fn store_queue(
        &self,
        governed: &Governed,
        queue: Vec<(usize, Prepared)>,
        deadline: Instant,
    ) -> Vec<(usize, Result<Stored, Refusal>)> {
        let mut stored = Vec::with_capacity(queue.len());
        let mut stopped = None;
        for (index, prepared) in queue {
            let result = match &stopped {
                Some(refusal) => Err(Refusal::clone(refusal)),
                None => self.store(governed, prepared, deadline).await,
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

    fn publish_deadline(&self) -> Instant {
        Instant::now() + self.0.settings.publish_within
    }

    /// The event of a message, as it goes over the bus.
    fn prepare(&self, governed: &Governed, message: &Value) -> Result<Prepared, Refusal> {
        let event = governed.topic.event(message, self.0.clock.now());
        let event = event.map_err(|error| invalid(Chain(&error).to_string()))?;
        let (headers, payload) = nats::encode_structured(&event);
        let limit = self.0.bus.max_payload().saturating_sub(wire::RECORD_RESERVE);
        if payload.len() > limit {
            return Err(too_large(limit));
        }
        let order = event.extension("partitionkey").map(|key| key.to_text().into_owned());
        Ok(Prepared { key: EventKey::of(&event), order, headers, payload })
    }

    async fn store(
        &self,
        governed: &Governed,
        prepared: Prepared,
        deadline: Instant,
    ) -> Result<Stored, Refusal> {
        let Prepared { key, headers, payload, .. } = prepared;
        let topic = &governed.topic;
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
        let ack = self.0.publisher.publish(outgoing, deadline).await;
        let ack = ack.map_err(|error| not_stored(&error, self.0.settings.profile))?;
        Ok(Stored { key, duplicate: ack.duplicate, waiter })
    }

    /// Waits until every destination has the event, where the topic says so.
    async fn settle(&self, governed: &Governed, stored: Stored) -> Result<(), Refusal> {
        let settings = &self.0.settings;
        let topic = &governed.topic;
        let Some(waiter) = stored.waiter else { return Ok(()) };
        let routes: Vec<_> =
            topic.destinations.iter().map(|destination| destination.route.clone()).collect();
        let deadline = Instant::now() + settings.delivered_within;
        let known = waiter.outcome(&routes, stored.duplicate, deadline).await;
        let problems = failures::problems(
            &topic.destinations,
            &known,
            settings.delivered_within,
            settings.profile,
        );
        if problems.is_empty() {
            return Ok(());
        }
        tracing::error!(
            topic = topic.name,
            event = %stored.key,
            failed = problems.len(),
            destinations = routes.len(),
            "not every destination has the event yet"
        );
        Err(Refusal { status: StatusCode::INTERNAL_SERVER_ERROR, problems, retry_after: None })
    }
}

/// Who may send what, and whether it fits.
fn check(
    rules: &Rules,
    governed: &Governed,
    subject: Option<&str>,
    message: &Value,
) -> Result<(), Refusal> {
    let name = &governed.topic.name;
    rules.decide(subject, name, message).map_err(|denied| {
        Refusal::new(StatusCode::FORBIDDEN, denied.error_type(), denied.message())
    })?;
    governed.schema.check(message).map_err(|error| invalid(error.message))?;
    governed.storage.check(message).map_err(|error| invalid(error.to_string()))
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "validation", message)
}

/// The body, or a line of it, is no JSON.
pub(crate) fn unreadable(error: &ParseError) -> Refusal {
    invalid(format!("Request body must be valid JSON: {}.", Chain(error)))
}

/// Never 202: the event is not known to be durable.
fn not_stored(error: &PublishError, profile: Profile) -> Refusal {
    tracing::error!(error = %Chain(error), "an event could not be stored");
    match error {
        PublishError::TooLarge { limit } => too_large(*limit),
        PublishError::Unavailable(_)
        | PublishError::StreamFull
        | PublishError::WrongStream
        | PublishError::Rejected { .. } => {
            let message = profile.sentence("The event could not be stored; send it again");
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "internal", message).retry_after(5)
        }
    }
}
