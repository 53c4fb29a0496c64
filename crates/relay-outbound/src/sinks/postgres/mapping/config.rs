//! Settings of columns, child rows and what they take.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, de};

use super::literal::Literal;

/// What a column takes: `"data.name"`, or `{ from = "data.name", default = "" }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceConfig(pub(super) Settings);

/// One entry of `sink.postgres.children`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChildConfig {
    /// Name of the table, with its schema before a dot if need be. Case matters.
    pub table: String,
    /// The array that gives one row for each of its elements, such as `data.jobs`; none or null gives no row.
    pub each: String,
    /// Columns and what each takes, as in `columns`; and `item`, `item.name` and `index` (from 0) of the element.
    pub columns: BTreeMap<String, SourceConfig>,
}

/// What stands for an instant in a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Epoch {
    /// Seconds since 1970.
    #[serde(rename = "s")]
    Seconds,
    /// Milliseconds since 1970.
    #[serde(rename = "ms")]
    Milliseconds,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// An attribute, a field such as `data.user.name`, or a template.
    pub(super) from: String,
    /// Stands for a value that is missing or null.
    pub(super) default: Option<Literal>,
    /// Round a number to a whole one, halves away from zero, for a column of whole numbers.
    #[serde(default)]
    pub(super) round: bool,
    /// The value is a number that counts from 1970, and becomes an instant; default: it stays as it is.
    pub(super) epoch: Option<Epoch>,
}

impl SourceConfig {
    /// Takes a value as it is.
    pub fn of(from: &str) -> Self {
        Self(Settings { from: from.to_owned(), default: None, round: false, epoch: None })
    }
}

impl<'de> Deserialize<'de> for SourceConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for SourceConfig {
    fn schema_name() -> Cow<'static, str> {
        "SourceConfig".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let settings = generator.subschema_for::<Settings>();
        json_schema!({
            "description": "What of the event is taken.",
            "anyOf": [{ "type": "string" }, settings],
        })
    }
}

/// An untagged enum would only say that no variant fits.
struct Visitor;

impl<'de> de::Visitor<'de> for Visitor {
    type Value = SourceConfig;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .write_str("a source such as \"data.name\" or { from = \"data.name\", default = \"\" }")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<SourceConfig, E> {
        Ok(SourceConfig::of(text))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<SourceConfig, A::Error> {
        Settings::deserialize(MapAccessDeserializer::new(map)).map(SourceConfig)
    }
}
