//! Where a new route begins.

use async_nats::jetstream::consumer::DeliverPolicy;
use event_bus_core::event::parse_time;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use time::OffsetDateTime;

/// Where a new route begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// With the oldest event that the stream holds.
    #[default]
    All,
    /// With the next event.
    New,
    /// With the first event stored at or after this time.
    At(OffsetDateTime),
}

impl Start {
    /// The same in the words of a consumer.
    pub fn deliver_policy(self) -> DeliverPolicy {
        match self {
            Self::All => DeliverPolicy::All,
            Self::New => DeliverPolicy::New,
            Self::At(start_time) => DeliverPolicy::ByStartTime { start_time },
        }
    }
}

impl<'de> Deserialize<'de> for Start {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "all" => Ok(Self::All),
            "new" => Ok(Self::New),
            other => parse_time(other).map(Self::At).ok_or_else(|| {
                de::Error::custom(format!(
                    "`{other}` is no start: write \"all\", \"new\" or a time such as \"2026-01-31T00:00:00Z\""
                ))
            }),
        }
    }
}

impl JsonSchema for Start {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Start".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "\"all\", \"new\", or a time (RFC 3339).",
            "examples": ["all", "new", "2026-01-31T00:00:00Z"],
        })
    }
}
