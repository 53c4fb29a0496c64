//! Destinations: one folder each, one variant of [`SinkConfig`], one arm of [`SinkConfig::settings`].

#[cfg(not(all(feature = "eventbridge", feature = "kafka", feature = "postgres")))]
mod absent;
mod answer;
mod auth;
mod client;
mod connect;
pub mod doctor;
#[cfg(feature = "eventbridge")]
pub mod eventbridge;
#[cfg(not(feature = "eventbridge"))]
pub mod eventbridge {
    //! Not in this build.
    super::absent::not_in_this_build!("eventbridge");
}
mod headers;
#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(not(feature = "kafka"))]
pub mod kafka {
    //! Not in this build.
    super::absent::not_in_this_build!("kafka");
}
pub mod kafka_rest;
pub mod oauth2;
mod pace;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(not(feature = "postgres"))]
pub mod postgres {
    //! Not in this build.
    super::absent::not_in_this_build!("postgres");
}
mod reach;
mod record;
mod repeated;
mod retry_after;
pub mod slack;
mod text_or_secret;
mod topic;
pub mod webhook;

use std::fmt;

use async_trait::async_trait;
use event_bus_core::delivery::{BoxError, DeliveryError};
use event_bus_core::event::Event;
use event_bus_core::signature::SecretProblem;
use event_bus_runtime::{Clock, SecretError, SecretRef, SecretResolver};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::address::{AddressGuard, Denied};
use crate::objects::Objects;

pub use auth::{AuthConfig, BasicConfig};
pub use client::http_client;
pub use connect::{Http2, TlsConfig};
pub use headers::HeadersConfig;
pub use pace::{Pace, Paces};
pub use text_or_secret::TextOrSecret;

/// What became of one event.
pub type Delivery = Result<(), DeliveryError>;

/// Delivers events to one destination.
#[async_trait]
pub trait Sink: Send + Sync + fmt::Debug {
    /// Waits until the destination's own rate lets the next batch through, however long that is. Called before every
    /// delivery.
    async fn turn(&self) {}

    /// Delivers events in their order; one result for each. `Ok` only if the destination has confirmed that event.
    ///
    /// It returns within the sink's own timeout. A batch is never empty and never larger than
    /// [`Settings::largest_batch`].
    async fn deliver(&self, batch: &[Event]) -> Vec<Delivery>;

    /// Finds out, without sending an event, whether deliveries can work: names, TLS, credentials, and that what the
    /// settings name is there. Returns what it saw, in a few words.
    async fn check(&self) -> Result<String, CheckError>;

    /// Ends what the sink runs in the background. Every delivery has ended before.
    async fn close(&self) {}
}

/// The settings of one kind of sink.
#[async_trait]
pub trait Settings: Sync {
    /// Name of the kind, as it stands in the file.
    fn kind(&self) -> &'static str;

    /// Code of the doctor's finding if [`Sink::check`] fails.
    fn finding(&self) -> &'static str;

    /// Most events that one delivery can hold.
    fn largest_batch(&self) -> u32 {
        1
    }

    /// Most bytes of data that are fetched for an event whose data lies in the object store; larger ones are refused.
    /// `None`: the sink fetches them itself, as it sends them.
    fn largest_data(&self) -> Option<u64> {
        Some(1024 * 1024)
    }

    /// Problems, each with its key below `sink.<kind>`.
    fn validate(&self) -> Vec<(String, String)>;

    /// The secrets that the settings name, each with its key below `sink.<kind>`.
    fn secrets(&self) -> Vec<(String, SecretRef)>;

    /// What [`Settings::migrate`] would do, in the destination's own language; nothing for most kinds.
    fn migration(&self) -> Option<String> {
        None
    }

    /// Makes at the destination what deliveries need, such as a table. Only its user asks for it; deliveries never do.
    async fn migrate(
        &self,
        _secrets: &SecretResolver,
        _guard: &AddressGuard,
    ) -> Result<String, CheckError> {
        Err(CheckError::bare(format!("a sink of the kind {} needs nothing made", self.kind())))
    }

