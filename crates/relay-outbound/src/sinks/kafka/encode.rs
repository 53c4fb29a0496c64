//! From an event to a record.

use bytes::Bytes;
use event_bus_core::event::{Data, Event, kafka};
use event_bus_core::key::EventKey;
use rdkafka::message::{Header, OwnedHeaders};

use super::Format;

/// Header with the event key, the same for every attempt: what a consumer recognises a repeated record by.
const EVENT_KEY: &str = "event-key";

/// The parts of a record but its topic.
#[derive(Debug)]
pub(super) struct Encoded {
    pub key: Option<String>,
    pub headers: OwnedHeaders,
    /// `None` is a tombstone: the event has no data.
    pub value: Option<Bytes>,
}

/// Encodes an event. `key` names the attribute that becomes the record's key.
pub(super) fn encode(event: &Event, format: Format, key: Option<&str>) -> Encoded {
    let record = match format {
        Format::Binary => kafka::encode_binary(event),
        Format::Structured => kafka::encode_structured(event),
        Format::Data => kafka::Record {
            key: None,
            headers: event
                .datacontenttype()
                .map(|media_type| ("content-type".to_owned(), media_type.to_owned()))
                .into_iter()
                .collect(),
            value: event.data().map(Data::to_bytes),
        },
    };
    let mut headers = OwnedHeaders::new_with_capacity(record.headers.len() + 1);
    let event_key = EventKey::of(event).message_id();
    for (name, value) in &record.headers {
        headers = headers.insert(Header { key: name, value: Some(value) });
    }
    headers = headers.insert(Header { key: EVENT_KEY, value: Some(&event_key) });
    Encoded { key: key.and_then(|name| attribute(event, name)), headers, value: record.value }
}

fn attribute(event: &Event, name: &str) -> Option<String> {
    if name == "datacontenttype" {
        return event.datacontenttype().map(str::to_owned);
    }
    event.text_attributes().find(|(each, _)| *each == name).map(|(_, value)| value.into_owned())
}
