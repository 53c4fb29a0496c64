//! Durations as text with a unit: `"25s"`, `"5m"`, `"2h"`, `"1h 30m"`, `"0s"`.
//!
//! Use as `#[serde(with = "duration")] #[schemars(with = "duration::Text")]`; [`option`] and
//! [`list`] do the same for `Option<Duration>` and `Vec<Duration>`.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serializer, de};

/// Stands for a duration in a JSON Schema.
#[derive(Debug)]
pub struct Text;

/// A text is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a time span with its unit, such as \"25s\", \"5m\" or \"2h\"")]
pub struct InvalidDuration;

/// Reads text such as `1h 30m`.
pub fn parse(text: &str) -> Result<Duration, InvalidDuration> {
    humantime::parse_duration(text).map_err(|_| InvalidDuration)
}

/// Prints the shortest text that [`parse`] reads back, such as `2h`.
pub fn format(value: Duration) -> String {
    humantime::format_duration(value).to_string()
}

/// For serde's `with`.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_str(Visitor)
}

/// For serde's `with`.
pub fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_duration(*value))
}

/// For `Option<Duration>`; the field needs `#[serde(default)]` too.
pub mod option {
    use super::{Deserializer, Duration, Serializer};

    /// For serde's `with`.
    pub fn serialize<S: Serializer>(value: &Option<Duration>, s: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => super::serialize(value, s),
            None => s.serialize_none(),
        }
    }

    /// For serde's `with`.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Duration>, D::Error> {
        super::deserialize(d).map(Some)
    }
}

/// For `Vec<Duration>`.
pub mod list {
    use super::{Deserialize, Deserializer, Duration, Serializer};

    struct Item(Duration);

    impl<'de> Deserialize<'de> for Item {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            super::deserialize(deserializer).map(Item)
        }
    }

    /// For serde's `with`.
    pub fn serialize<S: Serializer>(value: &[Duration], s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(value.iter().map(|item| super::format(*item)))
    }

    /// For serde's `with`.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Duration>, D::Error> {
        Ok(Vec::<Item>::deserialize(d)?.into_iter().map(|item| item.0).collect())
    }
}

impl JsonSchema for Text {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A time span with its unit, such as \"25s\", \"5m\" or \"2h\".",
            "examples": ["25s", "5m", "2h"],
        })
    }
}

struct Visitor;

impl de::Visitor<'_> for Visitor {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time span with its unit, such as \"25s\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
        parse(text).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_needs_its_unit() {
        for (text, expected) in [
            ("25s", Ok(25)),
            ("5m", Ok(300)),
            ("2h", Ok(7200)),
            ("0s", Ok(0)),
            ("1h 30m", Ok(5400)),
            ("72h", Ok(259_200)),
            ("25", Err(InvalidDuration)),
            ("-5s", Err(InvalidDuration)),
            ("", Err(InvalidDuration)),
            ("soon", Err(InvalidDuration)),
        ] {
            assert_eq!(parse(text).map(|value| value.as_secs()), expected, "{text}");
        }
    }

    #[test]
    fn a_printed_duration_reads_back() {
        for seconds in [0, 1, 90, 7200, 259_200] {
            let value = Duration::from_secs(seconds);
            assert_eq!(parse(&format(value)), Ok(value));
        }
    }
}
