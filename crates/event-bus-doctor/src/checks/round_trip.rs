//! The second proof: an event is stored, confirmed, delivered to a subscriber as it was, and a repetition is recognised.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PushConsumer, push};
use async_trait::async_trait;
use event_bus_core::Chain;
use event_bus_runtime::bus::StreamRole;
use event_bus_runtime::{Check, CheckContext, Finding, Severity};
use futures_util::StreamExt as _;
use tokio::time::{Instant, timeout};

use super::{BUS, event};
use crate::cleanup::consumer_name;

/// How long the server keeps a consumer that nobody reads, should this process be killed.
const KEEP_CONSUMER: Duration = Duration::from_secs(30);

pub(super) struct RoundTrip;

#[async_trait]
impl Check for RoundTrip {
    fn id(&self) -> &'static str {
        "round-trip"
    }

    fn component(&self) -> &'static str {
        BUS
    }

    fn severity(&self) -> Severity {
        Severity::Required
    }

    async fn run(&self, context: &CheckContext) -> Vec<Finding> {
        vec![match prove(context).await {
            Ok(proof) => proof,
            Err(failure) => failure,
        }]
    }
}

async fn prove(context: &CheckContext) -> Result<Finding, Finding> {
    let stream = context.streams.name(StreamRole::Events);
    let mut messages = subscribe(context).await?;
    let not_stored = |error| {
        Finding::fail("EB0004", format!("{stream} did not confirm an event: {}", Chain(&error)))
    };
    let began = Instant::now();
    let (ack, payload) = event::publish(context, "roundtrip").await.map_err(not_stored)?;
    let stored_in = began.elapsed();
    let message = match timeout(context.deadline / 3, messages.next()).await {
        Ok(Some(message)) => message,
        Ok(None) | Err(_) => {
            let message = format!("{stream} stored an event at {} and did not deliver it", ack.seq);
            return Err(Finding::fail("EB0005", message));
        }
    };
    let delivered_in = began.elapsed();
    if message.payload != payload {
        let message = format!("{stream} delivered another payload than was stored at {}", ack.seq);
        return Err(Finding::fail("EB0005", message));
    }
    let (again, _) = event::publish(context, "roundtrip").await.map_err(not_stored)?;
    if !again.duplicate {
        let message =
            format!("{stream} stored the same event twice, at {} and {}", ack.seq, again.seq);
        return Err(Finding::fail("EB0015", message));
    }
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let message = format!(
        "an event was stored, delivered after {} ms, and recognised when repeated",
        millis(delivered_in)
    );
    Ok(Finding::pass(message)
        .with("stream", stream)
        .with("seq", ack.seq)
        .with("stored_ms", millis(stored_in))
        .with("delivered_ms", millis(delivered_in)))
}

async fn subscribe(context: &CheckContext) -> Result<async_nats::Subscriber, Finding> {
    let stream = context.streams.name(StreamRole::Events);
    let client = context.bus.client();
    let inbox = client.new_inbox();
    let name = consumer_name(&context.run_id);
    let config = push::Config {
        name: Some(name),
        deliver_subject: inbox.clone(),
        deliver_policy: DeliverPolicy::All,
        ack_policy: AckPolicy::None,
        filter_subject: context.subject("roundtrip"),
        inactive_threshold: KEEP_CONSUMER,
        ..push::Config::default()
    };
    let failed = |error: async_nats::Error| {
        let message = format!("no consumer can be made on {stream}: {}", Chain(&*error));
        Finding::fail("EB0005", message)
    };
    let messages = client.subscribe(inbox).await.map_err(|error| failed(error.into()))?;
    let created: Result<PushConsumer, _> =
        context.bus.jetstream().create_consumer_on_stream(config, stream).await;
    created.map_err(|error| failed(error.into()))?;
    Ok(messages)
}
