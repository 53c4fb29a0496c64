//! Hands each batch to the producer in its order, and waits until the brokers have confirmed every record.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use event_bus_core::event::Event;
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::Config;
use super::encode::{Encoded, encode};
use super::errors::{Meaning, meaning, verdict};
use super::producer::{Producers, Sent};
use super::settings::client_config;
use super::topic;
use super::watch::Watch;
use crate::sinks::oauth2::Tokens;
use crate::sinks::record::Shape;
use crate::sinks::topic::Topic;
use crate::sinks::{BuildError, CheckError, Delivery, Sink, SinkContext};

/// Part of the timeout, in percent, that is left to find out whether the brokers are there.
const ASK_PART: u32 = 20;

/// Librdkafka's own limit of a record, in bytes.
const LARGEST: u64 = 1_000_000;

/// Topics of a Kafka cluster.
#[derive(Debug)]
pub struct KafkaSink {
    config: ClientConfig,
    tokens: Option<Arc<Tokens>>,
    topic: Topic,
    shape: Shape,
    timeout: Duration,
    largest: u64,
    running: OnceCell<Running>,
}

/// What runs once the first event came.
#[derive(Debug)]
struct Running {
    watch: Watch,
    producers: Producers,
    /// Sends each record alone, to tell one that is too large from its neighbours.
    lone: Producers,
}

impl KafkaSink {
    /// Checks the settings and resolves the secrets; starts nothing.
    pub fn build(config: &Config, context: &SinkContext<'_>) -> Result<Self, BuildError> {
        let client = client_config(config, context.secrets)?;
        let tokens = config.sasl.as_ref().and_then(|sasl| sasl.oauth2.as_ref());
        let tokens = tokens.map(|config| Tokens::build(config, context, context.http.clone()));
        let largest = client.get("message.max.bytes").and_then(|text| text.parse().ok());
        Ok(Self {
            largest: largest.unwrap_or(LARGEST),
            config: client,
            tokens: tokens.transpose()?.map(Arc::new),
            topic: Topic::parse(&config.topic)?,
            shape: Shape::new(config.format, &config.key, config.missing_key.key()),
            timeout: config.timeout,
            running: OnceCell::new(),
        })
    }

    async fn running(&self) -> &Running {
        let start = async || {
            let watch = Watch::new(self.tokens.clone());
            let mut alone = self.config.clone();
            alone.set("batch.num.messages", "1");
            Running {
                producers: Producers::new(self.config.clone(), watch.clone()),
                lone: Producers::new(alone, watch.clone()),
                watch,
            }
        };
        self.running.get_or_init(start).await
    }

    /// Why a record was not confirmed: nobody is there, the credentials are wrong, or the brokers cannot take it.
    async fn judge_unconfirmed(&self, running: &Running, began: Instant) -> Meaning {
        if running.watch.has_no_token() {
            return Meaning::Unconfirmed;
        }
        if running.watch.refused().is_some() {
            return Meaning::Unauthorized;
        }
        match running.producers.metadata(self.timeout * ASK_PART / 100).await {
            // They came back while the records waited, too late for them.
            Ok(_) if running.watch.were_away_since(began) => Meaning::Unconfirmed,
            Ok(_) => Meaning::Unavailable,
            Err(_) => Meaning::Unconfirmed,
        }
    }
}

#[async_trait]
impl Sink for KafkaSink {
    async fn deliver(&self, batch: &[Event]) -> Vec<Delivery> {
        let began = Instant::now();
        let deadline = began + self.timeout * (100 - ASK_PART) / 100;
        let running = self.running().await;
        let mut sent = Vec::with_capacity(batch.len());
        for event in batch {
            sent.push(match self.topic.of(event) {
                Ok(topic) => {
                    let record = encode(event, &self.shape);
                    let sending = running.producers.send(&topic, record, deadline).await;
                    Ok((topic, sending))
                }
                Err(error) => Err(error),
            });
        }
        let mut unconfirmed = None;
        let mut results = Vec::with_capacity(batch.len());
        for (event, each) in batch.iter().zip(sent) {
            let (topic, sending) = match each {
                Ok(sent) => sent,
                Err(error) => {
                    results.push(Err(error));
                    continue;
                }
            };
            let left = matches!(sending, Sent::Queued(_));
            let mut result = running.producers.confirmed(sending, deadline).await;
            let mut found = result.as_ref().err().map(|error| meaning(error, left));
            if found == Some(Meaning::TooLargeThere) {
                result = alone(running, &topic, encode(event, &self.shape), deadline).await;
                found = result.as_ref().err().map(|error| meaning(error, true));
            }
            if found == Some(Meaning::Unconfirmed) {
                if unconfirmed.is_none() {
                    unconfirmed = Some(self.judge_unconfirmed(running, began).await);
                }
                found = unconfirmed;
            }
            results.push(result.map_err(|error| {
                let said = running.watch.refused().unwrap_or_else(|| error.to_string());
                verdict(found.unwrap_or(Meaning::Unavailable), said, self.largest)
            }));
        }
        if results.iter().any(Result::is_err) {
            running.producers.replace_if_broken().await;
            running.lone.replace_if_broken().await;
        }
        results
    }

    async fn check(&self) -> Result<String, CheckError> {
        let running = self.running().await;
        let metadata = running.producers.metadata(self.timeout / 2).await.map_err(|error| {
            let said = running.watch.refused();
            CheckError::new("no broker answers", said.unwrap_or_else(|| error.to_string()))
        })?;
        topic::state(&self.topic, &metadata)
    }

    async fn close(&self) {
        if let Some(running) = self.running.get() {
            running.producers.close().await;
            running.lone.close().await;
        }
    }
}

async fn alone(
    running: &Running,
    topic: &str,
    record: Encoded,
    deadline: Instant,
) -> Result<(), KafkaError> {
    let sent = running.lone.send(topic, record, deadline).await;
    running.lone.confirmed(sent, deadline).await
}
