//! The NATS protocol binding: structured mode as v1.0.2 defines it, binary mode as its successor does.

use std::borrow::Cow;

use bytes::Bytes;

use super::structured::DecodeError;
use super::{Data, Event, InvalidEvent, STRUCTURED_MEDIA_TYPE, header};

/// The headers and the payload of a message.
pub type Message = (Vec<(Cow<'static, str>, String)>, Bytes);

/// Encodes in structured mode; the attributes stand in `ce-` headers as well, for filtering without parsing.
pub fn encode_structured(event: &Event) -> Message {
    let mut headers = attribute_headers(event);
    headers.push((Cow::Borrowed("Content-Type"), STRUCTURED_MEDIA_TYPE.to_owned()));
    (headers, event.to_structured())
}

/// Encodes in binary mode: every attribute in a header, `datacontenttype` included, and the data as payload.
pub fn encode_binary(event: &Event) -> Message {
    let mut headers = attribute_headers(event);
    if let Some(media_type) = event.datacontenttype() {
        headers
            .push((Cow::Borrowed("ce-datacontenttype"), header::encode(media_type).into_owned()));
    }
    (headers, event.data().map(Data::to_bytes).unwrap_or_default())
}

/// Decodes a message of either mode; structured if its `Content-Type` starts with `application/cloudevents`.
pub fn decode<'a>(
    headers: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    payload: Bytes,
) -> Result<Event, DecodeError> {
    let content_type = headers.clone().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    if let Some((_, value)) = content_type
        && value.to_ascii_lowercase().starts_with("application/cloudevents")
    {
        return Event::from_structured(payload);
    }
    let mut builder = Event::builder("", "", "");
    let mut specversion = None;
    for (name, value) in headers {
        let Some(attribute) = name.to_ascii_lowercase().strip_prefix("ce-").map(str::to_owned)
        else {
            continue;
        };
        let text =
            header::decode(value.as_bytes()).map_err(|_| DecodeError::Header(name.to_owned()))?;
        if attribute == "specversion" {
            specversion = Some(text);
        } else {
            builder.text_attribute(&attribute, text)?;
        }
    }
    match specversion.as_deref() {
        Some("1.0") => {}
        Some(_) => return Err(InvalidEvent::SpecVersion.into()),
        None => return Err(DecodeError::NotAnEvent),
    }
    if let Some(data) = Data::from_payload(builder.attributes.datacontenttype.as_deref(), payload) {
        builder = builder.data(data);
    }
    Ok(builder.build_decoded()?)
}

fn attribute_headers(event: &Event) -> Vec<(Cow<'static, str>, String)> {
    let mut headers = Vec::with_capacity(12);
    for (name, value) in event.text_attributes() {
        headers.push((header_name(name), header::encode(&value).into_owned()));
    }
    headers
}

/// The names that nearly every event has need not be made anew.
fn header_name(attribute: &str) -> Cow<'static, str> {
    Cow::Borrowed(match attribute {
        "specversion" => "ce-specversion",
        "id" => "ce-id",
        "source" => "ce-source",
        "type" => "ce-type",
        "subject" => "ce-subject",
        "time" => "ce-time",
        "recordedtime" => "ce-recordedtime",
        "traceparent" => "ce-traceparent",
        other => return Cow::Owned(format!("ce-{other}")),
    })
}
