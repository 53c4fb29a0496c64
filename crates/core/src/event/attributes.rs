//! The rules for context attributes: CloudEvents v1.0.2, section "Type System" and "Context Attributes".

use std::borrow::Cow;

use fluent_uri::{Uri, UriRef};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Attributes that CloudEvents itself defines, and the two members that hold data; no extension may take their names.
const RESERVED: [&str; 10] = [
    "id",
    "source",
    "specversion",
    "type",
    "subject",
    "time",
    "datacontenttype",
    "dataschema",
    "data",
    "data_base64",
];

/// The value of an extension attribute. URIs, binaries and timestamps travel as strings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number of 32 bits.
    Integer(i32),
    /// Any other value, in its canonical text form.
    String(String),
}

impl Value {
    /// The canonical text form, as it is written into headers.
    pub fn to_text(&self) -> Cow<'_, str> {
        match self {
            Self::Boolean(value) => Cow::Owned(value.to_string()),
            Self::Integer(value) => Cow::Owned(value.to_string()),
            Self::String(value) => Cow::Borrowed(value),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

/// Why something is not a valid CloudEvent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEvent {
    /// A required attribute is missing.
    #[error("the attribute `{0}` is missing")]
    Missing(&'static str),
    /// An attribute is there but empty.
    #[error("the attribute `{0}` is empty")]
    Empty(String),
    /// An attribute stands twice.
    #[error("the attribute `{0}` stands more than once")]
    Duplicate(String),
    /// `specversion` is not `1.0`.
    #[error("specversion must be `1.0`")]
    SpecVersion,
    /// An attribute holds control characters or noncharacters (spec.md, type String).
    #[error("the attribute `{0}` holds characters that CloudEvents forbids")]
    Characters(String),
    /// An attribute is not of the type that the specification names.
    #[error("the attribute `{name}` is not {expected}")]
    Type {
        /// The attribute.
        name: String,
        /// What it should be, with its article.
        expected: &'static str,
    },
    /// An attribute name has other characters than `a` to `z` and `0` to `9`.
    #[error("`{0}` is not an attribute name: only a-z and 0-9 are allowed")]
    Name(String),
    /// Both `data` and `data_base64` are there.
    #[error("`data` and `data_base64` exclude each other")]
    TwoPayloads,
    /// `data` does not fit `datacontenttype`.
    #[error("`data` must be a string, because `datacontenttype` is not JSON")]
    DataNotText,
}

/// Checks the characters of a string attribute and that it is not empty.
pub(super) fn check_text(name: &str, text: &str) -> Result<(), InvalidEvent> {
    if text.is_empty() {
        return Err(InvalidEvent::Empty(name.to_owned()));
    }
    check_characters(name, text)
}

pub(super) fn check_characters(name: &str, text: &str) -> Result<(), InvalidEvent> {
    if text.chars().any(is_forbidden) {
        return Err(InvalidEvent::Characters(name.to_owned()));
    }
    Ok(())
}

/// Whether CloudEvents forbids this character in a string: controls and Unicode noncharacters.
pub fn is_forbidden(character: char) -> bool {
    let code = u32::from(character);
    character.is_control() || (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE
}

pub(super) fn check_extension_name(name: &str) -> Result<(), InvalidEvent> {
    let sound = !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if !sound || RESERVED.contains(&name) {
        return Err(InvalidEvent::Name(name.to_owned()));
    }
    Ok(())
}

pub(super) fn check_uri_reference(name: &'static str, text: &str) -> Result<(), InvalidEvent> {
    check_text(name, text)?;
    match UriRef::parse(text) {
        Ok(_) => Ok(()),
        Err(_) => Err(InvalidEvent::Type {
            name: name.to_owned(),
            expected: "a URI-reference (RFC 3986)",
        }),
    }
}

pub(super) fn check_absolute_uri(name: &'static str, text: &str) -> Result<(), InvalidEvent> {
    check_text(name, text)?;
    match Uri::parse(text) {
        Ok(_) => Ok(()),
        Err(_) => Err(InvalidEvent::Type {
            name: name.to_owned(),
            expected: "an absolute URI (RFC 3986)",
        }),
    }
}

/// Checks `datacontenttype` against RFC 2046: `type/subtype`, then parameters.
pub(crate) fn check_media_type(text: &str) -> Result<(), InvalidEvent> {
    check_text("datacontenttype", text)?;
    let essence = text.split(';').next().unwrap_or_default().trim();
    match essence.split_once('/') {
        Some((kind, subtype)) if is_token(kind) && is_token(subtype) => Ok(()),
        Some(_) | None => Err(InvalidEvent::Type {
            name: "datacontenttype".to_owned(),
            expected: "a media type (RFC 2046)",
        }),
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Whether a media type is JSON in the sense of the JSON format, section 3.1: `*/json` or `*/*+json`.
pub fn is_json_media_type(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence
        .split_once('/')
        .is_some_and(|(_, subtype)| subtype == "json" || subtype.ends_with("+json"))
}

/// Reads a timestamp by RFC 3339, lower-case `t` and `z`, a blank for the `T`, and leap seconds included.
pub fn parse_time(text: &str) -> Option<OffsetDateTime> {
    if !text.is_ascii() || text.len() < 20 {
        return None;
    }
    let mut canonical = text.to_ascii_uppercase();
    if canonical.as_bytes()[10] == b' ' {
        canonical.replace_range(10..11, "T");
    }
    OffsetDateTime::parse(&canonical, &Rfc3339).ok()
}

/// Writes a timestamp by RFC 3339 in UTC.
pub fn format_time(time: OffsetDateTime) -> String {
    time.to_offset(time::UtcOffset::UTC).format(&Rfc3339).expect(
        "every time between the years 0 and 9999 has an RFC 3339 form, and clocks tell no other",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_media_types_are_told_from_others() {
        for (media_type, expected) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/vnd.x+json", true),
            ("text/json", true),
            ("text/plain", false),
            ("application/jsonx", false),
            ("json", false),
        ] {
            assert_eq!(is_json_media_type(media_type), expected, "{media_type}");
        }
    }

    #[test]
    fn names_of_defined_attributes_cannot_be_extensions() {
        for name in ["data", "id", "source", "A", "a_b", "", "a-b"] {
            assert!(check_extension_name(name).is_err(), "{name}");
        }
        assert_eq!(check_extension_name("traceparent"), Ok(()));
    }
}
