//! From an event to its confirmation by the stream.

use std::borrow::Cow;

use bytes::Bytes;
use event_bus_core::event::{Data, Event, nats};
use event_bus_core::key::EventKey;
use event_bus_core::subject::{Variables, type_suffix};
use event_bus_core::wire;
use event_bus_runtime::bus::{Outgoing, PublishError};
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::error::ReceiveError;
use crate::inbound::Inbound;
use crate::respond::Stored;
use crate::source::Endpoint;

/// Largest size of the attributes as headers: what destinations take in binary mode, and half of what is kept free for
/// the records of retries and dead letters.
const MAX_ATTRIBUTES: usize = wire::RECORD_RESERVE / 2;

/// `NATS/1.0` and the line breaks around the headers.
const HEADER_FRAME: usize = 12;

/// An event that may be published: it fits, and it has its subject and its ids.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) key: EventKey,
    subject: String,
    dedup_id: String,
    headers: Vec<(Cow<'static, str>, String)>,
    payload: Bytes,
}

/// `{event}` and `{action}` of a subject.
#[derive(Clone, Copy, Default)]
pub(crate) struct Happening<'a> {
    pub(crate) event: Option<&'a str>,
    pub(crate) action: Option<&'a str>,
}

impl Inbound {
    /// Gives an event its message, and refuses one that would not fit.
    pub(crate) fn prepare(
        &self,
        endpoint: &Endpoint,
        event: &Event,
        happening: Happening<'_>,
    ) -> Result<Prepared, ReceiveError> {
        let subject = endpoint.subject.render(&Variables {
            source: &endpoint.name,
            event: happening.event,
            action: happening.action,
            kind: Some(type_suffix(event.kind())),
            id: Some(event.id()),
        });
        let (headers, payload) = nats::encode_structured(event);
        let header_bytes = header_size(&headers);
        if header_bytes > MAX_ATTRIBUTES {
            return Err(ReceiveError::AttributesTooLarge { limit: MAX_ATTRIBUTES });
        }
        let largest = self.largest_message();
        if header_bytes + payload.len() > largest {
            let overhead = header_bytes + payload.len() - encoded_size(event.data());
            let limit = raw_limit(event.data(), largest.saturating_sub(overhead));
            return Err(ReceiveError::BodyTooLarge { limit });
        }
        let key = EventKey::of(event);
        let dedup_id = key.dedup_id(&endpoint.name);
        Ok(Prepared { key, subject, dedup_id, headers, payload })
    }

    /// Stores an event, or finds that it is stored. Returns after the stream has confirmed it, at the latest by `deadline`.
    pub(crate) async fn store(
        &self,
        endpoint: &Endpoint,
        event: Prepared,
        deadline: Instant,
    ) -> Result<Stored, ReceiveError> {
        let Prepared { key, subject, dedup_id, headers, payload } = event;
        let target = self.target();
        let repeats_soon = endpoint.verifier.scheme().repeats_soon();
        if repeats_soon && let Some(seq) = self.seen().find(&dedup_id) {
            let stream = target.stream.clone();
            return Ok(Stored { id: key.id, subject, stream, seq, duplicate: true });
        }
        let message = Outgoing {
            subject: subject.as_str().into(),
            headers: &headers,
            payload,
            dedup_id: &dedup_id,
            stream: &target.stream,
        };
        let span = tracing::debug_span!(
            "publish",
            source = endpoint.name,
            event.id = key.id,
            event.source = key.ce_source,
        );
        let started = Instant::now();
        let published = self.publisher().publish(message, deadline).instrument(span).await;
        let ack = published.map_err(not_stored)?;
        endpoint.metrics.published(started.elapsed().as_secs_f64());
        if repeats_soon && !ack.duplicate {
            self.seen().remember(&dedup_id, ack.seq);
        }
        let (stream, seq, duplicate) = (ack.stream, ack.seq, ack.duplicate);
        tracing::debug!(
            source = endpoint.name,
            event.id = key.id,
            subject,
            seq,
            duplicate,
            "stored"
        );
        Ok(Stored { id: key.id, subject, stream, seq, duplicate })
    }
}

fn not_stored(error: PublishError) -> ReceiveError {
    match error {
        PublishError::Unavailable(_) => ReceiveError::Unavailable(error),
        PublishError::TooLarge { limit } => ReceiveError::BodyTooLarge { limit },
        PublishError::StreamFull => ReceiveError::StreamFull(error),
        PublishError::WrongStream | PublishError::Rejected { .. } => {
            ReceiveError::BusRefused(error)
        }
    }
}

fn header_size(headers: &[(Cow<'static, str>, String)]) -> usize {
    let lines: usize = headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    HEADER_FRAME + lines
}

/// Size of the data inside the envelope. A string counts as it came: how much of it is escaped depends on its content.
fn encoded_size(data: Option<&Data>) -> usize {
    match data {
        Some(Data::Json(json)) => json.len(),
        Some(Data::Text(text)) => text.len(),
        Some(Data::Binary(bytes)) => bytes.len().div_ceil(3) * 4,
        None => 0,
    }
}

/// The largest body that has this size inside the envelope.
fn raw_limit(data: Option<&Data>, encoded: usize) -> usize {
    match data {
        Some(Data::Binary(_)) => encoded / 4 * 3,
        Some(Data::Json(_) | Data::Text(_)) | None => encoded,
    }
}
