//! CloudEvents v1.0.2: the event, its strict rules, and its forms on the wire.
//!
//! An [`Event`] is always valid: it is made by the [builder](EventBuilder) or by one of the decoders, and each of them
//! refuses what the specification forbids. It is immutable; an event that was decoded from structured mode keeps
//! its bytes, so that it leaves exactly as it came.

mod attributes;
mod data;
pub mod header;
pub mod http;
pub mod json;
pub mod kafka;
pub mod nats;
mod structured;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use time::OffsetDateTime;

pub(crate) use attributes::check_media_type;
pub use attributes::{
    InvalidEvent, Value, format_time, is_forbidden, is_json_media_type, parse_time,
};
pub use data::Data;
pub use structured::{DecodeError, decode_batch};

/// The media type of one event in structured mode.
pub const STRUCTURED_MEDIA_TYPE: &str = "application/cloudevents+json";

/// The media type of a batch of events.
pub const BATCH_MEDIA_TYPE: &str = "application/cloudevents-batch+json";

/// One CloudEvent.
#[derive(Clone, Debug)]
pub struct Event {
    attributes: Attributes,
    data: Option<Data>,
    /// The structured form that the event was decoded from.
    encoded: Option<Bytes>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Attributes {
    id: String,
    ce_source: String,
    kind: String,
    subject: Option<String>,
    time: Option<String>,
    datacontenttype: Option<String>,
    dataschema: Option<String>,
    extensions: BTreeMap<String, Value>,
}

/// Two events are equal if their attributes and their data are; the bytes they came in do not matter.
impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.attributes == other.attributes && self.data == other.data
    }
}

impl Event {
    /// Starts an event; `kind` is the attribute `type`.
    pub fn builder(
        id: impl Into<String>,
        ce_source: impl Into<String>,
        kind: impl Into<String>,
    ) -> EventBuilder {
        EventBuilder {
            attributes: Attributes {
                id: id.into(),
                ce_source: ce_source.into(),
                kind: kind.into(),
                ..Attributes::default()
            },
            data: None,
        }
    }

    /// Decodes the structured JSON form and keeps its bytes.
    pub fn from_structured(bytes: Bytes) -> Result<Self, DecodeError> {
        structured::decode(bytes)
    }

    /// The structured JSON form; the very bytes that the event was decoded from, if it was.
    pub fn to_structured(&self) -> Bytes {
        match &self.encoded {
            Some(bytes) => bytes.clone(),
            None => structured::encode(self),
        }
    }

    /// The same event with data that lay elsewhere, as bytes of its `datacontenttype`.
    #[must_use]
    pub fn with_payload(&self, payload: Bytes) -> Self {
        let attributes = self.attributes.clone();
        let data = Data::from_payload(attributes.datacontenttype.as_deref(), payload);
        Self { attributes, data, encoded: None }
    }

    /// The attribute `id`.
    pub fn id(&self) -> &str {
        &self.attributes.id
    }

    /// The attribute `source`.
    pub fn ce_source(&self) -> &str {
        &self.attributes.ce_source
    }

    /// The attribute `type`.
    pub fn kind(&self) -> &str {
        &self.attributes.kind
    }

    /// The attribute `subject`.
    pub fn subject(&self) -> Option<&str> {
        self.attributes.subject.as_deref()
    }

    /// The attribute `time`, as it was written.
    pub fn time(&self) -> Option<&str> {
        self.attributes.time.as_deref()
    }

    /// The attribute `datacontenttype`.
    pub fn datacontenttype(&self) -> Option<&str> {
        self.attributes.datacontenttype.as_deref()
    }

    /// The attribute `dataschema`.
    pub fn dataschema(&self) -> Option<&str> {
        self.attributes.dataschema.as_deref()
    }

    /// An extension attribute.
    pub fn extension(&self, name: &str) -> Option<&Value> {
        self.attributes.extensions.get(name)
    }

    /// All extension attributes, by name.
    pub fn extensions(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.attributes.extensions.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The payload.
    pub fn data(&self) -> Option<&Data> {
        self.data.as_ref()
    }

    /// All attributes but `datacontenttype`, in their canonical text form: what binary modes write into headers.
    pub fn text_attributes(&self) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        let attributes = &self.attributes;
        let required = [
            ("specversion", Some("1.0")),
            ("id", Some(attributes.id.as_str())),
            ("source", Some(attributes.ce_source.as_str())),
            ("type", Some(attributes.kind.as_str())),
            ("subject", attributes.subject.as_deref()),
            ("time", attributes.time.as_deref()),
            ("dataschema", attributes.dataschema.as_deref()),
        ];
        required
            .into_iter()
            .filter_map(|(name, value)| Some((name, Cow::Borrowed(value?))))
            .chain(self.extensions().map(|(name, value)| (name, value.to_text())))
    }
}

