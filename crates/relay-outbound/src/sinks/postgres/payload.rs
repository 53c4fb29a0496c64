//! Which column of the table holds an event's data: `jsonb` where that keeps the value whole, else text, else bytes.
//!
//! `jsonb` cannot hold the character NUL (`\u0000` in JSON) and keeps numbers in `numeric`, which cuts off digits far
//! behind the point. Text cannot hold NUL either, but the JSON text of such a value can.

use event_bus_core::event::{Data, Event};

/// Most characters of a number, and its largest exponent either way, that are left to `numeric`; both lie far within
/// what it keeps exactly.
const MAX_NUMBER: usize = 1000;

/// The data of an event in the form that PostgreSQL keeps whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payload<'a> {
    None,
    /// JSON for `jsonb`.
    Json(&'a str),
    /// JSON that only text can hold.
    JsonText(&'a str),
    Text(&'a str),
    /// Text that holds NUL.
    TextBytes(&'a str),
    Bytes(&'a [u8]),
}

impl<'a> Payload<'a> {
    pub(super) fn of(event: &'a Event) -> Self {
        match event.data() {
            None => Self::None,
            Some(Data::Json(bytes)) => match std::str::from_utf8(bytes) {
                Ok(json) if fits_jsonb(json) => Self::Json(json),
                Ok(json) => Self::JsonText(json),
                Err(_) => Self::Bytes(bytes),
            },
            Some(Data::Text(text)) if text.contains('\0') => Self::TextBytes(text),
            Some(Data::Text(text)) => Self::Text(text),
            Some(Data::Binary(bytes)) => Self::Bytes(bytes),
        }
    }

    /// What a reader must know to tell the forms apart: the column `data_form`.
    pub(super) fn form(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Json(_) => Some("json"),
            Self::JsonText(_) => Some("json-text"),
            Self::Text(_) => Some("text"),
            Self::TextBytes(_) => Some("text-bytes"),
            Self::Bytes(_) => Some("bytes"),
        }
    }

    /// For a column of type `jsonb`.
    pub(super) fn json(self) -> Option<&'a str> {
        match self {
            Self::Json(json) => Some(json),
            Self::None
            | Self::JsonText(_)
            | Self::Text(_)
            | Self::TextBytes(_)
            | Self::Bytes(_) => None,
        }
    }

    /// For a column of type `text`.
    pub(super) fn text(self) -> Option<&'a str> {
        match self {
            Self::JsonText(text) | Self::Text(text) => Some(text),
            Self::None | Self::Json(_) | Self::TextBytes(_) | Self::Bytes(_) => None,
        }
    }

    /// For a column of type `bytea`, in the form that PostgreSQL reads it.
    pub(super) fn bytes(self) -> Option<String> {
        match self {
            Self::TextBytes(text) => Some(format!("\\x{}", hex::encode(text))),
            Self::Bytes(bytes) => Some(format!("\\x{}", hex::encode(bytes))),
            Self::None | Self::Json(_) | Self::JsonText(_) | Self::Text(_) => None,
        }
    }
}

/// Whether `jsonb` keeps this JSON text without loss. It is valid JSON already.
fn fits_jsonb(json: &str) -> bool {
    let mut rest = json.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = match first {
            b'"' => match after_string(after) {
                Some(after) => after,
                None => return false,
            },
            b'-' | b'0'..=b'9' => {
                let is_part =
                    |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
                let length = rest.iter().take_while(|byte| is_part(byte)).count();
                let (number, after) = rest.split_at(length);
                if !fits_numeric(number) {
                    return false;
                }
                after
            }
            _ => after,
        };
    }
    true
}

/// What follows a string whose first quote was read; nothing if the string holds NUL.
fn after_string(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        rest = match rest {
            [] | [b'\\', b'u', b'0', b'0', b'0', b'0', ..] => return None,
            [b'"', after @ ..] => return Some(after),
            [b'\\', _, after @ ..] | [_, after @ ..] => after,
        };
    }
}

fn fits_numeric(number: &[u8]) -> bool {
    let mut parts = number.splitn(2, |byte| matches!(byte, b'e' | b'E'));
    let exponent = parts.nth(1).and_then(|part| std::str::from_utf8(part).ok());
    let is_small = |text: &str| {
        text.trim_start_matches('+')
            .parse::<i64>()
            .is_ok_and(|exponent| exponent.unsigned_abs() <= MAX_NUMBER as u64)
    };
    number.len() <= MAX_NUMBER && exponent.is_none_or(is_small)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn event(data: Data) -> Event {
        Event::builder("1", "/source", "type").data(data).build().unwrap()
    }

    #[test]
    fn json_goes_to_jsonb_unless_it_would_lose_something() {
        let long = "1".repeat(MAX_NUMBER + 1);
        let bytes = "x".repeat(5000);
        for (json, expected) in [
            (r#"{"a":[1,-2.5e3,true,null,"\"\\"]}"#, true),
            (r#"{"a":"\u0000"}"#, false),
            (r#"{"\u0000":1}"#, false),
            (r#""\\u0000""#, true),
            (r#""\\\u0000""#, false),
            (r#""\\\\u0000 \u00001""#, false),
            (r#""\u0001\u00e9""#, true),
            ("1e-1000", true),
            ("1e-1001", false),
            ("[0.1E+99999999999999999999]", false),
            (&format!("[{long}]"), false),
            (&format!("{long:?}"), true),
            (&format!("{bytes:?}"), true),
            ("null", true),
        ] {
            assert_eq!(fits_jsonb(json), expected, "{json:.60}");
        }
    }

    #[test]
    fn each_form_stands_in_one_column_and_names_itself() {
        let json = |text: &str| Data::Json(Bytes::copy_from_slice(text.as_bytes()));
        for (data, form, columns) in [
            (json("{}"), "json", (Some("{}"), None, None)),
            (json(r#""\u0000""#), "json-text", (None, Some(r#""\u0000""#), None)),
            (Data::Text("a".to_owned()), "text", (None, Some("a"), None)),
            (Data::Text("\0é".to_owned()), "text-bytes", (None, None, Some("\\x00c3a9"))),
            (Data::Binary(Bytes::from_static(b"\xff\0")), "bytes", (None, None, Some("\\xff00"))),
        ] {
            let event = event(data);
            let payload = Payload::of(&event);
            let bytes = payload.bytes();
            assert_eq!(payload.form(), Some(form));
            assert_eq!((payload.json(), payload.text(), bytes.as_deref()), columns, "{form}");
        }
    }

    #[test]
    fn no_data_is_no_form() {
        let event = Event::builder("1", "/source", "type").build().unwrap();
        assert_eq!(Payload::of(&event).form(), None);
    }
}
