//! From an event to a record of Kafka, whichever way it takes there.

use event_bus_core::event::kafka::{self, Record};
use event_bus_core::event::{Data, Event};
use event_bus_core::key::EventKey;
use schemars::JsonSchema;
use serde::Deserialize;

/// Header with the event key, the same for every attempt: what a consumer recognises a repeated record by.
const EVENT_KEY: &str = "event-key";

/// What stands in a record (CloudEvents Kafka binding, section 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// The data as value, the attributes as headers `ce_…`.
    #[default]
    Binary,
    /// The whole event as JSON.
    Structured,
    /// The data as value, and no attributes.
    Data,
}

/// How events become records.
#[derive(Debug)]
pub(super) struct Shape {
    format: Format,
    /// The attribute that is the key of the record.
    key: Option<String>,
    /// The key of a record whose event has no such attribute.
    missing_key: Option<String>,
}

impl Shape {
    /// `key` is the setting of that name.
    pub(super) fn new(format: Format, key: &str, missing_key: Option<String>) -> Self {
        let key = (key != "none").then(|| key.to_owned());
        Self { format, key, missing_key }
    }

    /// The record of an event. Without data its value is absent, a tombstone, unless the format is structured.
    pub(super) fn record(&self, event: &Event) -> Record {
        let mut record = match self.format {
            Format::Binary => kafka::encode_binary(event),
            Format::Structured => kafka::encode_structured(event),
            Format::Data => Record {
                key: None,
                headers: event
                    .datacontenttype()
                    .map(|media_type| ("content-type".to_owned(), media_type.to_owned()))
                    .into_iter()
                    .collect(),
                value: event.data().map(Data::to_bytes),
            },
        };
        record.headers.push((EVENT_KEY.to_owned(), EventKey::of(event).message_id()));
        let key = self.key.as_ref().and_then(|name| attribute(event, name));
        record.key = key.or_else(|| self.missing_key.clone());
        record
    }
}

/// The setting `key` if there is none.
pub(super) fn default_key() -> String {
    "partitionkey".to_owned()
}

/// What is wrong with the setting `key`: no attribute can have another name.
pub(super) fn key_problem(key: &str) -> Option<&'static str> {
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (key.is_empty() || !key.bytes().all(is_name)).then_some(
        "is no attribute: write its name alone, such as partitionkey or subject, or none",
    )
}

fn attribute(event: &Event, name: &str) -> Option<String> {
    if name == "datacontenttype" {
        return event.datacontenttype().map(str::to_owned);
    }
    event.text_attributes().find(|(each, _)| *each == name).map(|(_, value)| value.into_owned())
}
