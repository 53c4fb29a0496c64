//! Whether a message can be stored where its topic is stored, asked before anything is accepted.
//!
//! Without this, a value that a table cannot take would be found out late: with the event already accepted, and with other
//! destinations already served (EventGate, section 9).

use std::fmt;
use std::ops::RangeInclusive;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use crate::json::{Number, Value};

/// The first millisecond of the year 1 and the last one of the year 9999, which are all that a route writes.
const INSTANTS: RangeInclusive<f64> = -62_135_596_800_000.0..=253_402_300_799_999.0;

/// Types as they are written.
const KINDS: [&str; 10] = [
    "uuid",
    "varchar(255)",
    "text",
    "bigint",
    "bigint rounded",
    "integer",
    "integer rounded",
    "jsonb",
    "instant",
    "<type> not null",
];

/// What a column can take, as SQL writes it: `uuid`, `varchar(255)`, `text`, `bigint`, `integer`, `jsonb` or `instant`
/// (milliseconds since 1970), with ` not null` behind it if there must be a value. `bigint rounded` and `integer rounded`
/// take fractions too, for a route that rounds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnType {
    kind: Kind,
    not_null: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Uuid,
    Varchar(usize),
    Text,
    /// `bigint` has 64 bits, `integer` 32.
    Whole {
        bits: u32,
        rounded: bool,
    },
    Jsonb,
    Instant,
}

/// Fields of messages and the columns that take them. `a.b` is a field in a field, `a[].b` one of each element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Storage(Vec<(String, ColumnType)>);

/// A value that cannot be stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Field '{field}' cannot be stored: {reason}")]
pub struct Unstorable {
    field: String,
    reason: String,
}

impl Storage {
    /// From fields to types.
    pub fn new(fields: impl IntoIterator<Item = (String, ColumnType)>) -> Self {
        Self(fields.into_iter().collect())
    }

    /// Whether every field can be stored.
    pub fn check(&self, message: &Value) -> Result<(), Unstorable> {
        for (field, column) in &self.0 {
            walk(message, field, column)
                .map_err(|reason| Unstorable { field: field.clone(), reason })?;
        }
        Ok(())
    }
}

fn walk(value: &Value, path: &str, column: &ColumnType) -> Result<(), String> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(a, b)| (a, Some(b)));
    let (name, each) = first.strip_suffix("[]").map_or((first, false), |name| (name, true));
    let found = value.get(name).filter(|found| !matches!(found, Value::Null));
    let Some(found) = found else {
        // Nobody asks for the fields of what is not there.
        let missing = rest.is_none() && !each && column.not_null;
        return if missing { Err("it is missing".to_owned()) } else { Ok(()) };
    };
    match (each, rest) {
        (true, Some(rest)) => {
            let Some(elements) = found.as_array() else {
                return Err(format!("{} is not an array", short(found)));
            };
            elements.iter().try_for_each(|element| walk(element, rest, column))
        }
        (false, Some(rest)) if found.as_object().is_some() => walk(found, rest, column),
        (false, Some(_)) => Err(format!("{} is not an object", short(found))),
        (_, None) => column.takes(found),
    }
}

impl ColumnType {
    fn takes(&self, value: &Value) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("{} is not {what}", short(value)));
        match self.kind {
            Kind::Uuid => match value.as_str() {
                Some(text) if is_uuid(text) => Ok(()),
                _ => wrong("a UUID"),
            },
            Kind::Varchar(most) => {
                // What is no text is written as its JSON, which is ASCII.
                let length = value
                    .as_str()
                    .map_or_else(|| value.to_python_json().len(), |text| text.chars().count());
                if length > most {
                    return Err(format!("{length} characters, and {most} are the most"));
                }
                without_nul(value)
            }
            // A route gives a text as it is, which the column would read as JSON.
            Kind::Jsonb if value.as_str().is_some() => wrong("an object, an array or a number"),
            Kind::Text | Kind::Jsonb => without_nul(value),
            Kind::Whole { bits, rounded } => {
                let end = 1 << (bits - 1);
                match whole(value, rounded) {
                    Some(number) if (-end..end).contains(&number) => Ok(()),
                    _ if rounded => wrong(&format!("a whole number of {bits} bits")),
                    _ => wrong(&format!("a whole number of {bits} bits, written without a point")),
                }
            }
            Kind::Instant => match value.as_number().map(Number::to_f64) {
                Some(instant) if INSTANTS.contains(&instant) => Ok(()),
                _ => wrong("an instant of the years 1 to 9999, in milliseconds"),
            },
        }
    }
}