    /// Builds the sink; it opens no connection and starts nothing.
    fn build(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, BuildError>;
}

/// `sink` of a route: `sink.<kind> = { … }`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SinkConfig {
    /// A bus of AWS EventBridge.
    Eventbridge(Box<eventbridge::Config>),
    /// Topics of Apache Kafka.
    Kafka(Box<kafka::Config>),
    /// Topics of Apache Kafka through a REST bridge.
    KafkaRest(Box<kafka_rest::Config>),
    /// A table of PostgreSQL.
    Postgres(Box<postgres::Config>),
    /// An HTTP endpoint.
    Webhook(Box<webhook::Config>),
    /// A channel of Slack.
    Slack(slack::Config),
    /// The doctor's own sink, which does what a running doctor says; it has no settings and stands in no file.
    #[serde(skip)]
    Doctor(doctor::Config),
}

/// What sinks are built with.
#[derive(Debug)]
pub struct SinkContext<'a> {
    /// Resolves secrets.
    pub secrets: &'a SecretResolver,
    /// Which addresses may be connected to.
    pub guard: &'a AddressGuard,
    /// Time.
    pub clock: &'a Clock,
    /// The HTTP client of the relay; see [`http_client`].
    pub http: &'a reqwest::Client,
    /// The bus.
    pub client: &'a async_nats::Client,
    /// Data of events that lies in the object store.
    pub objects: &'a Objects,
    /// How fast destinations take events that several routes may share.
    pub paces: &'a Paces,
}

/// Why a sink cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A secret cannot be resolved.
    #[error("a secret of the sink cannot be used")]
    Secret(#[source] SecretError),
    /// A secret is not what the scheme needs.
    #[error("a signing secret of the sink does not fit Standard Webhooks (`whsec_` and base64)")]
    SigningSecret(#[source] SecretProblem),
    /// The destination is in a network that is not allowed.
    #[error("the destination is not allowed")]
    Denied(#[source] Denied),
    /// The HTTP client cannot be set up.
    #[error("the HTTP client cannot be set up")]
    Client(#[source] reqwest::Error),
    /// A setting cannot be used, as only its value tells.
    #[error("{0} cannot be used")]
    Setting(&'static str, #[source] BoxError),
}

/// Deliveries cannot work.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct CheckError {
    /// What does not work: lowercase, no full stop.
    pub what: String,
    /// Why.
    #[source]
    pub cause: Option<BoxError>,
}

impl SinkConfig {
    /// The settings, whatever kind they are of.
    pub fn settings(&self) -> &dyn Settings {
        match self {
            Self::Eventbridge(config) => &**config,
            Self::Kafka(config) => &**config,
            Self::KafkaRest(config) => &**config,
            Self::Postgres(config) => &**config,
            Self::Webhook(config) => &**config,
            Self::Slack(config) => config,
            Self::Doctor(config) => config,
        }
    }

    /// Problems of the settings, each with its key below `sink`.
    pub fn validate(&self) -> Vec<(String, String)> {
        self.below_kind(self.settings().validate())
    }

    /// The secrets that the settings name, each with its key below `sink`.
    pub fn secrets(&self) -> Vec<(String, SecretRef)> {
        self.below_kind(self.settings().secrets())
    }

    fn below_kind<T>(&self, items: Vec<(String, T)>) -> Vec<(String, T)> {
        let kind = self.settings().kind();
        items.into_iter().map(|(key, item)| (format!("{kind}.{key}"), item)).collect()
    }
}

impl CheckError {
    /// An error with its cause.
    pub fn new(what: impl Into<String>, cause: impl Into<BoxError>) -> Self {
        Self { what: what.into(), cause: Some(cause.into()) }
    }

    /// An error that says everything itself.
    pub fn bare(what: impl Into<String>) -> Self {
        Self { what: what.into(), cause: None }
    }
}
