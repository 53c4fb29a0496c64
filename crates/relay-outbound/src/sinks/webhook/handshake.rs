//! Asking an endpoint for its consent before anything is delivered to it (CloudEvents HTTP Webhook, section 4).
//!
//! The grant is asked for before the first delivery, once a day, and after the endpoint refused our credentials. Without
//! it nothing is delivered, which says nothing about the events: they wait. A rate that comes with the grant is kept.

use std::time::Duration;

use event_bus_core::delivery::DeliveryError;
use event_bus_runtime::Clock;
use event_bus_runtime::config::Rate;
use http::{HeaderMap, HeaderValue, Method};
use reqwest::Client;
use schemars::JsonSchema;
use serde::Deserialize;
use time::OffsetDateTime;
use tokio::sync::Mutex;

use super::request::Requests;
use crate::sinks::auth::Authorization;
use crate::sinks::{BuildError, Pace};

/// How long a grant is relied on.
const GRANT_LASTS: Duration = Duration::from_secs(24 * 3600);

/// One delivery at a time begins until an endpoint has said how many it takes.
const PERIOD_BEFORE: Duration = Duration::from_secs(1);

pub(super) const REQUEST_ORIGIN: &str = "webhook-request-origin";
const REQUEST_RATE: &str = "webhook-request-rate";
const ALLOWED_ORIGIN: &str = "webhook-allowed-origin";
const ALLOWED_RATE: &str = "webhook-allowed-rate";

/// `validation`: the endpoint is asked for its consent.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValidationConfig {
    /// Who wants to deliver, as a DNS name, such as `bridge.example.com`.
    pub origin: String,
    /// The rate to ask for; without one, none is asked for.
    #[serde(default)]
    pub rate: Option<Rate>,
}

/// The consent of one endpoint.
#[derive(Debug)]
pub(super) struct Handshake {
    origin: HeaderValue,
    asked_per_minute: Option<u32>,
    granted_until: Mutex<Option<OffsetDateTime>>,
    pace: Pace,
    clock: Clock,
}

/// The endpoint did not agree.
#[derive(Debug, thiserror::Error)]
#[error(
    "the endpoint consents to no deliveries: it answered OPTIONS with status {status}, {allowed}"
)]
struct NotGranted {
    status: u16,
    allowed: &'static str,
}

impl ValidationConfig {
    /// Problems, each with its key below `validation`.
    pub(super) fn validate(&self) -> Vec<(&'static str, String)> {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':');
        if self.origin.is_empty() || !self.origin.bytes().all(is_name) {
            let message = "must be a DNS name, such as \"bridge.example.com\"";
            return vec![("origin", message.to_owned())];
        }
        Vec::new()
    }
}

impl Handshake {
    /// Nothing is granted yet.
    pub(super) fn build(config: &ValidationConfig, clock: &Clock) -> Result<Self, BuildError> {
        let origin = HeaderValue::from_str(&config.origin);
        let asked = config.rate.map(Rate::per_minute);
        Ok(Self {
            origin: origin
                .map_err(|error| BuildError::Setting("validation.origin", error.into()))?,
            asked_per_minute: asked,
            granted_until: Mutex::default(),
            pace: Pace::new(asked.map_or(PERIOD_BEFORE, period), 1),
            clock: clock.clone(),
        })
    }

    /// What a delivery carries.
    pub(super) fn origin(&self) -> HeaderValue {
        self.origin.clone()
    }

    /// Waits until the granted rate lets one more delivery through.
    pub(super) async fn turn(&self) {
        self.pace.turn().await;
    }

    /// Asks for a grant if there is none that lasts.
    pub(super) async fn ensure(
        &self,
        client: &Client,
        authorization: &Authorization,
        requests: &Requests,
    ) -> Result<(), DeliveryError> {
        let mut granted_until = self.granted_until.lock().await;
        let now = self.clock.now();
        if granted_until.is_some_and(|until| now < until) {
            return Ok(());
        }
        *granted_until = None;
        let mut request = requests.bare(Method::OPTIONS);
        request.headers_mut().insert(REQUEST_ORIGIN, self.origin.clone());
        if let Some(rate) = self.asked_per_minute {
            request.headers_mut().insert(REQUEST_RATE, rate.into());
        }
        let response = authorization.send(client, request).await?;
        let rate = self.granted_rate(response.status().as_u16(), response.headers())?;
        self.pace.set_period(rate.map(period));
        *granted_until = Some(now + GRANT_LASTS);
        Ok(())
    }

    /// The endpoint refused a delivery: its grant may be gone.
    pub(super) fn withdraw(&self) {
        // Whoever holds it is asking again already.
        if let Ok(mut granted_until) = self.granted_until.try_lock() {
            *granted_until = None;
        }
    }

    /// The rate that is granted, per minute; `None` is any. The status means nothing.
    fn granted_rate(&self, status: u16, headers: &HeaderMap) -> Result<Option<u32>, DeliveryError> {
        let origin = headers.get(ALLOWED_ORIGIN);
        let is_ours = |origin: &&HeaderValue| {
            *origin == "*" || origin.as_bytes().eq_ignore_ascii_case(self.origin.as_bytes())
        };
        if origin.filter(is_ours).is_none() {
            let allowed = match origin {
                Some(_) => "and WebHook-Allowed-Origin is another one",
                None => "without WebHook-Allowed-Origin",
            };
            return Err(DeliveryError::Unreachable(NotGranted { status, allowed }.into()));
        }
        let rate = headers.get(ALLOWED_RATE).and_then(|rate| rate.to_str().ok());
        Ok(match rate.map(|rate| (rate, rate.parse::<u32>())) {
            Some((_, Ok(rate))) if rate > 0 => Some(rate),
            Some(("*", _)) => None,
            // An endpoint that was asked for a rate must name one; it has agreed to no more than was asked for.
            Some(_) | None => self.asked_per_minute,
        })
    }
}

fn period(per_minute: u32) -> Duration {
    Duration::from_secs(60) / per_minute.max(1)
}
