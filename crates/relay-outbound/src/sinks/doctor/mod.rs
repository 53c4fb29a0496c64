//! The doctor's own sink: it asks the running doctor what to answer, so that a proof can see every attempt.

use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_trait::async_trait;
use event_bus_core::delivery::DeliveryError;
use event_bus_core::event::{Data, Event};
use event_bus_core::wire;
use event_bus_runtime::SecretRef;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{BuildError, CheckError, Delivery, Settings, Sink, SinkContext};

/// How long a doctor may take to answer; one that has gone away fails the attempt.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// It has no settings.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
pub struct Config;

/// Delivers to a doctor over the bus.
#[derive(Debug)]
pub struct DoctorSink {
    client: async_nats::Client,
}

/// What the data of a doctor's event says.
#[derive(Deserialize)]
struct Instructions {
    /// Where the doctor waits for attempts; it answers each with an HTTP status as text.
    reply: String,
}

/// The event is not from a doctor.
#[derive(Debug, thiserror::Error)]
enum NotFromDoctor {
    #[error("the event says not where the doctor waits")]
    NoReply,
    #[error("the event names a subject that is not a doctor's")]
    NotADoctors,
}

impl Settings for Config {
    fn kind(&self) -> &'static str {
        "doctor"
    }

    fn finding(&self) -> &'static str {
        "EB0201"
    }

    fn validate(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    fn secrets(&self) -> Vec<(String, SecretRef)> {
        Vec::new()
    }

    fn build(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, BuildError> {
        Ok(Box::new(DoctorSink { client: context.client.clone() }))
    }
}

impl DoctorSink {
    async fn ask(&self, event: &Event) -> Delivery {
        let reply = reply_subject(event)
            .ok_or_else(|| DeliveryError::Unencodable(NotFromDoctor::NoReply.into()))?;
        // Whoever may publish an event for the doctor must not have the relay send to any other subject.
        let run = reply.strip_prefix(wire::DOCTOR_ASK_ROOT).and_then(|rest| rest.strip_prefix('.'));
        if !run.is_some_and(wire::is_name) {
            return Err(DeliveryError::Unencodable(NotFromDoctor::NotADoctors.into()));
        }
        let request = self.client.request(reply, event.id().to_owned().into());
        let answer = match tokio::time::timeout(ANSWER_WITHIN, request).await {
            Ok(Ok(answer)) => answer,
            // The doctor has gone, and nobody else wants its events: they end here and leave no trace.
            Ok(Err(error)) if error.kind() == RequestErrorKind::NoResponders => return Ok(()),
            // Never a hold: a doctor that hangs must not leave its events waiting for ever.
            Ok(Err(_)) | Err(_) => return DeliveryError::from_status(503, None),
        };
        let status = std::str::from_utf8(&answer.payload).ok().and_then(|text| text.parse().ok());
        DeliveryError::from_status(status.unwrap_or(503), None)
    }
}

#[async_trait]
impl Sink for DoctorSink {
    async fn deliver(&self, batch: &[Event]) -> Vec<Delivery> {
        let mut results = Vec::with_capacity(batch.len());
        for event in batch {
            results.push(self.ask(event).await);
        }
        results
    }

    async fn check(&self) -> Result<String, CheckError> {
        Ok("the doctor is there, since it asks".to_owned())
    }
}

fn reply_subject(event: &Event) -> Option<String> {
    match event.data()? {
        Data::Json(bytes) => Some(serde_json::from_slice::<Instructions>(bytes).ok()?.reply),
        Data::Text(_) | Data::Binary(_) => None,
    }
}
