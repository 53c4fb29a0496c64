//! Settings of the webhook sink.

use std::time::Duration;

use event_bus_runtime::SecretRef;
use event_bus_runtime::config::{ByteSize, duration};
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::{ValidationConfig, WebhookSink};
use crate::sinks::headers::{self, HeadersConfig};
use crate::sinks::{
    AuthConfig, BuildError, Http2, Settings, Sink, SinkContext, TlsConfig, connect,
};

/// Beginnings of the headers that the sink sets itself.
const OWN_HEADERS: [&str; 4] = ["ce-", "traceparent", "tracestate", "webhook-"];

/// Most data from the object store that a request holds in memory, in bytes.
const LARGEST_DATA: u64 = 16 * 1024 * 1024;

/// `sink.webhook`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where to POST.
    #[schemars(with = "String")]
    pub url: Url,
    /// How the event is carried; `structured` by default.
    #[serde(default)]
    pub mode: Mode,
    /// Secrets of the Standard Webhooks signature, the current one first; each of them signs. None: unsigned.
    #[serde(default)]
    pub secrets: Vec<SecretRef>,
    /// How the relay proves who it is: `{ bearer = … }`, `{ basic = { … } }` or `{ oauth2 = { … } }`.
    #[serde(default)]
    pub auth: Option<AuthConfig>,
    /// Further headers, each with its text or a secret.
    #[serde(default)]
    pub headers: HeadersConfig,
    /// Whom to trust, and with which certificate to connect.
    #[serde(default)]
    pub tls: TlsConfig,
    /// HTTP/2; `auto` by default, over TLS if the endpoint offers it.
    #[serde(default)]
    pub http2: Http2,
    /// Bodies of at least this size are sent as gzip, if the endpoint can read that. None: never.
    #[serde(default)]
    pub gzip: Option<ByteSize>,
    /// Asks the endpoint for its consent before anything is delivered (CloudEvents HTTP Webhook, section 4).
    #[serde(default)]
    pub validation: Option<ValidationConfig>,
    /// Time for one attempt, with everything that it needs: token, consent, connection, answer.
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

    /// In binary mode and without a signature, whose header would have to know the whole body, data goes through as it is
    /// read, however large it is.
    fn largest_data(&self) -> Option<u64> {
        let passes_through = self.mode == Mode::Binary && self.secrets.is_empty();
        (!passes_through).then_some(LARGEST_DATA)
    }

    fn validate(&self) -> Vec<(String, String)> {
        let mut problems = connect::problems(&self.url, &self.tls);
        let mut report = |key: &str, message: String| problems.push((key.to_owned(), message));
        if self.timeout < Duration::from_millis(10) || self.timeout > Duration::from_secs(600) {
            report("timeout", "must be between 10ms and 10m".to_owned());
        }
        for (name, message) in headers::validate(&self.headers, &OWN_HEADERS, self.auth.is_some()) {
            report(&format!("headers.{name}"), message);
        }
        for (key, message) in self.auth.iter().flat_map(AuthConfig::validate) {
            report(&format!("auth.{key}"), message);
        }
        for (key, message) in self.validation.iter().flat_map(ValidationConfig::validate) {
            report(&format!("validation.{key}"), message);
        }
        problems
    }

    fn secrets(&self) -> Vec<(String, SecretRef)> {
        let signing = self.secrets.iter().enumerate();
        let signing = signing.map(|(index, secret)| (format!("secrets[{index}]"), secret.clone()));
        let auth = self.auth.iter().flat_map(AuthConfig::secrets);
        let auth = auth.map(|(key, secret)| (format!("auth.{key}"), secret));
        let headers = headers::secrets(&self.headers);
        let headers = headers.map(|(name, secret)| (format!("headers.{name}"), secret));
        let key = self.tls.key.iter().map(|key| ("tls.key".to_owned(), key.clone()));
        signing.chain(auth).chain(headers).chain(key).collect()
    }

    fn build(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, BuildError> {
        Ok(Box::new(WebhookSink::build(self, context)?))
    }
}

fn default_timeout() -> Duration {
    Duration::from_secs(15)
}
