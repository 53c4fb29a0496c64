//! The floor of the Kafka sink: a loop around an idempotent producer.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};

use super::{BATCH_WINDOW, acknowledge, messages};

const TOPIC: &str = "floor";

pub(crate) async fn run(nats: &str, brokers: &str) -> anyhow::Result<()> {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("linger.ms", "5")
        .create()?;
    let mut messages = messages(nats, BATCH_WINDOW).await?;
    let mut unconfirmed = FuturesUnordered::new();
    loop {
        tokio::select! {
            Some(message) = messages.next() => {
                let message = message?;
                let producer = producer.clone();
                unconfirmed.push(async move {
                    let media_type = "application/cloudevents+json; charset=UTF-8";
                    let header = Header { key: "content-type", value: Some(media_type) };
                    let record = FutureRecord::<(), _>::to(TOPIC)
                        .payload(&message.payload[..])
                        .headers(OwnedHeaders::new().insert(header));
                    let sent = producer.send(record, Duration::from_secs(10)).await;
                    (sent.is_ok(), message)
                });
            }
            Some((sent, message)) = unconfirmed.next(), if !unconfirmed.is_empty() => {
                if sent {
                    acknowledge(&message).await;
                }
            }
            else => return Ok(()),
        }
    }
}
