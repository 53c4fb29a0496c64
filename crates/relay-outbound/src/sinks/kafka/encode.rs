//! From an event to a record as librdkafka takes it.

use bytes::Bytes;
use event_bus_core::event::Event;
use rdkafka::message::{Header, OwnedHeaders};

use crate::sinks::record::Shape;

/// The parts of a record but its topic.
#[derive(Debug)]
pub(super) struct Encoded {
    pub key: Option<String>,
    pub headers: OwnedHeaders,
    /// `None` is a tombstone: the event has no data.
    pub value: Option<Bytes>,
}

/// Encodes an event.
pub(super) fn encode(event: &Event, shape: &Shape) -> Encoded {
    let record = shape.record(event);
    let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
    for (name, value) in &record.headers {
        headers = headers.insert(Header { key: name, value: Some(value) });
    }
    Encoded { key: record.key, headers, value: record.value }
}
