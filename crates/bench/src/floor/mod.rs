//! The floors: the least programs that could do the job. They verify and wait for confirmation, and nothing else: no
//! envelope, no deduplication key, no limits, no retries, no metrics.

pub(crate) mod eventbridge;
pub(crate) mod kafka;
pub(crate) mod kafka_rest;
pub(crate) mod postgres;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{PushConsumer, push};
use async_nats::jetstream::{self, Context};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use futures_util::StreamExt as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::load::SECRET;

/// Stream and subject of the floors.
pub(crate) const STREAM: &str = "FLOOR";
pub(crate) const SUBJECT: &str = "floor.events";

/// The durable consumer of the floors that deliver.
pub(crate) const CONSUMER: &str = "floor";

/// As many as the relay's default window.
const WINDOW: usize = 256;

/// The window of both programs where batches are written.
const BATCH_WINDOW: usize = 1000;

/// How long a batch waits for more, as in the relay.
const BATCH_WAIT: Duration = Duration::from_millis(10);

pub(crate) async fn inbound(nats: &str, listen: SocketAddr) -> anyhow::Result<()> {
    let jetstream = jetstream::new(async_nats::connect(nats).await?);
    let app = Router::new().route("/hooks/bench", post(receive)).with_state(jetstream);
    axum::serve(tokio::net::TcpListener::bind(listen).await?, app).await?;
    Ok(())
}

async fn receive(State(jetstream): State<Context>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let signature = headers.get("x-hub-signature-256").and_then(|value| value.to_str().ok());
    let claimed = signature
        .and_then(|text| text.strip_prefix("sha256="))
        .and_then(|text| hex::decode(text).ok());
    let mut mac =
        Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(&body);
    if mac.verify_slice(&claimed.unwrap_or_default()).is_err() {
        return StatusCode::UNAUTHORIZED;
    }
    let confirmed = async { anyhow::Ok(jetstream.publish(SUBJECT, body).await?.await?) };
    match confirmed.await {
        Ok(_) => StatusCode::ACCEPTED,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The messages of the floor's stream, at most `window` of them under way.
async fn messages(nats: &str, window: usize) -> anyhow::Result<push::Messages> {
    let jetstream = jetstream::new(async_nats::connect(nats).await?);
    let consumer: PushConsumer = jetstream
        .get_stream(STREAM)
        .await?
        .create_consumer(push::Config {
            durable_name: Some(CONSUMER.to_owned()),
            deliver_subject: "deliver.floor".to_owned(),
            max_ack_pending: i64::try_from(window)?,
            ..push::Config::default()
        })
        .await?;
    Ok(consumer.messages().await?)
}

/// The next messages, as many as come within a short time; `None` at the end.
async fn batch(
    messages: &mut push::Messages,
    most: usize,
) -> anyhow::Result<Option<Vec<jetstream::Message>>> {
    let Some(first) = messages.next().await else { return Ok(None) };
    let mut batch = vec![first?];
    let deadline = Instant::now() + BATCH_WAIT;
    while batch.len() < most {
        let Ok(Some(message)) = timeout_at(deadline, messages.next()).await else { break };
        batch.push(message?);
    }
    Ok(Some(batch))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the floor acknowledges by itself; it is no part of the relay"
)]
async fn acknowledge(message: &jetstream::Message) {
    message.ack().await.ok();
}

pub(crate) async fn outbound(nats: &str, sink: &str) -> anyhow::Result<()> {
    let mut messages = messages(nats, WINDOW).await?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let permits = Arc::new(Semaphore::new(WINDOW));
    let mut tasks = JoinSet::new();
    while let Some(message) = messages.next().await {
        let message = message?;
        let permit = Arc::clone(&permits).acquire_owned().await?;
        let request = client.post(sink).body(message.payload.clone());
        tasks.spawn(async move {
            if request.send().await.is_ok_and(|response| response.status().is_success()) {
                acknowledge(&message).await;
            }
            drop(permit);
        });
        while tasks.try_join_next().is_some() {}
    }
    Ok(())
}