/// As PostgreSQL reads it: 32 hexadecimal digits, in braces or not, with a hyphen after any four of them or without.
fn is_uuid(text: &str) -> bool {
    let inner = text.strip_prefix('{').map_or(Some(text), |rest| rest.strip_suffix('}'));
    let mut digits = 0;
    let mut may_part = false;
    for byte in inner.unwrap_or_default().bytes() {
        match byte {
            b'-' if may_part => may_part = false,
            byte if byte.is_ascii_hexdigit() => {
                digits += 1;
                may_part = digits % 4 == 0 && digits < 32;
            }
            _ => return false,
        }
    }
    digits == 32
}

/// A number as a column of whole numbers takes it.
#[expect(
    clippy::cast_possible_truncation,
    reason = "what does not fit saturates far beyond 64 bits"
)]
fn whole(value: &Value, rounded: bool) -> Option<i128> {
    match value.as_number()? {
        Number::Int(int) => Some(i128::from(*int)),
        Number::Float(float) => rounded.then_some(float.round() as i128),
        Number::Big(_) => None,
    }
}

/// PostgreSQL stores no character NUL, neither in text nor in JSON.
fn without_nul(value: &Value) -> Result<(), String> {
    let sound = match value {
        Value::String(text) => !text.contains('\0'),
        Value::Array(elements) => elements.iter().all(|each| without_nul(each).is_ok()),
        Value::Object(members) => {
            members.iter().all(|(name, each)| !name.contains('\0') && without_nul(each).is_ok())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    };
    if sound { Ok(()) } else { Err("it holds the character NUL".to_owned()) }
}

/// A value as an answer repeats it.
fn short(value: &Value) -> String {
    let text = value.repr();
    let end = text.floor_char_boundary(80);
    if end < text.len() { format!("{}…", &text[..end]) } else { text }
}

impl std::str::FromStr for ColumnType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, not_null) =
            text.strip_suffix(" not null").map_or((text, false), |kind| (kind, true));
        let length = kind.strip_prefix("varchar(").and_then(|rest| rest.strip_suffix(')'));
        let kind = match (kind, length.map(str::parse)) {
            (_, Some(Ok(length))) => Kind::Varchar(length),
            ("uuid", _) => Kind::Uuid,
            ("text", _) => Kind::Text,
            ("bigint", _) => Kind::Whole { bits: 64, rounded: false },
            ("bigint rounded", _) => Kind::Whole { bits: 64, rounded: true },
            ("integer", _) => Kind::Whole { bits: 32, rounded: false },
            ("integer rounded", _) => Kind::Whole { bits: 32, rounded: true },
            ("jsonb", _) => Kind::Jsonb,
            ("instant", _) => Kind::Instant,
            _ => {
                return Err(format!(
                    "`{text}` is no type: write uuid, varchar(255), text, bigint, integer, jsonb or instant, `rounded` behind bigint or integer if the route rounds, and `not null` at the end if there must be a value"
                ));
            }
        };
        Ok(Self { kind, not_null })
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Uuid => formatter.write_str("uuid")?,
            Kind::Varchar(length) => write!(formatter, "varchar({length})")?,
            Kind::Text => formatter.write_str("text")?,
            Kind::Whole { bits, rounded } => {
                formatter.write_str(if bits == 64 { "bigint" } else { "integer" })?;
                formatter.write_str(if rounded { " rounded" } else { "" })?;
            }
            Kind::Jsonb => formatter.write_str("jsonb")?,
            Kind::Instant => formatter.write_str("instant")?,
        }
        if self.not_null { formatter.write_str(" not null") } else { Ok(()) }
    }
}

impl<'de> Deserialize<'de> for ColumnType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|_| {
            let known = KINDS.map(|kind| format!("`{kind}`")).join(", ");
            de::Error::custom(format!("unknown type `{text}`, expected one of {known}"))
        })
    }
}

impl JsonSchema for ColumnType {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ColumnType".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^(uuid|varchar\\([0-9]+\\)|text|(bigint|integer)( rounded)?|jsonb|instant)( not null)?$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Limits, parse};

    fn check(path: &str, column: &str, message: &str) -> Result<(), String> {
        let storage = Storage::new([(path.to_owned(), column.parse().unwrap())]);
        let message = parse(message.as_bytes(), Limits::default()).unwrap();
        storage.check(&message).map_err(|error| error.to_string())
    }

