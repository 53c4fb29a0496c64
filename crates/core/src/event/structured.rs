//! The JSON event format: one event, and batches (formats/json-format.md of CloudEvents v1.0.2).

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::value::RawValue;

use super::attributes::{InvalidEvent, Value, is_json_media_type};
use super::{Data, Event, json};

/// Why bytes are not an event.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The bytes are not JSON.
    #[error("not valid JSON")]
    NotJson(#[source] serde_json::Error),
    /// The bytes are not UTF-8.
    #[error("not valid UTF-8")]
    NotUtf8(#[source] std::str::Utf8Error),
    /// `data` is JSON that not every consumer can read.
    #[error("`data` is not JSON that every consumer can read")]
    Data(#[source] json::NotStrict),
    /// `data_base64` is not base64.
    #[error("`data_base64` is not base64")]
    Base64(#[source] base64::DecodeError),
    /// The attributes break the specification.
    #[error(transparent)]
    Invalid(#[from] InvalidEvent),
    /// The batch holds an invalid event.
    #[error("event {index} of the batch is invalid")]
    InBatch {
        /// Its place, from 0.
        index: usize,
        /// What is wrong with it.
        #[source]
        cause: Box<DecodeError>,
    },
    /// The content type names an event format other than JSON.
    #[error("the event format `{0}` is not supported, only JSON is")]
    UnknownFormat(String),
    /// A binary-mode header cannot be read.
    #[error("the header `{0}` cannot be decoded")]
    Header(String),
    /// There is neither a CloudEvents content type nor `ce-specversion`.
    #[error("not a CloudEvent: neither a CloudEvents content type nor `ce-specversion` is there")]
    NotAnEvent,
    /// A binary-mode delivery without payload (http-webhook.md section 2.1).
    #[error("a binary-mode delivery needs a body")]
    EmptyBody,
}

/// Decodes a batch; one invalid event makes the whole batch invalid.
pub fn decode_batch(bytes: &Bytes) -> Result<Vec<Event>, DecodeError> {
    let text = std::str::from_utf8(bytes).map_err(DecodeError::NotUtf8)?;
    let members: Vec<&RawValue> = serde_json::from_str(text).map_err(DecodeError::NotJson)?;
    let mut events = Vec::with_capacity(members.len());
    for (index, member) in members.into_iter().enumerate() {
        let event = decode(bytes.slice_ref(member.get().as_bytes()))
            .map_err(|cause| DecodeError::InBatch { index, cause: Box::new(cause) })?;
        events.push(event);
    }
    Ok(events)
}

pub(super) fn decode(bytes: Bytes) -> Result<Event, DecodeError> {
    let text = std::str::from_utf8(&bytes).map_err(DecodeError::NotUtf8)?;
    let Members { each: members, is_strict } = members(text)?;

    let mut builder = Event::builder("", "", "");
    let mut specversion = None;
    let mut data = None;
    let mut data_base64 = None;
    for (name, member) in members {
        match (name.as_ref(), member) {
            ("data", Member::Raw(raw)) => set_once("data", &mut data, raw)?,
            ("data_base64", Member::Attribute(Some(Value::String(text)))) => {
                set_once("data_base64", &mut data_base64, text)?;
            }
            (_, Member::Attribute(None)) => {}
            ("specversion", Member::Attribute(Some(Value::String(text)))) => {
                set_once("specversion", &mut specversion, text)?;
            }
            (name, Member::Attribute(Some(Value::String(text)))) if is_defined(name) => {
                builder.text_attribute(name, text)?;
            }
            (name, Member::Attribute(Some(_))) if is_defined(name) => {
                return Err(
                    InvalidEvent::Type { name: name.to_owned(), expected: "a string" }.into()
                );
            }
            (name, Member::Attribute(Some(value))) => builder.extension_attribute(name, value)?,
            (name, Member::Raw(_)) => {
                let expected = "a string, an integer of 32 bits or a boolean";
                return Err(InvalidEvent::Type { name: name.to_owned(), expected }.into());
            }
        }
    }
    match specversion.as_deref() {
        Some("1.0") => {}
        Some(_) => return Err(InvalidEvent::SpecVersion.into()),
        None => return Err(InvalidEvent::Missing("specversion").into()),
    }
    if let Some(text) = data
        && !is_strict
    {
        json::check(text.as_bytes()).map_err(DecodeError::Data)?;
    }
    let datacontenttype = builder.attributes.datacontenttype.as_deref();
    if let Some(data) = decode_data(&bytes, data, data_base64, datacontenttype)? {
        builder = builder.data(data);
    }
    let mut event = builder.build_decoded()?;
    event.encoded = Some(bytes);
    Ok(event)
}

fn set_once<T>(name: &str, slot: &mut Option<T>, value: T) -> Result<(), InvalidEvent> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(InvalidEvent::Duplicate(name.to_owned())),
    }
}

/// The attributes that CloudEvents defines as strings, and `data_base64`.
fn is_defined(name: &str) -> bool {
    matches!(
        name,
        "id" | "source"
            | "type"
            | "specversion"
            | "subject"
            | "time"
            | "datacontenttype"
            | "dataschema"
            | "data_base64"
    )
}

fn decode_data(
    bytes: &Bytes,
    data: Option<&str>,
    data_base64: Option<String>,
    datacontenttype: Option<&str>,
) -> Result<Option<Data>, DecodeError> {
    match (data, data_base64) {
        (Some(_), Some(_)) => Err(InvalidEvent::TwoPayloads.into()),
        (None, None) => Ok(None),
        (None, Some(text)) => {
            let binary = STANDARD.decode(text).map_err(DecodeError::Base64)?;
            Ok(Some(Data::Binary(binary.into())))
        }
        (Some(raw), None) => {
            if datacontenttype.is_none_or(is_json_media_type) {
                return Ok(Some(Data::Json(bytes.slice_ref(raw.as_bytes()))));
            }
            match serde_json::from_str(raw) {
                Ok(text) => Ok(Some(Data::Text(text))),
                Err(_) => Err(InvalidEvent::DataNotText.into()),
            }
        }
    }
}

struct Members<'a> {
    /// In their order, duplicates included.
    each: Vec<(Cow<'a, str>, Member<'a>)>,
    /// Whether [`json::check`] accepts all that stands in them.
    is_strict: bool,
}

fn members(text: &str) -> Result<Members<'_>, DecodeError> {
    let mut written = Vec::with_capacity(12);
    let scanned = json::scan(text, |name, value| written.push((name, value)));
    let scanned = scanned.filter(|scanned| scanned.is_object);
    let is_strict = scanned.ok_or_else(|| DecodeError::NotJson(no_object(text)))?.is_strict;
    let read = |(name, value)| {
        let name = name_of(name)?;
        let member = if name == "data" { Member::Raw(value) } else { Member::attribute(value) };
        Ok((name, member))
    };
    let each = written.into_iter().map(read).collect::<serde_json::Result<_>>();
    Ok(Members { each: each.map_err(DecodeError::NotJson)?, is_strict })
}

