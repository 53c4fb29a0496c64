//! A value that stands in the settings and is compared with, or stands for, one of an event.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// A text, a whole number or a truth value, as the text that PostgreSQL casts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Literal(String);

impl Literal {
    /// The text.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Literal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Literal {
    fn schema_name() -> Cow<'static, str> {
        "Literal".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer", "boolean"] })
    }
}

struct Visitor;

impl de::Visitor<'_> for Visitor {
    type Value = Literal;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text, a whole number, true or false")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Literal, E> {
        Ok(Literal(text.to_owned()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Literal, E> {
        Ok(Literal(number.to_string()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Literal, E> {
        Ok(Literal(number.to_string()))
    }

    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Literal, E> {
        Ok(Literal(truth.to_string()))
    }
}
