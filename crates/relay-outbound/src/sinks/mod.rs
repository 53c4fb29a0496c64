//! Destinations: one folder each, one variant of [`SinkConfig`], one arm of [`build`].

pub mod doctor;
pub mod webhook;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use event_bus_core::delivery::DeliveryError;
use event_bus_core::event::Event;
use event_bus_core::signature::SecretProblem;
use event_bus_runtime::{Clock, SecretError, SecretRef, SecretResolver};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::address::{AddressGuard, Denied};

/// Delivers events to one destination.
#[async_trait]
pub trait Sink: Send + Sync + fmt::Debug {
    /// Name of the kind of sink, for logs and metrics.
    fn kind(&self) -> &'static str;

    /// Delivers one event. `Ok` only if the destination has confirmed it.
    async fn deliver_one(&self, event: &Event) -> Result<(), DeliveryError>;

    /// Delivers events in their order; one result for each.
    async fn deliver(&self, batch: &[Event]) -> Vec<Result<(), DeliveryError>> {
        let mut results = Vec::with_capacity(batch.len());
        for event in batch {
            results.push(self.deliver_one(event).await);
        }
        results
    }
}

/// `sink` of a route: `sink.<kind> = { … }`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SinkConfig {
    /// An HTTP endpoint.
    Webhook(webhook::Config),
    /// The doctor's own sink, which does what a running doctor says; it has no settings and stands in no file.
    #[serde(skip)]
    Doctor,
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
    /// The bus, for the doctor's sink.
    pub client: &'a async_nats::Client,
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
}

/// How long a connection may take to be made, whatever a sink allows for the whole request.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

const USER_AGENT: &str = concat!("event-bus-bridge/", env!("CARGO_PKG_VERSION"));

/// The HTTP client that all sinks share: the certificates of the system are read once, not once a route. It connects to
/// nothing that the guard denies, follows no redirect and knows no proxy. Each request sets its own timeout.
pub fn http_client(guard: &AddressGuard) -> Result<reqwest::Client, BuildError> {
    reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(CONNECT_WITHIN)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .tls_version_min(reqwest::tls::Version::TLS_1_2)
        .dns_resolver(Arc::new(guard.clone()))
        .build()
        .map_err(BuildError::Client)
}

impl SinkConfig {
    /// Problems of the settings, each with its key below `sink`.
    pub fn validate(&self) -> Vec<(String, String)> {
        match self {
            Self::Webhook(config) => config
                .validate()
                .into_iter()
                .map(|(key, message)| (format!("webhook.{key}"), message))
                .collect(),
            Self::Doctor => Vec::new(),
        }
    }

    /// The secrets that the settings name, each with its key below `sink`.
    pub fn secrets(&self) -> Vec<(String, SecretRef)> {
        match self {
            Self::Webhook(config) => {
                let secrets = config.secrets.iter().cloned().enumerate();
                secrets
                    .map(|(index, secret)| (format!("webhook.secrets[{index}]"), secret))
                    .collect()
            }
            Self::Doctor => Vec::new(),
        }
    }
}

/// Builds a sink; it opens no connection.
pub fn build(config: &SinkConfig, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, BuildError> {
    match config {
        SinkConfig::Webhook(config) => Ok(Box::new(webhook::WebhookSink::build(config, context)?)),
        SinkConfig::Doctor => Ok(Box::new(doctor::DoctorSink::new(context.client.clone()))),
    }
}
