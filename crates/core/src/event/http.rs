//! The HTTP protocol binding: binary, structured and batched mode.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::structured::{DecodeError, decode_batch};
use super::{BATCH_MEDIA_TYPE, Data, Event, InvalidEvent, STRUCTURED_MEDIA_TYPE, header};

/// How a message carries its event or events (section 3 of the binding).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Attributes in headers, data as body.
    Binary,
    /// One JSON document.
    Structured,
    /// A JSON array of events.
    Batched,
}

/// What a request carried.
#[derive(Clone, Debug, PartialEq)]
pub enum Decoded {
    /// One event, in binary or structured mode.
    Single(Box<Event>),
    /// A batch, which may be empty.
    Batch(Vec<Event>),
}

/// Tells the mode by the content type; batch is looked for first, because its name starts like the structured one's.
pub fn mode(headers: &HeaderMap) -> Result<Mode, DecodeError> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(Mode::Binary) };
    let text = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
    let essence = text.split(';').next().unwrap_or_default().trim();
    match essence {
        BATCH_MEDIA_TYPE => Ok(Mode::Batched),
        STRUCTURED_MEDIA_TYPE => Ok(Mode::Structured),
        other if other.starts_with("application/cloudevents") => {
            Err(DecodeError::UnknownFormat(other.to_owned()))
        }
        _ => Ok(Mode::Binary),
    }
}

/// Decodes a request or response of any mode.
pub fn decode(headers: &HeaderMap, body: Bytes) -> Result<Decoded, DecodeError> {
    match mode(headers)? {
        Mode::Batched => Ok(Decoded::Batch(decode_batch(&body)?)),
        Mode::Structured => Ok(Decoded::Single(Box::new(Event::from_structured(body)?))),
        Mode::Binary => Ok(Decoded::Single(Box::new(decode_binary(headers, body)?))),
    }
}

/// Encodes an event in binary mode.
pub fn encode_binary(event: &Event) -> (HeaderMap, Bytes) {
    let mut headers = HeaderMap::with_capacity(12);
    for (name, value) in event.text_attributes() {
        insert(&mut headers, &format!("ce-{name}"), &header::encode(&value));
    }
    let implied = matches!(event.data(), Some(Data::Json(_))).then_some("application/json");
    if let Some(media_type) = event.datacontenttype().or(implied) {
        // A media type that holds other than visible ASCII has no form as a header; it is then left out.
        if let Ok(value) = HeaderValue::from_str(media_type) {
            headers.insert(CONTENT_TYPE, value);
        }
    }
    (headers, event.data().map(Data::to_bytes).unwrap_or_default())
}

/// Encodes an event in structured mode.
pub fn encode_structured(event: &Event) -> (HeaderMap, Bytes) {
    let mut headers = HeaderMap::with_capacity(1);
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/cloudevents+json; charset=utf-8"),
    );
    (headers, event.to_structured())
}

fn insert(headers: &mut HeaderMap, name: &str, value: &str) {
    let name = HeaderName::from_bytes(name.as_bytes()).expect("attribute names are a-z and 0-9");
    headers
        .insert(name, HeaderValue::from_str(value).expect("percent-encoded text is visible ASCII"));
}

fn decode_binary(headers: &HeaderMap, body: Bytes) -> Result<Event, DecodeError> {
    if !headers.contains_key("ce-specversion") {
        return Err(DecodeError::NotAnEvent);
    }
    let mut builder = Event::builder("", "", "");
    for name in headers.keys() {
        let Some(attribute) = name.as_str().strip_prefix("ce-") else { continue };
        let mut values = headers.get_all(name).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(InvalidEvent::Duplicate(attribute.to_owned()).into());
        };
        let text =
            header::decode(value.as_bytes()).map_err(|_| DecodeError::Header(name.to_string()))?;
        match attribute {
            "specversion" if text == "1.0" => {}
            "specversion" => return Err(InvalidEvent::SpecVersion.into()),
            // The content type is the media type; a second place for it could contradict the first.
            "datacontenttype" => return Err(DecodeError::Header(name.to_string())),
            attribute => builder.text_attribute(attribute, text)?,
        }
    }
    if body.is_empty() {
        return Err(DecodeError::EmptyBody);
    }
    if let Some(media_type) = headers.get(CONTENT_TYPE) {
        let text =
            media_type.to_str().map_err(|_| DecodeError::Header(CONTENT_TYPE.to_string()))?;
        builder = builder.datacontenttype(text);
    }
    if let Some(data) = Data::from_payload(builder.attributes.datacontenttype.as_deref(), body) {
        builder = builder.data(data);
    }
    Ok(builder.build_decoded()?)
}