    #[test]
    fn what_a_column_cannot_take_is_said_before() {
        let long = format!(r#"{{"a":"{}"}}"#, "ä".repeat(256));
        let cases = [
            ("a", "uuid", r#"{"a":"0001aaaa-aaaa"}"#, "'0001aaaa-aaaa' is not a UUID"),
            ("a", "uuid", r#"{"a":""}"#, "'' is not a UUID"),
            ("a", "uuid", r#"{"a":"67e55044-10b1-426f-9247-bb680e5fe0c8-"}"#, "not a UUID"),
            ("a", "uuid", r#"{"a":"{67e55044-10b1-426f-9247-bb680e5fe0c8"}"#, "not a UUID"),
            ("a", "uuid", r#"{"a":"urn:uuid:67e55044-10b1-426f-9247-bb680e5fe0c8"}"#, "not a UUID"),
            ("a", "varchar(255)", &long, "256 characters, and 255 are the most"),
            ("a", "text", r#"{"a":"x\u0000"}"#, "the character NUL"),
            ("a", "jsonb", r#"{"a":{"b":["\u0000"]}}"#, "the character NUL"),
            ("a", "bigint", r#"{"a":9223372036854775808}"#, "is not a whole number of 64 bits"),
            ("a", "bigint rounded", r#"{"a":1e30}"#, "1e+30 is not a whole number of 64 bits"),
            (
                "a",
                "bigint",
                r#"{"a":1.0}"#,
                "1.0 is not a whole number of 64 bits, written without",
            ),
            ("a", "integer", r#"{"a":2147483648}"#, "is not a whole number of 32 bits"),
            ("a", "varchar(9)", r#"{"a":{"b":"ä"}}"#, "15 characters, and 9 are the most"),
            ("a", "jsonb", r#"{"a":"{}"}"#, "'{}' is not an object, an array or a number"),
            ("a", "instant", r#"{"a":253402300800000}"#, "an instant of the years 1 to 9999"),
            ("a", "instant", r#"{"a":-62135596800001}"#, "an instant of the years 1 to 9999"),
            ("a", "instant not null", r#"{"b":1}"#, "it is missing"),
            ("a[].b", "text", r#"{"a":[{"b":"x"},{"b":"\u0000"}]}"#, "the character NUL"),
            ("a.b", "uuid not null", r#"{"a":{}}"#, "it is missing"),
            ("a[].b", "text", r#"{"a":{"b":"x"}}"#, "{'b': 'x'} is not an array"),
            ("a[].b", "text", r#"{"a":"x"}"#, "'x' is not an array"),
            ("a.b", "text", r#"{"a":[1]}"#, "[1] is not an object"),
        ];
        for (path, column, message, expected) in cases {
            let found = check(path, column, message).unwrap_err();
            assert!(found.contains(expected) && found.contains(path), "{found}");
        }
    }

    #[test]
    fn what_a_column_can_take_passes() {
        for (path, column, message) in [
            ("a", "uuid", r#"{"a":"67E55044-10B1-426F-9247-BB680E5FE0C8"}"#),
            ("a", "uuid", r#"{"a":"{67e5504410b1426f9247bb680e5fe0c8}"}"#),
            ("a", "uuid", r#"{"a":"67e5-5044-10b1-426f-9247-bb68-0e5f-e0c8"}"#),
            ("a", "uuid", r#"{"a":null}"#),
            ("a", "uuid", r#"{}"#),
            ("a", "varchar(3)", r#"{"a":"äöü"}"#),
            ("a", "bigint rounded", r#"{"a":1747646400000.5}"#),
            ("a", "integer", r#"{"a":-2147483648}"#),
            ("a", "bigint", r#"{"a":9223372036854775807}"#),
            ("a", "instant", r#"{"a":0}"#),
            ("a[].b", "text not null", r#"{"a":[]}"#),
            ("a.b", "uuid not null", r#"{"a":null}"#),
        ] {
            assert_eq!(check(path, column, message), Ok(()), "{message}");
        }
    }

    #[test]
    fn types_are_read_as_they_are_written() {
        for text in ["uuid", "varchar(255) not null", "bigint", "integer rounded not null", "jsonb"]
        {
            assert_eq!(text.parse::<ColumnType>().unwrap().to_string(), text);
        }
        for text in ["varchar", "varchar(x)", "UUID", "text rounded", "bigint not null rounded", ""]
        {
            assert!(text.parse::<ColumnType>().is_err(), "{text}");
        }
    }
}
