//! Settings of the webhook sink.

use std::time::Duration;

use event_bus_runtime::SecretRef;
use event_bus_runtime::config::duration;
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::WebhookSink;
use crate::sinks::{BuildError, Settings, Sink, SinkContext};

/// `sink.webhook`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where to POST.
    #[schemars(with = "String")]
    pub url: Url,
    /// How the event is carried.
    #[serde(default)]
    pub mode: Mode,
    /// Secrets of the Standard Webhooks signature, the current one first; each of them signs. None: unsigned.
    #[serde(default)]
    pub secrets: Vec<SecretRef>,
    /// Time for the whole request, connection included.
    #[serde(default = "default_timeout", with = "duration")]
    #[schemars(with = "duration::Text")]
    pub timeout: Duration,
}

/// How a request carries an event (CloudEvents HTTP binding, section 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// One JSON document.
    #[default]
    Structured,
    /// Attributes as headers, data as body.
    Binary,
}

impl Settings for Config {
    fn kind(&self) -> &'static str {
        "webhook"
    }

    fn finding(&self) -> &'static str {
        "EB0213"
    }

    fn validate(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        if !matches!(self.url.scheme(), "http" | "https") || !self.url.has_host() {
            problems
                .push(("url", "must start with http:// or https:// and name a host".to_owned()));
        }
        if !self.url.username().is_empty() || self.url.password().is_some() {
            problems.push((
                "url",
                "must not hold a user or a password: they would stand in logs".to_owned(),
            ));
        }
        if self.timeout < Duration::from_millis(10) || self.timeout > Duration::from_secs(600) {
            problems.push(("timeout", "must be between 10ms and 10m".to_owned()));
        }
        problems.into_iter().map(|(key, message)| (key.to_owned(), message)).collect()
    }

    fn secrets(&self) -> Vec<(String, SecretRef)> {
        let secrets = self.secrets.iter().cloned().enumerate();
        secrets.map(|(index, secret)| (format!("secrets[{index}]"), secret)).collect()
    }

    fn build(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, BuildError> {
        Ok(Box::new(WebhookSink::build(self, context)?))
    }
}

fn default_timeout() -> Duration {
    Duration::from_secs(15)
}
