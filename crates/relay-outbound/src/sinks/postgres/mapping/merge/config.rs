//! Settings of merged rows.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::{Deserialize, Deserializer, de};

use super::super::SourceConfig;
use super::super::literal::Literal;

/// The table of stamps, unless the settings say otherwise.
const DEFAULT_STAMPS: &str = "event_bus_merge_stamps";

/// `sink.postgres.merge`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeConfig {
    /// Columns of the unique index that names a row: the events that give the same values are folded into it.
    pub key: Vec<String>,
    /// When an event happened: text by RFC 3339, or a number with its `epoch`. Of the same time, the event with the
    /// later extension `recordedtime` is newer, then the one with the greater id.
    #[serde(default = "default_time")]
    pub time: SourceConfig,
    /// How the values of a column are folded; default `latest`: the newest that is not null.
    #[serde(default)]
    pub rules: BTreeMap<String, RuleConfig>,
    /// Table that keeps from which event each value comes; `event-bus routes migrate` makes it. Routes may share it.
    #[serde(default = "default_stamps")]
    pub stamps: String,
}

/// How the values of a column are folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleConfig {
    /// A rule that needs no more than its name.
    Named(NamedRule),
    /// A rule that looks at values.
    Table(RuleTable),
}

/// A rule that needs no more than its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NamedRule {
    /// The newest value that is not null.
    Latest,
    /// The newest value, null included.
    LatestOrNull,
    /// Each member of an object by itself, the newest.
    MergeObject,
    /// The greatest value. If it is an instant, it tells how old the values are that somebody else wrote.
    Max,
}

/// A rule that looks at values.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleTable {
    /// The newest value that is none of these and not null; without any, the first of these.
    pub(super) latest_unless: Option<Vec<Literal>>,
    /// Only events in which this has one of the values of `is` give a value; of them, the newest that is not null.
    pub(super) when: Option<SourceConfig>,
    /// The values of `when`.
    #[serde(default)]
    pub(super) is: Vec<Literal>,
}

impl<'de> Deserialize<'de> for RuleConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for RuleConfig {
    fn schema_name() -> Cow<'static, str> {
        "RuleConfig".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (named, table) =
            (generator.subschema_for::<NamedRule>(), generator.subschema_for::<RuleTable>());
        json_schema!({
            "description": "How the values of a column are folded.",
            "anyOf": [named, table],
        })
    }
}

/// An untagged enum would only say that no variant fits.
struct Visitor;

impl<'de> de::Visitor<'de> for Visitor {
    type Value = RuleConfig;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(
            "a rule such as \"latest\", { latest_unless = [1] } or { when = \"type\", is = [\"made\"] }",
        )
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<RuleConfig, E> {
        NamedRule::deserialize(StrDeserializer::new(text)).map(RuleConfig::Named)
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<RuleConfig, A::Error> {
        RuleTable::deserialize(MapAccessDeserializer::new(map)).map(RuleConfig::Table)
    }
}

fn default_time() -> SourceConfig {
    SourceConfig::of("time")
}

fn default_stamps() -> String {
    DEFAULT_STAMPS.to_owned()
}
