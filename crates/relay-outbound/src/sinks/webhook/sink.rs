//! Posts each event to one endpoint. Its only success is a 2xx.

use std::time::Duration;

use async_trait::async_trait;
use event_bus_core::delivery::DeliveryError;
use event_bus_core::event::Event;
use event_bus_runtime::Clock;
use tokio::time::{Instant, timeout_at};

use super::Config;
use super::handshake::{Handshake, REQUEST_ORIGIN};
use super::request::{Outgoing, Requests};
use crate::sinks::answer::{self, NoAnswer};
use crate::sinks::auth::Authorization;
use crate::sinks::connect::Connect;
use crate::sinks::reach::reach;
use crate::sinks::{BuildError, CheckError, Delivery, Sink, SinkContext, retry_after};

/// Most bytes of an answer that are read, so that its connection can be used again; a longer one is cut off.
const MAX_ANSWER: usize = 16 * 1024;

/// An HTTP endpoint.
#[derive(Debug)]
pub struct WebhookSink {
    client: reqwest::Client,
    connect: Connect,
    requests: Requests,
    authorization: Authorization,
    handshake: Option<Handshake>,
    timeout: Duration,
    clock: Clock,
}

impl WebhookSink {
    /// Resolves the secrets and reads the files; opens no connection.
    pub fn build(config: &Config, context: &SinkContext<'_>) -> Result<Self, BuildError> {
        context.guard.check_literal(&config.url).map_err(BuildError::Denied)?;
        let connect = Connect::build(&config.tls, config.http2, context.guard, context.secrets)?;
        let handshake = config.validation.as_ref();
        Ok(Self {
            client: connect.own_client()?.unwrap_or_else(|| context.http.clone()),
            connect,
            requests: Requests::build(config, context)?,
            authorization: Authorization::build(config.auth.as_ref(), context)?,
            handshake: handshake.map(|each| Handshake::build(each, context.clock)).transpose()?,
            timeout: config.timeout,
            clock: context.clock.clone(),
        })
    }

    async fn post(&self, event: &Event) -> Delivery {
        let deadline = Instant::now() + self.timeout;
        let response = match timeout_at(deadline, self.exchange(event)).await {
            Ok(response) => response?,
            Err(_) => return Err(DeliveryError::Unreachable(NoAnswer(self.timeout).into())),
        };
        let status = response.status().as_u16();
        let retry_after = retry_after::read(response.headers(), self.clock.now());
        // The status is known already; the rest only matters for the next use of the connection.
        timeout_at(deadline, answer::beginning(response, MAX_ANSWER)).await.ok();
        if let (401 | 403, Some(handshake)) = (status, &self.handshake) {
            handshake.withdraw();
        }
        DeliveryError::from_status(status, retry_after)
    }

    async fn exchange(&self, event: &Event) -> Result<reqwest::Response, DeliveryError> {
        let Outgoing { mut request, broken } = self.requests.request(event).await?;
        let Self { client, authorization, requests, .. } = self;
        if let Some(handshake) = &self.handshake {
            handshake.ensure(client, authorization, requests).await?;
            request.headers_mut().insert(REQUEST_ORIGIN, handshake.origin());
        }
        let response = authorization.send(client, request).await;
        broken.verdict()?;
        response
    }
}

#[async_trait]
impl Sink for WebhookSink {
    async fn turn(&self) {
        if let Some(handshake) = &self.handshake {
            handshake.turn().await;
        }
    }

    async fn deliver(&self, batch: &[Event]) -> Vec<Delivery> {
        let mut results = Vec::with_capacity(batch.len());
        for event in batch {
            results.push(self.post(event).await);
        }
        results
    }

    async fn check(&self) -> Result<String, CheckError> {
        reach(self.connect.builder(), self.requests.url(), self.timeout).await
    }
}
