//! Dead letters for people: list, look at, send again, delete.

use std::ops::ControlFlow;

use async_nats::HeaderMap;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use bytes::Bytes;
use event_bus_core::delivery::DeadLetterReason;
use event_bus_core::wire::{self, Attempts, DeadLetter, InvalidRecord, Retry, header};
use event_bus_runtime::Bus;
use event_bus_runtime::bus::{Outgoing, PublishError, Publisher};
use tokio::time::{Duration, Instant};

use crate::consumers::look_up;
use crate::store::{Headers, StreamNames, with_record};

/// How long storing one redriven event may take.
const REDRIVE_WITHIN: Duration = Duration::from_secs(15);

/// The dead letters on the bus.
#[derive(Clone, Debug)]
pub struct DeadLetters {
    bus: Bus,
    names: StreamNames,
    publisher: Publisher,
}

/// One dead letter.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its sequence on the stream of dead letters, by which it is named.
    pub sequence: u64,
    /// Its subject there.
    pub subject: String,
    /// Why it is there.
    pub letter: DeadLetter,
    /// Headers of the message.
    pub headers: HeaderMap,
    /// The event; empty if it is to be read from its origin.
    pub payload: Bytes,
}

/// Which dead letters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only of this route.
    pub route: Option<String>,
    /// Only for this reason.
    pub reason: Option<DeadLetterReason>,
    /// Only this one.
    pub sequence: Option<u64>,
}

/// Something could not be done with dead letters.
#[derive(Debug, thiserror::Error)]
pub enum DeadLetterError {
    /// The bus does not answer.
    #[error("the stream of dead letters cannot be read")]
    Bus(#[source] async_nats::Error),
    /// There is none with that sequence.
    #[error("there is no dead letter {0}")]
    NotFound(u64),
    /// The message is not a dead letter of this project.
    #[error("message {sequence} is not a dead letter that can be read")]
    Invalid {
        /// Its sequence.
        sequence: u64,
        /// What is wrong.
        #[source]
        source: InvalidRecord,
    },
    /// Its route is gone, so nobody would deliver it.
    #[error(
        "route {0} has no consumer; start a relay with that route first, or nobody would deliver the event"
    )]
    NoRoute(String),
    /// The event could not be stored for its route.
    #[error("the event could not be given back to its route")]
    Publish(#[source] PublishError),
}

impl Selection {
    fn includes(&self, entry: &Entry) -> bool {
        self.route.as_ref().is_none_or(|route| *route == entry.letter.route)
            && self.reason.is_none_or(|reason| reason == entry.letter.reason)
            && self.sequence.is_none_or(|sequence| sequence == entry.sequence)
    }
}

impl DeadLetters {
    /// The dead letters of this bus.
    pub fn new(bus: Bus, names: StreamNames) -> Self {
        let publisher = Publisher::new(bus.clone());
        Self { bus, names, publisher }
    }

    /// Number of messages on the stream.
    pub async fn count(&self) -> Result<u64, DeadLetterError> {
        Ok(self.stream().await?.cached_info().state.messages)
    }

    /// Visits the selected ones in their order, until `visit` breaks.
    pub async fn visit(
        &self,
        selection: &Selection,
        mut visit: impl FnMut(Entry) -> ControlFlow<()>,
    ) -> Result<(), DeadLetterError> {
        let stream = self.stream().await?;
        let mut next = selection.sequence.unwrap_or(1);
        // What arrives while this runs is not visited: a redriven event may come back at once.
        let last = selection.sequence.unwrap_or(stream.cached_info().state.last_sequence);
        while next <= last {
            let Some(message) = next_message(&stream, next).await? else { break };
            let sequence = message.sequence;
            if sequence > last {
                break;
            }
            next = sequence + 1;
            match Entry::read(message) {
                Ok(entry) if selection.includes(&entry) => {
                    if visit(entry).is_break() {
                        break;
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(sequence, error = %event_bus_core::Chain(&error), "skipping what is no dead letter");
                }
            }
        }
        Ok(())
    }

    /// Looks one up.
    pub async fn get(&self, sequence: u64) -> Result<Entry, DeadLetterError> {
        match next_message(&self.stream().await?, sequence).await? {
            Some(message) if message.sequence == sequence => Entry::read(message),
            Some(_) | None => Err(DeadLetterError::NotFound(sequence)),
        }
    }

    /// Gives the event back to its route, with all its attempts before it, then deletes the dead letter.
    ///
    /// A crash in between leaves the dead letter. Redriving it again within the duplicate window stores nothing twice,
    /// unless the event was delivered and the server restarted meanwhile: then it has forgotten the first time.
    pub async fn redrive(&self, entry: &Entry) -> Result<(), DeadLetterError> {
        let route = &entry.letter.route;
        if !self.route_exists(route).await? {
            return Err(DeadLetterError::NoRoute(route.clone()));
        }
        let retry = Retry {
            route: route.clone(),
            origin: entry.letter.origin.clone(),
            attempts: Attempts::default(),
            not_before: None,
        };
        let outgoing = Outgoing {
            subject: wire::retry_subject(route).into(),
            headers: &entry.headers_for(&retry),
            payload: entry.payload.clone(),
            dedup_id: &entry.letter.redrive_id(entry.sequence),
            stream: &self.names.retries,
        };
        let stored = self.publisher.publish(outgoing, Instant::now() + REDRIVE_WITHIN).await;
        stored.map_err(DeadLetterError::Publish)?;
        self.delete(entry.sequence).await
    }

    /// Deletes one for good.
    pub async fn delete(&self, sequence: u64) -> Result<(), DeadLetterError> {
        let deleted = self.stream().await?.delete_message(sequence).await;
        deleted.map(|_| ()).map_err(|error| DeadLetterError::Bus(error.into()))
    }

    async fn stream(&self) -> Result<Stream, DeadLetterError> {
        let stream = self.bus.jetstream().get_stream(&self.names.dead_letters).await;
        stream.map_err(|error| DeadLetterError::Bus(error.into()))
    }

    async fn route_exists(&self, route: &str) -> Result<bool, DeadLetterError> {
        let consumer = look_up(&self.bus, &self.names.retries, route).await;
        consumer.map(|info| info.is_some()).map_err(|error| DeadLetterError::Bus(error.into()))
    }
}

impl Entry {
    fn read(message: StreamMessage) -> Result<Self, DeadLetterError> {
        let letter =
            DeadLetter::read(|name| message.headers.get(name).map(async_nats::HeaderValue::as_str));
        Ok(Self {
            sequence: message.sequence,
            subject: message.subject.to_string(),
            letter: letter.map_err(|source| DeadLetterError::Invalid {
                sequence: message.sequence,
                source,
            })?,
            headers: message.headers,
            payload: message.payload,
        })
    }

    fn headers_for(&self, retry: &Retry) -> Headers {
        let mut headers = with_record(&self.headers, retry.headers());
        if let Some(place) = self.headers.get(header::PAYLOAD) {
            headers.push((header::PAYLOAD.into(), place.to_string()));
        }
        headers
    }
}

async fn next_message(
    stream: &Stream,
    sequence: u64,
) -> Result<Option<StreamMessage>, DeadLetterError> {
    match stream.get_first_raw_message_by_subject(">", sequence).await {
        Ok(message) => Ok(Some(message)),
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(DeadLetterError::Bus(error.into())),
    }
}