/// Collects the parts of an event; [`EventBuilder::build`] checks them all.
#[derive(Clone, Debug)]
pub struct EventBuilder {
    attributes: Attributes,
    data: Option<Data>,
}

impl EventBuilder {
    /// Sets `subject`.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.attributes.subject = Some(subject.into());
        self
    }

    /// Sets `time`.
    #[must_use]
    pub fn time(self, time: OffsetDateTime) -> Self {
        self.time_text(format_time(time))
    }

    /// Sets `time` in the words of its producer.
    #[must_use]
    pub fn time_text(mut self, time: impl Into<String>) -> Self {
        self.attributes.time = Some(time.into());
        self
    }

    /// Sets `datacontenttype`.
    #[must_use]
    pub fn datacontenttype(mut self, media_type: impl Into<String>) -> Self {
        self.attributes.datacontenttype = Some(media_type.into());
        self
    }

    /// Sets `dataschema`.
    #[must_use]
    pub fn dataschema(mut self, uri: impl Into<String>) -> Self {
        self.attributes.dataschema = Some(uri.into());
        self
    }

    /// Sets an extension attribute.
    #[must_use]
    pub fn extension(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.attributes.extensions.insert(name.into(), value.into());
        self
    }

    /// Sets the payload.
    #[must_use]
    pub fn data(mut self, data: Data) -> Self {
        self.data = Some(data);
        self
    }

    /// Checks every rule and returns the event.
    pub fn build(self) -> Result<Event, InvalidEvent> {
        let Self { attributes, data } = self;
        attributes::check_text("id", &attributes.id)?;
        attributes::check_uri_reference("source", &attributes.ce_source)?;
        attributes::check_text("type", &attributes.kind)?;
        if let Some(subject) = &attributes.subject {
            attributes::check_text("subject", subject)?;
        }
        if let Some(time) = &attributes.time
            && parse_time(time).is_none()
        {
            return Err(InvalidEvent::Type {
                name: "time".to_owned(),
                expected: "a timestamp (RFC 3339)",
            });
        }
        if let Some(media_type) = &attributes.datacontenttype {
            attributes::check_media_type(media_type)?;
        }
        if let Some(uri) = &attributes.dataschema {
            attributes::check_absolute_uri("dataschema", uri)?;
        }
        for (name, value) in &attributes.extensions {
            attributes::check_extension_name(name)?;
            if let Value::String(text) = value {
                attributes::check_characters(name, text)?;
            }
        }
        Ok(Event { attributes, data, encoded: None })
    }

    /// Sets an attribute that was read as text under its name on the wire; any other name is an extension.
    fn text_attribute(&mut self, name: &str, value: String) -> Result<(), InvalidEvent> {
        let attributes = &mut self.attributes;
        let slot = match name {
            "id" => return replace_empty(&mut attributes.id, name, value),
            "source" => return replace_empty(&mut attributes.ce_source, name, value),
            "type" => return replace_empty(&mut attributes.kind, name, value),
            "subject" => &mut attributes.subject,
            "time" => &mut attributes.time,
            "datacontenttype" => &mut attributes.datacontenttype,
            "dataschema" => &mut attributes.dataschema,
            extension => return self.extension_attribute(extension, Value::String(value)),
        };
        match slot.replace(value) {
            None => Ok(()),
            Some(_) => Err(InvalidEvent::Duplicate(name.to_owned())),
        }
    }

    fn extension_attribute(&mut self, name: &str, value: Value) -> Result<(), InvalidEvent> {
        attributes::check_extension_name(name)?;
        match self.attributes.extensions.insert(name.to_owned(), value) {
            None => Ok(()),
            Some(_) => Err(InvalidEvent::Duplicate(name.to_owned())),
        }
    }

    /// Names the required attribute that no header or member brought.
    fn build_decoded(self) -> Result<Event, InvalidEvent> {
        let required = [
            ("id", &self.attributes.id),
            ("source", &self.attributes.ce_source),
            ("type", &self.attributes.kind),
        ];
        if let Some((name, _)) = required.into_iter().find(|(_, value)| value.is_empty()) {
            return Err(InvalidEvent::Missing(name));
        }
        self.build()
    }
}

/// Required attributes start empty, and an empty one is invalid: so a filled slot is a second one of the same name.
fn replace_empty(slot: &mut String, name: &str, value: String) -> Result<(), InvalidEvent> {
    attributes::check_text(name, &value)?;
    if !slot.is_empty() {
        return Err(InvalidEvent::Duplicate(name.to_owned()));
    }
    *slot = value;
    Ok(())
}
