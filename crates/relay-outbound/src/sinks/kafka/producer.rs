//! Producers that are made when they are first needed, and made anew when librdkafka gives one up.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use rdkafka::util::Timeout;
use tokio::time::{Instant, sleep, timeout_at};

use super::encode::Encoded;
use super::watch::Watch;

/// Pause while the producer's own queue is full.
const QUEUE_PAUSE: Duration = Duration::from_millis(5);

/// How long closing may wait for what is still on its way.
const FLUSH_WITHIN: Duration = Duration::from_secs(3);

/// A producer's place.
#[derive(Debug)]
pub(super) struct Producers {
    config: ClientConfig,
    watch: Watch,
    present: Mutex<Option<Handle>>,
}

/// A producer; clones share it.
#[derive(Clone)]
struct Handle(FutureProducer<Watch>);

/// A record that was handed over, or was not.
pub(super) enum Sent {
    /// Its confirmation follows.
    Queued(rdkafka::producer::DeliveryFuture),
    /// It never left.
    Not(KafkaError),
}

impl Producers {
    /// A place without a producer.
    pub(super) fn new(config: ClientConfig, watch: Watch) -> Self {
        Self { config, watch, present: Mutex::new(None) }
    }

    /// Hands a record over; waits while the queue is full.
    pub(super) async fn send(&self, topic: &str, record: Encoded, deadline: Instant) -> Sent {
        let producer = match self.producer() {
            Ok(producer) => producer,
            Err(error) => return Sent::Not(error),
        };
        let mut outgoing = FutureRecord::to(topic).headers(record.headers);
        if let Some(value) = &record.value {
            outgoing = outgoing.payload(&value[..]);
        }
        if let Some(key) = &record.key {
            outgoing = outgoing.key(key.as_bytes());
        }
        loop {
            match producer.0.send_result(outgoing) {
                Ok(confirmation) => return Sent::Queued(confirmation),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again))
                    if Instant::now() < deadline =>
                {
                    outgoing = again;
                    sleep(QUEUE_PAUSE).await;
                }
                Err((error, _)) => return Sent::Not(error),
            }
        }
    }

    /// Waits for the confirmation of a record.
    pub(super) async fn confirmed(&self, sent: Sent, deadline: Instant) -> Result<(), KafkaError> {
        let confirmation = match sent {
            Sent::Queued(confirmation) => confirmation,
            Sent::Not(error) => return Err(error),
        };
        match timeout_at(deadline, confirmation).await {
            Ok(Ok(Ok(_))) => {
                self.watch.confirmed();
                Ok(())
            }
            Ok(Ok(Err((error, _)))) => Err(error),
            Ok(Err(_)) => Err(KafkaError::Canceled),
            Err(_) => Err(KafkaError::MessageProduction(RDKafkaErrorCode::OperationTimedOut)),
        }
    }

    /// Asks the brokers about all topics, so that none is made by the question.
    pub(super) async fn metadata(&self, within: Duration) -> Result<Metadata, KafkaError> {
        let producer = self.producer()?;
        let ask = move || producer.0.client().fetch_metadata(None, Timeout::After(within));
        tokio::task::spawn_blocking(ask).await.map_err(|_| KafkaError::Canceled)?
    }

    /// Gives up a producer that librdkafka says cannot go on.
    pub(super) async fn replace_if_broken(&self) {
        let broken = {
            let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
            let is_broken = |handle: &Handle| handle.0.client().fatal_error().is_some();
            if present.as_ref().is_some_and(is_broken) { present.take() } else { None }
        };
        if let Some(handle) = broken {
            tracing::warn!("the producer of a Kafka sink cannot go on and is made anew");
            end(handle).await;
        }
    }

    /// Ends the producer and its threads.
    pub(super) async fn close(&self) {
        let handle = self.present.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(handle) = handle {
            end(handle).await;
        }
    }

    fn producer(&self) -> Result<Handle, KafkaError> {
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = &*present {
            return Ok(handle.clone());
        }
        let made = self.config.create_with_context(self.watch.clone())?;
        Ok(present.insert(Handle(made)).clone())
    }
}

/// Ending a producer joins its thread, which may take a while.
async fn end(handle: Handle) {
    let ended = tokio::task::spawn_blocking(move || {
        // What is not confirmed by then comes again.
        handle.0.flush(Timeout::After(FLUSH_WITHIN)).ok();
        drop(handle);
    });
    ended.await.ok();
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Handle")
    }
}
