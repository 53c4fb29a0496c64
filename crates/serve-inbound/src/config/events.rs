//! `[inbound.events]`: the endpoint for CloudEvents.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use event_bus_runtime::SecretRef;
use event_bus_runtime::config::Rate;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, de};

use super::HmacConfig;

/// `[inbound.events]`: its presence opens `POST /events`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventsConfig {
    /// How senders prove that they may publish.
    pub auth: EventsAuth,
    /// Subject of the events; `{source}` is `events` here.
    #[serde(default = "default_subject")]
    pub subject: String,
    /// Origins that are granted the right to send when they ask with OPTIONS; `"*"` grants it to everyone. None by default.
    #[serde(default)]
    pub allowed_origins: Vec<String>,
    /// File with a JSON Schema that the data of every event must fit.
    #[serde(default)]
    pub schema: Option<PathBuf>,
    /// Most events in one batch.
    #[serde(default = "default_max_batch")]
    pub max_batch: NonZeroUsize,
    /// Most requests, such as `"100/s"`; a batch is one.
    #[serde(default)]
    pub rate: Option<Rate>,
}

/// `auth`: `{ bearer = [secrets] }`, `{ hmac = { … }, secrets = [secrets] }`, or `"unsigned"` spelled out.
#[derive(Clone, Debug, PartialEq)]
pub enum EventsAuth {
    /// A bearer token, as header or as `?access_token=` (RFC 6750). Any of the secrets.
    Bearer(Vec<SecretRef>),
    /// An HMAC over the request.
    Hmac(Box<HmacAuth>),
    /// Anybody may publish.
    Unsigned,
}

/// An HMAC and its secrets.
#[derive(Clone, Debug, PartialEq)]
pub struct HmacAuth {
    /// Layout of the signature.
    pub layout: HmacConfig,
    /// Any of them may match.
    pub secrets: Vec<SecretRef>,
}

fn default_subject() -> String {
    "fleet.{source}.{type}".to_owned()
}

fn default_max_batch() -> NonZeroUsize {
    NonZeroUsize::new(100).unwrap_or(NonZeroUsize::MIN)
}

impl<'de> Deserialize<'de> for EventsAuth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for EventsAuth {
    fn schema_name() -> Cow<'static, str> {
        "EventsAuth".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let secrets = generator.subschema_for::<Vec<SecretRef>>();
        let hmac = generator.subschema_for::<HmacConfig>();
        json_schema!({
            "description": "How senders of CloudEvents prove that they may publish.",
            "oneOf": [
                { "const": "unsigned" },
                {
                    "type": "object",
                    "properties": { "bearer": secrets },
                    "required": ["bearer"],
                    "additionalProperties": false,
                },
                {
                    "type": "object",
                    "properties": { "hmac": hmac, "secrets": secrets },
                    "required": ["hmac", "secrets"],
                    "additionalProperties": false,
                },
            ],
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthTable {
    bearer: Option<Vec<SecretRef>>,
    hmac: Option<HmacConfig>,
    secrets: Option<Vec<SecretRef>>,
}

/// Reads either form. An untagged enum would only say that no variant fits.
struct Visitor;

impl<'de> de::Visitor<'de> for Visitor {
    type Value = EventsAuth;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(
            "{ bearer = [secrets] }, { hmac = { … }, secrets = [secrets] } or \"unsigned\"",
        )
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<EventsAuth, E> {
        // The text is not repeated: it may be a token that was written in the wrong place.
        match text {
            "unsigned" => Ok(EventsAuth::Unsigned),
            _ => Err(E::custom(format_args!("expected {}", Expected(&self)))),
        }
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<EventsAuth, A::Error> {
        let table = AuthTable::deserialize(MapAccessDeserializer::new(map))?;
        match (table.bearer, table.hmac, table.secrets) {
            (Some(secrets), None, None) => Ok(EventsAuth::Bearer(secrets)),
            (None, Some(layout), secrets) => Ok(EventsAuth::Hmac(Box::new(HmacAuth {
                layout,
                secrets: secrets.unwrap_or_default(),
            }))),
            (Some(_) | None, Some(_) | None, Some(_) | None) => {
                Err(de::Error::custom(format_args!("expected {}", Expected(&self))))
            }
        }
    }
}

struct Expected<'a>(&'a Visitor);

impl fmt::Display for Expected<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        de::Visitor::expecting(self.0, formatter)
    }
}
