//! `[inbound]`: the settings of the HTTP side, as they stand in the file.

mod events;
mod generic;
#[cfg(test)]
mod tests;
mod validate;

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use event_bus_runtime::SecretRef;
use event_bus_runtime::config::{ByteSize, Rate, duration};
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

pub use events::{EventsAuth, EventsConfig, HmacAuth};
pub use generic::{HashAlgorithm, Header, HmacConfig, KeyEncoding, SignatureEncoding, TokenConfig};

/// `[inbound]`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address that takes webhooks and events. Put a proxy that speaks TLS in front of it.
    pub listen: SocketAddr,
    /// Address of the admin listener (`/livez`, `/readyz`, `/metrics`); none by default.
    pub admin_listen: Option<SocketAddr>,
    /// URL under which senders know this listener, such as `https://hooks.example.com`; for signatures that cover it.
    #[schemars(with = "Option<String>")]
    pub public_url: Option<Url>,
    /// Networks of proxies whose `X-Forwarded-For` is believed, for `limits.client_rate`.
    #[schemars(with = "Vec<String>")]
    pub trusted_proxies: Vec<IpNet>,
    /// Time that requests under way get to finish after a shutdown signal.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub grace: Duration,
    /// What one client may cost.
    pub limits: LimitsConfig,
    /// Sources: who may post to `/hooks/<name>`, and how they prove it.
    pub sources: Vec<SourceConfig>,
    /// `POST /events` for CloudEvents; closed unless this section exists.
    pub events: Option<EventsConfig>,
}

/// `[inbound.limits]`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Largest request body; by default what fits into one message of the bus, which also bounds any larger value.
    pub max_body_bytes: Option<ByteSize>,
    /// Most headers of a request.
    pub max_headers: NonZeroUsize,
    /// Time from the first byte of a request, or from the last request, to the end of the headers.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub header_read_timeout: Duration,
    /// Time from the end of the headers to the end of the body.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub body_read_timeout: Duration,
    /// Requests that are handled at once; further ones are answered 503.
    pub max_concurrent_requests: NonZeroUsize,
    /// Bytes of bodies that are held at once, verified or not; a request that would exceed it is answered 503.
    pub max_bytes_in_flight: ByteSize,
    /// Connections that are open at once; further ones wait to be accepted.
    pub max_connections: NonZeroUsize,
    /// Most requests of one client address, such as `"50/s"`; without limit by default.
    pub client_rate: Option<Rate>,
}

/// One `[[inbound.sources]]`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// Name of the source, `[a-z0-9][a-z0-9-]{0,62}`: it answers at `/hooks/<name>`.
    pub name: String,
    /// How its requests are signed and identified.
    pub provider: Provider,
    /// Secrets shared with the sender. Several are valid at once, for rotation.
    #[serde(default)]
    pub secrets: Vec<SecretRef>,
    /// Subject of its events; variables are `{source}`, `{event}`, `{action}`, `{type}` and `{id}`.
    #[serde(default)]
    pub subject: Option<String>,
    /// How far signed timestamps may be off; the provider's own tolerance by default.
    #[serde(default, with = "duration::option")]
    #[schemars(with = "Option<duration::Text>")]
    pub tolerance: Option<Duration>,
    /// Form of the body inside the event; `json` by default.
    #[serde(default)]
    pub body: BodyForm,
    /// File with a JSON Schema that the data must fit.
    #[serde(default)]
    pub schema: Option<PathBuf>,
    /// Most requests of this source, such as `"100/s"`.
    #[serde(default)]
    pub rate: Option<Rate>,
    /// Layout of the signature; for the provider `hmac` alone.
    #[serde(default)]
    pub hmac: Option<HmacConfig>,
    /// Place of the token; for the provider `token` alone.
    #[serde(default)]
    pub token: Option<TokenConfig>,
}

/// A signature and identification scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// `X-Hub-Signature-256`.
    Github,
    /// `X-Slack-Signature`.
    Slack,
    /// `Stripe-Signature`.
    Stripe,
    /// `Linear-Signature`.
    Linear,
    /// `webhook-signature` (also Svix).
    StandardWebhooks,
    /// An HMAC laid out by the table `hmac`.
    Hmac,
    /// A shared token at the place that the table `token` names.
    Token,
    /// HTTP Basic; the secret is `user:password`.
    Basic,
    /// Anybody may post.
    Unsigned,
}

/// Form of a request body inside the event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BodyForm {
    /// JSON is embedded as it stands, other text as a string, other bytes as base64.
    #[default]
    Json,
    /// Every byte is kept as base64, so that a consumer can verify the signature again.
    Base64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            admin_listen: None,
            public_url: None,
            trusted_proxies: Vec::new(),
            grace: Duration::from_secs(25),
            limits: LimitsConfig::default(),
            sources: Vec::new(),
            events: None,
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        let count = |number| NonZeroUsize::new(number).unwrap_or(NonZeroUsize::MIN);
        Self {
            max_body_bytes: None,
            max_headers: count(100),
            header_read_timeout: Duration::from_secs(10),
            body_read_timeout: Duration::from_secs(10),
            max_concurrent_requests: count(1024),
            max_bytes_in_flight: ByteSize(64 * 1024 * 1024),
            max_connections: count(4096),
            client_rate: None,
        }
    }
}

impl Config {
    /// Keys whose new value takes effect only after a restart, for a reload that changes them.
    pub fn needs_restart(&self, new: &Self) -> Vec<&'static str> {
        let (old_limits, new_limits) = (&self.limits, &new.limits);
        let changed = [
            ("inbound.listen", self.listen != new.listen),
            ("inbound.admin_listen", self.admin_listen != new.admin_listen),
            ("inbound.grace", self.grace != new.grace),
            (
                "inbound.limits.header_read_timeout",
                old_limits.header_read_timeout != new_limits.header_read_timeout,
            ),
            (
                "inbound.limits.max_concurrent_requests",
                old_limits.max_concurrent_requests != new_limits.max_concurrent_requests,
            ),
            (
                "inbound.limits.max_bytes_in_flight",
                old_limits.max_bytes_in_flight != new_limits.max_bytes_in_flight,
            ),
            (
                "inbound.limits.max_connections",
                old_limits.max_connections != new_limits.max_connections,
            ),
        ];
        changed.into_iter().filter(|(_, changed)| *changed).map(|(key, _)| key).collect()
    }
}

impl SourceConfig {
    /// Subject template of the source: the configured one or the provider's default.
    pub fn subject_template(&self) -> &str {
        match (&self.subject, self.provider) {
            (Some(subject), _) => subject,
            (None, Provider::Github) => "fleet.repo.{event}.{action}",
            (
                None,
                Provider::Slack
                | Provider::Stripe
                | Provider::Linear
                | Provider::StandardWebhooks
                | Provider::Hmac
                | Provider::Token
                | Provider::Basic
                | Provider::Unsigned,
            ) => "fleet.{source}.{type}",
        }
    }
}
