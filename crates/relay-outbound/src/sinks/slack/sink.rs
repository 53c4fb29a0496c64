//! Posts one message for each event. The URL of the hook is a secret and never printed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use event_bus_core::delivery::{BoxError, DeliveryError};
use event_bus_core::event::Event;
use event_bus_runtime::Clock;
use http::header::CONTENT_TYPE;
use url::Url;

use super::Config;
use super::answer::{MAX_ANSWER, judge};
use super::message::Message;
use crate::address::{self, AddressGuard};
use crate::sinks::reach::reach;
use crate::sinks::{
    BuildError, CheckError, Delivery, Pace, Sink, SinkContext, answer, client, retry_after,
};

/// Slack takes one message a second from a hook, and short bursts.
const PERIOD: Duration = Duration::from_secs(1);
const BURST: u32 = 5;

/// Longest pause that an answer can ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// A channel of Slack.
#[derive(Debug)]
pub struct SlackSink {
    client: reqwest::Client,
    hook: Hook,
    message: Message,
    timeout: Duration,
    pace: Arc<Pace>,
    guard: AddressGuard,
    clock: Clock,
}

/// The URL; it never prints itself.
struct Hook(Url);

/// Why a text is no URL of a hook. It holds nothing of the text.
#[derive(Debug, thiserror::Error)]
enum InvalidHook {
    #[error("the secret is not a URL")]
    NoUrl,
    #[error("the URL in the secret does not start with https://")]
    NotEncrypted,
}

impl SlackSink {
    /// Resolves the URL; opens no connection.
    pub fn build(config: &Config, context: &SinkContext<'_>) -> Result<Self, BuildError> {
        let secret = context.secrets.resolve(&config.url).map_err(BuildError::Secret)?;
        let hook = Hook::parse(secret.expose_str().map_err(BuildError::Secret)?)
            .map_err(|error| BuildError::Setting("url", error.into()))?;
        context.guard.check_literal(&hook.0).map_err(BuildError::Denied)?;
        let message =
            Message::compile(config).map_err(|problems| match problems.into_iter().next() {
                Some((_, error)) => BuildError::Setting("a template", error.into()),
                None => BuildError::Setting("a template", BoxError::from("it is not sound")),
            })?;
        Ok(Self {
            client: context.http.clone(),
            message,
            timeout: config.timeout,
            pace: context.paces.of(hook.0.as_str().as_bytes(), || Pace::new(PERIOD, BURST)),
            guard: context.guard.clone(),
            clock: context.clock.clone(),
            hook,
        })
    }

    async fn post(&self, event: &Event) -> Delivery {
        let request = self.client.post(self.hook.0.clone()).timeout(self.timeout);
        let request = request.header(CONTENT_TYPE, "application/json");
        let response = request.body(self.message.payload(event)?).send().await;
        let response = response.map_err(unreachable)?;
        let status = response.status().as_u16();
        let retry_after = retry_after::read(response.headers(), self.clock.now());
        if status == 429 {
            self.pace.pause(retry_after.unwrap_or(PERIOD).min(LONGEST_PAUSE));
        }
        // Without a body it is not known what became of the message.
        let body = answer::beginning(response, MAX_ANSWER).await.map_err(unreachable)?;
        judge(status, retry_after, &body)
    }
}

#[async_trait]
impl Sink for SlackSink {
    async fn turn(&self) {
        self.pace.turn().await;
    }

    async fn deliver(&self, batch: &[Event]) -> Vec<Delivery> {
        let mut results = Vec::with_capacity(batch.len());
        for event in batch {
            results.push(self.post(event).await);
        }
        results
    }

    async fn check(&self) -> Result<String, CheckError> {
        reach(client::builder(&self.guard), &self.hook.0, self.timeout).await
    }
}

impl Hook {
    fn parse(text: &str) -> Result<Self, InvalidHook> {
        let url = Url::parse(text.trim()).map_err(|_| InvalidHook::NoUrl)?;
        match url.scheme() {
            "https" => Ok(Self(url)),
            "http" if address::is_loopback(&url) => Ok(Self(url)),
            "http" => Err(InvalidHook::NotEncrypted),
            _ => Err(InvalidHook::NoUrl),
        }
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

fn unreachable(error: reqwest::Error) -> DeliveryError {
    DeliveryError::Unreachable(error.without_url().into())
}
