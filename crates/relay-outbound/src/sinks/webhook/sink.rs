//! Posts each event to one endpoint and signs the exact bytes that it sends.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use event_bus_core::delivery::DeliveryError;
use event_bus_core::event::{Event, http as http_binding};
use event_bus_core::key::EventKey;
use event_bus_core::signature::SigningSecret;
use event_bus_core::signature::sign::StandardWebhooksSigner;
use event_bus_runtime::Clock;
use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::{Config, Mode};
use crate::sinks::{BuildError, CheckError, Delivery, Sink, SinkContext, answer, retry_after};

/// Most bytes of an answer that are read, so that its connection can be used again; a longer one is cut off.
const MAX_ANSWER: usize = 16 * 1024;

/// An HTTP endpoint. Its only success is a 2xx.
#[derive(Debug)]
pub struct WebhookSink {
    client: reqwest::Client,
    url: Url,
    timeout: Duration,
    mode: Mode,
    signer: Option<StandardWebhooksSigner>,
    clock: Clock,
}

impl WebhookSink {
    /// Resolves the secrets; opens no connection.
    pub fn build(config: &Config, context: &SinkContext<'_>) -> Result<Self, BuildError> {
        context.guard.check_literal(&config.url).map_err(BuildError::Denied)?;
        Ok(Self {
            client: context.http.clone(),
            url: config.url.clone(),
            timeout: config.timeout,
            mode: config.mode,
            signer: signer(config, context)?,
            clock: context.clock.clone(),
        })
    }

    async fn post(&self, event: &Event) -> Delivery {
        let request = self.request(event)?;
        let response = self.client.execute(request).await.map_err(unreachable)?;
        let status = response.status().as_u16();
        let retry_after = retry_after::read(response.headers(), self.clock.now());
        // The status is known already; the rest only matters for the next use of the connection.
        answer::beginning(response, MAX_ANSWER).await.ok();
        DeliveryError::from_status(status, retry_after)
    }

    fn request(&self, event: &Event) -> Result<reqwest::Request, DeliveryError> {
        let (mut headers, body) = match self.mode {
            Mode::Structured => http_binding::encode_structured(event),
            Mode::Binary => http_binding::encode_binary(event),
        };
        self.identify(event, &body, &mut headers)?;
        let request = self.client.post(self.url.clone()).timeout(self.timeout);
        let request = request.headers(headers).body(body);
        request.build().map_err(|error| DeliveryError::Unencodable(error.without_url().into()))
    }

    /// Standard Webhooks: the id is the same for every attempt, the timestamp is that of this one.
    fn identify(
        &self,
        event: &Event,
        body: &Bytes,
        headers: &mut HeaderMap,
    ) -> Result<(), DeliveryError> {
        let id = EventKey::of(event).message_id();
        let timestamp = self.clock.now().unix_timestamp();
        let mut insert = |name: &'static str, value: &str| match HeaderValue::from_str(value) {
            Ok(value) => {
                headers.insert(HeaderName::from_static(name), value);
                Ok(())
            }
            Err(error) => Err(DeliveryError::Unencodable(error.into())),
        };
        insert("webhook-id", &id)?;
        insert("webhook-timestamp", &timestamp.to_string())?;
        if let Some(signer) = &self.signer {
            insert("webhook-signature", &signer.sign(&id, timestamp, body))?;
        }
        // The trace that the event began in goes on at the destination (W3C Trace Context).
        for name in ["traceparent", "tracestate"] {
            if let Some(value) = event.extension(name) {
                insert(name, &value.to_text())?;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Sink for WebhookSink {
    async fn deliver(&self, batch: &[Event]) -> Vec<Delivery> {
        let mut results = Vec::with_capacity(batch.len());
        for event in batch {
            results.push(self.post(event).await);
        }
        results
    }

    async fn check(&self) -> Result<String, CheckError> {
        Ok("not looked at".to_owned())
    }
}

fn signer(
    config: &Config,
    context: &SinkContext<'_>,
) -> Result<Option<StandardWebhooksSigner>, BuildError> {
    if config.secrets.is_empty() {
        return Ok(None);
    }
    let mut secrets = Vec::with_capacity(config.secrets.len());
    for reference in &config.secrets {
        let secret = context.secrets.resolve(reference).map_err(BuildError::Secret)?;
        secrets.push(SigningSecret::new(secret.expose()));
    }
    StandardWebhooksSigner::new(&secrets).map(Some).map_err(BuildError::SigningSecret)
}

fn unreachable(error: reqwest::Error) -> DeliveryError {
    // A URL may carry a token in its path, and this error is logged.
    DeliveryError::Unreachable(error.without_url().into())
}
