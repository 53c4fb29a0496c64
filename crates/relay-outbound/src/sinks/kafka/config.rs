//! Settings of the Kafka sink.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use event_bus_runtime::SecretRef;
use event_bus_runtime::config::duration;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{KafkaSink, settings};
use crate::sinks::record::{self, Format, default_key};
use crate::sinks::{BuildError, Settings, Sink, SinkContext, oauth2, topic};

/// The key of a record whose event has no attribute for it. Kafka takes the two for different keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MissingKey {
    /// No key: any partition.
    #[default]
    Null,
    /// The empty text: always the same partition.
    Empty,
}

/// `sink.kafka`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Some of the cluster's brokers, each as `host:port`.
    pub brokers: Vec<String>,
    /// Topic; a template, such as `events.{type}`.
    pub topic: String,
    /// What stands in a record; `binary` by default.
    #[serde(default)]
    pub format: Format,
    /// The attribute or extension that is the key of the record, or `none`. An event without it gets no key.
    #[serde(default = "default_key")]
    pub key: String,
    /// The key of a record whose event has no such attribute: `null` by default, or `empty`, for consumers that want text.
    #[serde(default)]
    pub missing_key: MissingKey,
    /// How the relay identifies itself.
    #[serde(default)]
    pub sasl: Option<Sasl>,
    /// Encryption; `{}` trusts the authorities of the system. None: in the clear.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// Further settings of librdkafka, by its own names.
    #[serde(default)]
    pub librdkafka: BTreeMap<String, String>,
    /// Settings of librdkafka that are secrets.
    #[serde(default)]
    pub librdkafka_secrets: BTreeMap<String, SecretRef>,
    /// Time until every record of a batch is confirmed.
    #[serde(default = "default_timeout", with = "duration")]
    #[schemars(with = "duration::Text")]
    pub timeout: Duration,
}

/// `sasl` of the Kafka sink. Each mechanism needs its own fields.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sasl {
    /// The mechanism.
    pub mechanism: Mechanism,
    /// User, of PLAIN and SCRAM.
    #[serde(default)]
    pub user: Option<String>,
    /// Password, of PLAIN and SCRAM.
    #[serde(default)]
    pub password: Option<SecretRef>,
    /// Where tokens come from, of OAUTHBEARER.
    #[serde(default)]
    pub oauth2: Option<oauth2::Config>,
    /// Name of the broker's service, of GSSAPI; `kafka` by default.
    #[serde(default)]
    pub service: Option<String>,
    /// Principal of the relay, of GSSAPI.
    #[serde(default)]
    pub principal: Option<String>,
    /// File with the keys of the principal, of GSSAPI.
    #[serde(default)]
    pub keytab: Option<PathBuf>,
}

/// A SASL mechanism, by its registered name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Mechanism {
    /// User and password in the clear: only with `tls`.
    #[serde(rename = "PLAIN")]
    Plain,
    /// User and password, by a challenge.
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// User and password, by a challenge.
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
    /// Kerberos.
    #[serde(rename = "GSSAPI")]
    Gssapi,
    /// Tokens.
    #[serde(rename = "OAUTHBEARER")]
    OauthBearer,
}

/// `tls` of the Kafka sink.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// File with the certificate authority (PEM); otherwise those of the system.
    pub ca: Option<PathBuf>,
    /// File with the relay's certificate (PEM).
    pub certificate: Option<PathBuf>,
    /// Key of the certificate (PEM).
    pub key: Option<SecretRef>,
}

impl MissingKey {
    /// The key itself.
    pub(super) fn key(self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Empty => Some(String::new()),
        }
    }
}

impl Mechanism {
    /// Its registered name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
            Self::Gssapi => "GSSAPI",
            Self::OauthBearer => "OAUTHBEARER",
        }
    }
}

impl Settings for Config {
    fn kind(&self) -> &'static str {
        "kafka"
    }

    fn finding(&self) -> &'static str {
        "EB0215"
    }

    fn largest_batch(&self) -> u32 {
        1000
    }

    fn validate(&self) -> Vec<(String, String)> {
        let mut problems = settings::problems(self);
        let mut report = |key: &str, message: String| problems.push((key.to_owned(), message));
        if self.brokers.is_empty() {
            report("brokers", "name at least one broker, such as \"kafka-1:9093\"".to_owned());
        }
        for (index, broker) in self.brokers.iter().enumerate() {
            if broker.contains([',', ' ', '/']) || !broker.contains(':') {
                let message = format!("`{broker}` is no broker: write host:port");
                report(&format!("brokers[{index}]"), message);
            }
        }
        if let Some(problem) = topic::problem(&self.topic) {
            report("topic", problem);
        }
        if let Some(problem) = record::key_problem(&self.key) {
            report("key", problem.to_owned());
        }
        if self.timeout < Duration::from_secs(1) || self.timeout > Duration::from_secs(600) {
            report("timeout", "must be between 1s and 10m".to_owned());
        }
        problems
    }

    fn secrets(&self) -> Vec<(String, SecretRef)> {
        let sasl = self.sasl.iter().flat_map(|sasl| {
            let password = sasl.password.iter().map(|secret| ("sasl.password", secret.clone()));
            let tokens = sasl.oauth2.iter().flat_map(oauth2::Config::secrets);
            let tokens = tokens.map(|(_, secret)| ("sasl.oauth2.client_secret", secret));
            password.chain(tokens).collect::<Vec<_>>()
        });
        let key = self.tls.iter().filter_map(|tls| Some(("tls.key", tls.key.clone()?)));
        let named = sasl.chain(key).map(|(name, secret)| (name.to_owned(), secret));
        let further = self.librdkafka_secrets.iter();
        named
            .chain(
                further.map(|(name, secret)| {
                    (format!("librdkafka_secrets.\"{name}\""), secret.clone())
                }),
            )
            .collect()
    }

    fn build(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, BuildError> {
        Ok(Box::new(KafkaSink::build(self, context)?))
    }
}

fn default_timeout() -> Duration {
    Duration::from_secs(15)
}