/// What the parser says of a text that is no object.
fn no_object(text: &str) -> serde_json::Error {
    match serde_json::from_str::<&RawValue>(text) {
        Err(error) => error,
        Ok(_) => serde::de::Error::custom("expected a JSON object"),
    }
}

/// A name out of its quotes, borrowed where it holds no escapes.
fn name_of(quoted: &str) -> serde_json::Result<Cow<'_, str>> {
    match quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(name) if !name.contains('\\') => Ok(Cow::Borrowed(name)),
        Some(_) | None => serde_json::from_str(quoted).map(Cow::Owned),
    }
}

enum Member<'a> {
    /// `None` is `null`, which means that the attribute is not set.
    Attribute(Option<Value>),
    /// `data`, or a member that cannot be an attribute.
    Raw(&'a str),
}

impl<'a> Member<'a> {
    fn attribute(text: &'a str) -> Self {
        match text.as_bytes().first() {
            Some(b'n') => Self::Attribute(None),
            Some(b't') => Self::Attribute(Some(Value::Boolean(true))),
            Some(b'f') => Self::Attribute(Some(Value::Boolean(false))),
            Some(b'"') => match serde_json::from_str(text) {
                Ok(text) => Self::Attribute(Some(Value::String(text))),
                Err(_) => Self::Raw(text),
            },
            Some(_) | None => match text.parse() {
                Ok(integer) => Self::Attribute(Some(Value::Integer(integer))),
                Err(_) => Self::Raw(text),
            },
        }
    }
}

pub(super) fn encode(event: &Event) -> Bytes {
    let payload = match event.data() {
        Some(Data::Json(bytes)) => bytes.len(),
        Some(Data::Text(text)) => text.len() + text.len() / 8,
        Some(Data::Binary(bytes)) => bytes.len().div_ceil(3) * 4,
        None => 0,
    };
    let mut buffer = Vec::with_capacity(payload + 512);
    buffer.extend_from_slice(b"{\"specversion\":\"1.0\"");
    let attributes = &event.attributes;
    let strings = [
        ("id", Some(&attributes.id)),
        ("source", Some(&attributes.ce_source)),
        ("type", Some(&attributes.kind)),
        ("subject", attributes.subject.as_ref()),
        ("time", attributes.time.as_ref()),
        ("datacontenttype", attributes.datacontenttype.as_ref()),
        ("dataschema", attributes.dataschema.as_ref()),
    ];
    for (name, value) in strings {
        if let Some(value) = value {
            push_name(&mut buffer, name);
            push_string(&mut buffer, value);
        }
    }
    for (name, value) in &attributes.extensions {
        push_name(&mut buffer, name);
        match value {
            Value::Boolean(_) | Value::Integer(_) => {
                buffer.extend_from_slice(value.to_text().as_bytes())
            }
            Value::String(text) => push_string(&mut buffer, text),
        }
    }
    match event.data() {
        Some(Data::Json(bytes)) => {
            push_name(&mut buffer, "data");
            buffer.extend_from_slice(bytes);
        }
        Some(Data::Text(text)) => {
            push_name(&mut buffer, "data");
            push_string(&mut buffer, text);
        }
        Some(Data::Binary(bytes)) => {
            push_name(&mut buffer, "data_base64");
            push_string(&mut buffer, &STANDARD.encode(bytes));
        }
        None => {}
    }
    buffer.push(b'}');
    buffer.into()
}

/// Attribute names hold no character that JSON would escape.
fn push_name(buffer: &mut Vec<u8>, name: &str) {
    buffer.extend_from_slice(b",\"");
    buffer.extend_from_slice(name.as_bytes());
    buffer.extend_from_slice(b"\":");
}

fn push_string(buffer: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(buffer, text).expect("writing a string into memory cannot fail");
}
