//! The payload of an event, and how a body becomes one.

use bytes::Bytes;
use serde::Deserialize as _;

use super::attributes::is_json_media_type;
use super::json;

/// What an event carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// JSON text that passed [`json::check`]; embedded verbatim, never printed again.
    Json(Bytes),
    /// Text of another media type; a JSON string in structured mode.
    Text(String),
    /// Anything else; base64 in structured mode.
    Binary(Bytes),
}

impl Data {
    /// Turns the body of a webhook into data, and says which media type describes it.
    ///
    /// JSON (by its declared type, or undeclared) is embedded as it stands if every consumer can read it
    /// ([`json::check`]) and it is not `null`. Other UTF-8 text becomes a string; if it was declared as JSON, its media type becomes
    /// `text/plain`, because it is not JSON. Everything else, a byte order mark included, stays binary.
    /// An empty body is no data.
    pub fn from_body(content_type: Option<&str>, body: Bytes) -> (Option<Self>, Option<String>) {
        Self::from_scanned_body(content_type, body, None)
    }

    /// The same for a body of which it may be known already whether it is strict JSON.
    pub(crate) fn from_scanned_body(
        content_type: Option<&str>,
        body: Bytes,
        is_strict: Option<bool>,
    ) -> (Option<Self>, Option<String>) {
        if body.is_empty() {
            return (None, None);
        }
        let declared = content_type.map(str::to_owned);
        let json_expected = content_type.is_none_or(is_json_media_type);
        let is_strict = || is_strict.unwrap_or_else(|| json::check(&body).is_ok());
        if json_expected && is_strict() && body.trim_ascii() != b"null" {
            let media_type = declared.unwrap_or_else(|| "application/json".to_owned());
            return (Some(Self::json_value(&body)), Some(media_type));
        }
        match readable_text(&body) {
            Some(text) if json_expected => {
                (Some(Self::Text(text.to_owned())), Some("text/plain; charset=utf-8".to_owned()))
            }
            Some(text) => (Some(Self::Text(text.to_owned())), declared),
            None => (
                Some(Self::Binary(body)),
                declared.or_else(|| Some("application/octet-stream".to_owned())),
            ),
        }
    }

    /// Turns the body of a binary-mode CloudEvent into data. Its media type belongs to its producer and is kept.
    pub fn from_payload(datacontenttype: Option<&str>, body: Bytes) -> Option<Self> {
        if body.is_empty() {
            return None;
        }
        if datacontenttype.is_none_or(is_json_media_type) {
            return Some(if json::check(&body).is_ok() {
                Self::json_value(&body)
            } else {
                Self::Binary(body)
            });
        }
        Some(match readable_text(&body) {
            Some(text) => Self::Text(text.to_owned()),
            None => Self::Binary(body),
        })
    }

    /// The value alone: white space around it does not belong to it.
    fn json_value(body: &Bytes) -> Self {
        Self::Json(body.slice_ref(body.trim_ascii()))
    }

    /// Keeps every byte of a body, so that a consumer can verify a signature over it again.
    pub fn verbatim(body: Bytes) -> Option<Self> {
        (!body.is_empty()).then_some(Self::Binary(body))
    }

    /// The payload as a JSON value: JSON as it is, text as a string. Bytes are none.
    pub fn to_value(&self) -> Option<serde_json::Value> {
        match self {
            Self::Json(bytes) => {
                let mut deserializer = serde_json::Deserializer::from_slice(bytes);
                // An event holds only JSON that is at most 128 deep.
                deserializer.disable_recursion_limit();
                serde_json::Value::deserialize(&mut deserializer).ok()
            }
            Self::Text(text) => Some(text.as_str().into()),
            Self::Binary(_) => None,
        }
    }

    /// The payload as bytes, as binary mode carries it.
    pub fn to_bytes(&self) -> Bytes {
        match self {
            Self::Json(bytes) | Self::Binary(bytes) => bytes.clone(),
            Self::Text(text) => Bytes::copy_from_slice(text.as_bytes()),
        }
    }
}

/// UTF-8 without a byte order mark, which would be lost or misread as text.
fn readable_text(body: &[u8]) -> Option<&str> {
    std::str::from_utf8(body).ok().filter(|text| !text.starts_with('\u{feff}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_embedded_only_if_every_consumer_can_read_it() {
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let json = |text: &str| {
            (Some(Data::Json(Bytes::copy_from_slice(text.as_bytes()))), "application/json")
        };
        let text = |text: &str| (Some(Data::Text(text.to_owned())), "text/plain; charset=utf-8");
        for (body, (data, media_type)) in [
            (r#"{"a": 1}"#.to_owned(), json(r#"{"a": 1}"#)),
            (deep(128), json(&deep(128))),
            (deep(129), text(&deep(129))),
            (deep(100_000), text(&deep(100_000))),
            (r#""\ud800""#.to_owned(), text(r#""\ud800""#)),
            ("[1e400]".to_owned(), text("[1e400]")),
            ("null".to_owned(), text("null")),
            ("Hello, World!".to_owned(), text("Hello, World!")),
        ] {
            let given = Data::from_body(Some("application/json"), Bytes::from(body.clone()));
            assert_eq!(given, (data, Some(media_type.to_owned())), "{body:.40}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_stay_bytes() {
        for body in [&b"\xef\xbb\xbf{}"[..], b"\xff\xfe", b"{\"a\":\"\xc0\xa0\"}"] {
            let (data, media_type) =
                Data::from_body(Some("application/json"), Bytes::from_static(body));
            assert_eq!(data, Some(Data::Binary(Bytes::from_static(body))));
            assert_eq!(media_type.as_deref(), Some("application/json"));
        }
    }

    #[test]
    fn a_producers_media_type_is_kept_whatever_the_body_holds() {
        let data = Data::from_payload(Some("application/json"), Bytes::from_static(b"not json"));
        assert_eq!(data, Some(Data::Binary(Bytes::from_static(b"not json"))));
        assert_eq!(Data::from_payload(None, Bytes::new()), None);
    }
}
