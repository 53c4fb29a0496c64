//! The Kafka protocol binding: header values are UTF-8 without percent-encoding.

use bytes::Bytes;

use super::structured::DecodeError;
use super::{Data, Event, InvalidEvent, STRUCTURED_MEDIA_TYPE};

/// One record: its key, its headers, and its value (absent for an event without data: a tombstone).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The extension `partitionkey`, if the event has it (the opt-in key mapper of section 3.1).
    pub key: Option<String>,
    /// `ce_<name>` and `content-type`.
    pub headers: Vec<(String, String)>,
    /// The data in binary mode, the whole event in structured mode.
    pub value: Option<Bytes>,
}

/// Encodes in binary mode.
pub fn encode_binary(event: &Event) -> Record {
    let mut headers: Vec<_> = event
        .text_attributes()
        .map(|(name, value)| (format!("ce_{name}"), value.into_owned()))
        .collect();
    if let Some(media_type) = event.datacontenttype() {
        headers.push(("content-type".to_owned(), media_type.to_owned()));
    }
    Record { key: partition_key(event), headers, value: event.data().map(Data::to_bytes) }
}

/// Encodes in structured mode.
pub fn encode_structured(event: &Event) -> Record {
    let media_type = format!("{STRUCTURED_MEDIA_TYPE}; charset=UTF-8");
    Record {
        key: partition_key(event),
        headers: vec![("content-type".to_owned(), media_type)],
        value: Some(event.to_structured()),
    }
}

/// Decodes a record of either mode.
pub fn decode<'a>(
    headers: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    value: Option<Bytes>,
) -> Result<Event, DecodeError> {
    let content_type =
        headers.clone().find(|(name, _)| *name == "content-type").map(|(_, value)| value);
    if content_type
        .is_some_and(|text| text.to_ascii_lowercase().starts_with("application/cloudevents"))
    {
        return Event::from_structured(value.unwrap_or_default());
    }
    let mut builder = Event::builder("", "", "");
    let mut specversion = None;
    for (name, value) in headers {
        match name.strip_prefix("ce_") {
            Some("specversion") => specversion = Some(value),
            Some(attribute) => builder.text_attribute(attribute, value.to_owned())?,
            None => {}
        }
    }
    match specversion {
        Some("1.0") => {}
        Some(_) => return Err(InvalidEvent::SpecVersion.into()),
        None => return Err(DecodeError::NotAnEvent),
    }
    if let Some(media_type) = content_type {
        builder = builder.datacontenttype(media_type);
    }
    if let Some(data) = Data::from_payload(content_type, value.unwrap_or_default()) {
        builder = builder.data(data);
    }
    Ok(builder.build_decoded()?)
}

fn partition_key(event: &Event) -> Option<String> {
    Some(event.extension("partitionkey")?.to_text().into_owned())
}
