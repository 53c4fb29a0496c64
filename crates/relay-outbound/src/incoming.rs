//! A message that a route was given: the event, where it came from, and what was tried.

use async_nats::HeaderMap;
use async_nats::jetstream::Message;
use bytes::Bytes;
use event_bus_core::event::{DecodeError, Event, nats};
use event_bus_core::key::EventKey;
use event_bus_core::wire::{self, Attempts, Delivery, InvalidRecord, Origin, Retry, header};
use time::OffsetDateTime;

/// Headers that tell which event it is.
const KEY_HEADERS: [&str; 3] = ["ce-specversion", "ce-id", "ce-source"];

/// Which of a route's two consumers gave a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// The one on the stream of events.
    Events,
    /// The one on the stream of retries.
    Retries,
}

/// What is known about a message before its event is read.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// Which consumer gave it.
    pub lane: Lane,
    /// The message and the consumer that delivered it.
    pub delivery: Delivery,
    /// How often the server has delivered it, this time included.
    pub deliveries: i64,
    /// Where the event was first stored.
    pub origin: Origin,
    /// What was tried.
    pub attempts: Attempts,
    /// When the next attempt is due.
    pub not_before: Option<OffsetDateTime>,
    /// Its headers, as they came.
    pub headers: HeaderMap,
    /// The payload; empty if it was too large to be stored again and stays where the event came from.
    pub payload: Bytes,
    /// Whether the payload has to be fetched from the origin.
    pub payload_at_origin: bool,
}

/// A message is not what a route can be given.
#[derive(Debug, thiserror::Error)]
pub enum InvalidMessage {
    /// It did not come from a consumer.
    #[error("the message has no JetStream reply subject")]
    NotJetStream(#[source] async_nats::Error),
}

impl Envelope {
    /// Reads what stands around the event. A retry whose record is unreadable is taken as an event without attempts,
    /// with the reason, so that it is not lost. The headers move out of the message.
    ///
    /// `incarnation` tells the consumer from its predecessors of the same name.
    pub fn read(
        message: &mut Message,
        lane: Lane,
        incarnation: i128,
    ) -> Result<(Self, Option<InvalidRecord>), InvalidMessage> {
        let headers = message.message.headers.take().unwrap_or_default();
        let info = message.info().map_err(InvalidMessage::NotJetStream)?;
        let stored_here = Origin {
            stream: info.stream.to_owned(),
            sequence: info.stream_sequence,
            subject: message.subject.to_string(),
        };
        let record = match lane {
            Lane::Events => None,
            Lane::Retries => {
                Some(Retry::read(|name| headers.get(name).map(async_nats::HeaderValue::as_str)))
            }
        };
        let (record, problem) = match record {
            None => (None, None),
            Some(Ok(record)) => (Some(record), None),
            Some(Err(problem)) => (None, Some(problem)),
        };
        // A schedule that fired is due; the clocks of the server and of this machine need not agree on it.
        let fired = headers.get(wire::SCHEDULER).is_some();
        let (origin, attempts, not_before) = match record {
            Some(record) => (record.origin, record.attempts, record.not_before),
            None => (stored_here, Attempts::default(), None),
        };
        let envelope = Self {
            lane,
            delivery: Delivery {
                stream: info.stream.to_owned(),
                consumer: info.consumer.to_owned(),
                incarnation,
                sequence: info.stream_sequence,
            },
            deliveries: info.delivered,
            origin,
            attempts,
            not_before: not_before.filter(|_| !fired),
            payload_at_origin: headers.get(header::PAYLOAD).is_some(),
            headers,
            payload: message.payload.clone(),
        };
        Ok((envelope, problem))
    }

    /// Decodes an event that came with these headers.
    pub fn decode(&self, payload: Bytes) -> Result<Event, DecodeError> {
        let headers = self.headers.iter();
        nats::decode(
            headers.filter_map(|(name, values)| Some((name.as_ref(), values.first()?.as_str()))),
            payload,
        )
    }

    /// The key of the event by its headers, which can be read even if the event cannot.
    pub fn key(&self) -> Option<EventKey> {
        let headers = self.headers.iter();
        let headers = headers
            .filter_map(|(name, values)| Some((name.as_ref(), values.first()?.as_str())))
            .filter(|(name, _)| KEY_HEADERS.iter().any(|key| key.eq_ignore_ascii_case(name)));
        let named = [("ce-type", "unknown")].into_iter().chain(headers);
        nats::decode(named, Bytes::new()).ok().map(|event| EventKey::of(&event))
    }
}
