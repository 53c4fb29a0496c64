//! Settings of the Kafka REST sink.

use std::time::Duration;

use event_bus_runtime::SecretRef;
use event_bus_runtime::config::duration;
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::{Api, Format, KafkaRestSink};
use crate::sinks::headers::{self, HeadersConfig};
use crate::sinks::record::{self, default_key};
use crate::sinks::topic::{self, is_legal};
use crate::sinks::{AuthConfig, BuildError, Settings, Sink, SinkContext, TlsConfig, connect};

/// Beginning of the headers that the sink sets itself.
const OWN_HEADERS: [&str; 1] = ["accept"];

/// `sink.kafka_rest`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Which REST API there is.
    pub api: Api,
    /// Where it begins: what stands before `/topics` or `/v3`, such as `https://kafka.example.com`.
    #[schemars(with = "String")]
    pub url: Url,
    /// Id of the cluster, of `confluent-v3`.
    #[serde(default)]
    pub cluster_id: Option<String>,
    /// Topic; a template, such as `events.{type}`.
    pub topic: String,
    /// What stands in a record: `binary` by default, and `structured` with `confluent-v2`, whose records have no headers.
    #[serde(default)]
    pub format: Option<Format>,
    /// The attribute or extension that is the key of the record, or `none`. An event without it gets no key.
    #[serde(default = "default_key")]
    pub key: String,
    /// How the relay proves who it is: `{ bearer = … }`, `{ basic = { … } }` or `{ oauth2 = { … } }`.
    #[serde(default)]
    pub auth: Option<AuthConfig>,
    /// Further headers, each with its text or a secret.
    #[serde(default)]
    pub headers: HeadersConfig,
    /// Whom to trust, and with which certificate to connect.
    #[serde(default)]
    pub tls: TlsConfig,
    /// Time until every record of a batch is confirmed.
    #[serde(default = "default_timeout", with = "duration")]
    #[schemars(with = "duration::Text")]
    pub timeout: Duration,
}

impl Settings for Config {
    fn kind(&self) -> &'static str {
        "kafka_rest"
    }

    fn finding(&self) -> &'static str {
        "EB0216"
    }

    fn largest_batch(&self) -> u32 {
        500
    }

    fn validate(&self) -> Vec<(String, String)> {
        let mut problems = connect::problems(&self.url, &self.tls);
        let mut report = |key: &str, message: &str| {
            problems.push((key.to_owned(), message.to_owned()));
        };
        if self.url.query().is_some() || self.url.fragment().is_some() {
            report("url", "must end with its path: the path of the topic is put behind it");
        }
        match (self.api, self.cluster_id.as_deref()) {
            (Api::ConfluentV3, None) => {
                report("cluster_id", "is missing: every path of confluent-v3 holds it");
            }
            (Api::ConfluentV3, Some(id)) if !is_legal(id) => {
                report("cluster_id", "is no id of a cluster; `GET /v3/clusters` tells it");
            }
            (Api::Strimzi | Api::ConfluentV2, Some(_)) => {
                report("cluster_id", "belongs to confluent-v3; leave it out");
            }
            (Api::ConfluentV3, Some(_)) | (Api::Strimzi | Api::ConfluentV2, None) => {}
        }
        if let Some(problem) = topic::problem(&self.topic) {
            report("topic", &problem);
        }
        if let Some(problem) = record::key_problem(&self.key) {
            report("key", problem);
        }
        if self.format == Some(Format::Binary) && !self.api.has_headers() {
            let message = "records of confluent-v2 have no headers; use structured or data";
            report("format", message);
        }
        if self.timeout < Duration::from_millis(10) || self.timeout > Duration::from_secs(600) {
            report("timeout", "must be between 10ms and 10m");
        }
        for (name, message) in headers::validate(&self.headers, &OWN_HEADERS, self.auth.is_some()) {
            report(&format!("headers.{name}"), &message);
        }
        for (key, message) in self.auth.iter().flat_map(AuthConfig::validate) {
            report(&format!("auth.{key}"), &message);
        }
        problems
    }

    fn secrets(&self) -> Vec<(String, SecretRef)> {
        let auth = self.auth.iter().flat_map(AuthConfig::secrets);
        let auth = auth.map(|(key, secret)| (format!("auth.{key}"), secret));
        let headers = headers::secrets(&self.headers);
        let headers = headers.map(|(name, secret)| (format!("headers.{name}"), secret));
        let key = self.tls.key.iter().map(|key| ("tls.key".to_owned(), key.clone()));
        auth.chain(headers).chain(key).collect()
    }

    fn build(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, BuildError> {
        Ok(Box::new(KafkaRestSink::build(self, context)?))
    }
}

impl Config {
    /// The format, chosen or by default.
    pub(super) fn format(&self) -> Format {
        let fitting = if self.api.has_headers() { Format::Binary } else { Format::Structured };
        self.format.unwrap_or(fitting)
    }
}

fn default_timeout() -> Duration {
    Duration::from_secs(15)
}
