//! The doctor's own events.

use bytes::Bytes;
use event_bus_core::event::{Data, Event, nats};
use event_bus_core::wire;
use event_bus_runtime::CheckContext;
use event_bus_runtime::bus::{Outgoing, PubAck, PublishError, Publisher, StreamRole};
use tokio::time::Instant;

/// Stores this run's event for one purpose; the same purpose again is a duplicate. Returns its payload, too.
pub(super) async fn publish(
    context: &CheckContext,
    purpose: &str,
) -> Result<(PubAck, Bytes), PublishError> {
    let (headers, payload) = nats::encode_structured(&event(context, purpose));
    let outgoing = Outgoing {
        subject: context.subject(purpose).into(),
        headers: &headers,
        payload: payload.clone(),
        dedup_id: &format!("doctor:{}:{purpose}", context.run_id),
        stream: context.streams.name(StreamRole::Events),
    };
    // A part of the check's time, so that what the bus says is told instead of a passed deadline.
    let deadline = Instant::now() + context.deadline / 3;
    let ack = Publisher::new(context.bus.clone()).publish(outgoing, deadline).await?;
    Ok((ack, payload))
}

/// Equal for the same purpose, so that a repeated one is the same message.
fn event(context: &CheckContext, purpose: &str) -> Event {
    let data = format!("{{\"purpose\":\"{purpose}\"}}");
    Event::builder(
        format!("{}.{purpose}", context.run_id),
        format!("/{}", wire::DOCTOR_NAME),
        format!("{}.{purpose}", wire::DOCTOR_NAME),
    )
    .datacontenttype("application/json")
    .data(Data::Json(Bytes::from(data)))
    .build()
    .expect("its attributes are made of names and hexadecimal digits")
}
