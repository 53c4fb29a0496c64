//! Reads the event of a message, from where it came from if its payload was too large to be stored a second time.

use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::RawMessageErrorKind;
use event_bus_core::event::{DecodeError, Event};

use crate::incoming::Envelope;
use crate::route::Route;

/// Why there is no event.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnreadableEvent {
    /// The message is not a CloudEvent.
    #[error("the message is not a CloudEvent")]
    Invalid(#[source] DecodeError),
    /// Its payload has aged out of the stream that it stood in, or the stream was made anew.
    #[error("the payload is no longer in {stream} at {sequence}")]
    Lost {
        /// The stream.
        stream: String,
        /// The sequence.
        sequence: u64,
    },
    /// The bus does not answer; later it may.
    #[error("the payload cannot be fetched now")]
    Unavailable(#[source] async_nats::Error),
}

/// The event of a message.
pub(crate) async fn event(route: &Route, envelope: &Envelope) -> Result<Event, UnreadableEvent> {
    let payload = if envelope.payload_at_origin {
        Box::pin(fetch(route, envelope)).await?
    } else {
        envelope.payload.clone()
    };
    envelope.decode(payload).map_err(UnreadableEvent::Invalid)
}

async fn fetch(route: &Route, envelope: &Envelope) -> Result<bytes::Bytes, UnreadableEvent> {
    let origin = &envelope.origin;
    let lost =
        || UnreadableEvent::Lost { stream: origin.stream.clone(), sequence: origin.sequence };
    let stream = route.jetstream().get_stream_no_info(&origin.stream).await;
    let stream = stream.map_err(|error| UnreadableEvent::Unavailable(error.into()))?;
    match stream.get_raw_message(origin.sequence).await {
        // A stream that was deleted and made anew counts from 1 again.
        Ok(message) if is_same(&message, envelope) => Ok(message.payload),
        Ok(_) => Err(lost()),
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Err(lost()),
        Err(error) => Err(UnreadableEvent::Unavailable(error.into())),
    }
}

/// Whether a message is the one whose headers the record has kept.
fn is_same(message: &StreamMessage, envelope: &Envelope) -> bool {
    let is_kept = |name: &str| message.headers.get(name) == envelope.headers.get(name);
    message.subject.as_str() == envelope.origin.subject && is_kept("ce-id") && is_kept("ce-source")
}
