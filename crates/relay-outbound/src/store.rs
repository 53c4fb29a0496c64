//! Stores retries and dead letters on the bus.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use async_nats::HeaderMap;
use bytes::Bytes;
use event_bus_core::event::format_time;
use event_bus_core::wire::{self, DeadLetter, Retry, header};
use event_bus_runtime::bus::{Outgoing, PublishError, Publisher};
use tokio::time::Instant;
use uuid::Uuid;

use crate::incoming::Envelope;

/// How long one store may take, failover of a replicated stream included.
const STORE_WITHIN: Duration = Duration::from_secs(15);

/// A record could not be stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The bus did not confirm it.
    #[error("the bus did not confirm the record")]
    Publish(#[source] PublishError),
}

/// Names of the streams that the relay works with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamNames {
    /// Where events come from.
    pub events: String,
    /// Where retries wait.
    pub retries: String,
    /// Where dead letters stay.
    pub dead_letters: String,
}

/// Writes the records of one route.
#[derive(Clone, Debug)]
pub struct Store {
    publisher: Publisher,
    names: Arc<StreamNames>,
    /// Whether the server fires schedules. One that does not acknowledges them all the same and forgets them.
    schedules: bool,
    dead_letter_prefix: String,
}

impl Store {
    /// A store for one route.
    pub fn new(
        publisher: Publisher,
        names: Arc<StreamNames>,
        schedules: bool,
        dead_letter_prefix: String,
    ) -> Self {
        Self { publisher, names, schedules, dead_letter_prefix }
    }

    /// Whether waiting retries are schedules of the server.
    pub(crate) fn uses_schedules(&self) -> bool {
        self.schedules
    }

    /// Stores a retry: as a schedule that the server fires, or, where it has none, at once with its time in a header.
    pub async fn retry(&self, envelope: &Envelope, retry: &Retry) -> Result<(), StoreError> {
        let due = wire::retry_subject(&retry.route);
        let mut headers = with_record(&envelope.headers, retry.headers());
        let subject = match retry.not_before {
            Some(time) if self.schedules => {
                headers.push((wire::SCHEDULE.into(), format!("@at {}", format_time(time))));
                headers.push((wire::SCHEDULE_TARGET.into(), due));
                wire::later_subject(&retry.route, &Uuid::new_v4().to_string())
            }
            Some(_) | None => due,
        };
        self.store(&self.names.retries, subject, headers, envelope).await
    }

    /// Stores a dead letter under the route's prefix and the event's own subject.
    pub async fn dead_letter(
        &self,
        envelope: &Envelope,
        letter: &DeadLetter,
    ) -> Result<(), StoreError> {
        let subject = format!("{}.{}", self.dead_letter_prefix, letter.origin.subject);
        let headers = with_record(&envelope.headers, letter.headers());
        self.store(&self.names.dead_letters, subject, headers, envelope).await
    }

    async fn store(
        &self,
        stream: &str,
        subject: String,
        mut headers: Headers,
        envelope: &Envelope,
    ) -> Result<(), StoreError> {
        let dedup_id = &envelope.delivery.dedup_id();
        if envelope.payload_at_origin {
            headers.push(at_origin());
        }
        let outgoing = Outgoing {
            subject: subject.into(),
            headers: &headers,
            payload: envelope.payload.clone(),
            dedup_id,
            stream,
        };
        match self.publisher.publish(outgoing.clone(), Instant::now() + STORE_WITHIN).await {
            Err(PublishError::TooLarge { .. }) if !envelope.payload.is_empty() => {
                // Published by somebody else, right below the server's limit. The record goes without the payload,
                // which stays where the event came from.
                let mut headers = headers.clone();
                headers.push(at_origin());
                let outgoing = Outgoing { headers: &headers, payload: Bytes::new(), ..outgoing };
                let stored = self.publisher.publish(outgoing, Instant::now() + STORE_WITHIN).await;
                stored.map_err(StoreError::Publish)?;
            }
            result => {
                result.map_err(StoreError::Publish)?;
            }
        }
        Ok(())
    }
}

/// The headers of a message that is to be stored.
pub(crate) type Headers = Vec<(Cow<'static, str>, String)>;

/// The event's own headers and those of a record. Headers of the server and of an older record stay behind.
pub(crate) fn with_record(event: &HeaderMap, record: Vec<(&'static str, String)>) -> Headers {
    let mut headers = Headers::with_capacity(event.len() + record.len() + 2);
    for (name, values) in event.iter().filter(|(name, _)| !wire::is_volatile_header(name.as_ref()))
    {
        let name: &str = name.as_ref();
        headers.extend(
            values.iter().map(|value| (Cow::Owned(name.to_owned()), value.as_str().to_owned())),
        );
    }
    headers.extend(record.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)));
    headers
}

fn at_origin() -> (Cow<'static, str>, String) {
    (Cow::Borrowed(header::PAYLOAD), header::PAYLOAD_AT_ORIGIN.to_owned())
}
