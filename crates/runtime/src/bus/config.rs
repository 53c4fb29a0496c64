//! `[bus]`.

use std::path::PathBuf;
use std::time::Duration;

use async_nats::ServerAddr;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::streams::StreamsConfig;
use crate::config::{Problem, duration};
use crate::secret::SecretRef;

/// `[bus]`: how to reach the broker and how its streams are made.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BusConfig {
    pub url: ServerUrls,
    pub credentials: Option<SecretRef>,
    pub nkey: Option<SecretRef>,
    pub user: Option<String>,
    pub password: Option<SecretRef>,
    pub token: Option<SecretRef>,
    pub tls: TlsConfig,
    /// Name of the connection on the server; default: the name of the mode.
    pub name: Option<String>,
    pub inbox_prefix: Option<String>,
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub connect_timeout: Duration,
    pub streams: StreamsConfig,
}

/// One address or several.
#[derive(Clone, Debug)]
pub struct ServerUrls(pub Vec<ServerAddr>);

/// `[bus.tls]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    pub ca: Option<PathBuf>,
    pub cert: Option<PathBuf>,
    pub key: Option<PathBuf>,
    pub first: bool,
    pub required: bool,
}

impl Default for BusConfig {
    fn default() -> Self {
        todo!()
    }
}

impl BusConfig {
    /// A configuration for one server, everything else by default.
    pub fn for_url(url: &str) -> Result<Self, std::io::Error> {
        let _ = url;
        todo!()
    }

    /// Every problem at once; paths start with `bus`.
    pub fn validate(&self) -> Vec<Problem> {
        todo!()
    }
}

impl<'de> Deserialize<'de> for ServerUrls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let _ = deserializer;
        todo!()
    }
}

impl JsonSchema for ServerUrls {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ServerUrls".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "One server address or a list of them.",
            "oneOf": [
                { "type": "string" },
                { "type": "array", "items": { "type": "string" }, "minItems": 1 },
            ],
        })
    }
}
