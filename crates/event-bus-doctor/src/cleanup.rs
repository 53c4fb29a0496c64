//! Removes what a run left on the bus: its events, their retries, their dead letters and its consumer.

use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use event_bus_core::Chain;
use event_bus_core::wire::{self, header};
use event_bus_runtime::bus::StreamRole;
use event_bus_runtime::{CheckContext, Finding};
use tokio::time::{Instant, sleep, timeout};

/// How long removing may take.
const WITHIN: Duration = Duration::from_secs(15);

/// How long the relay gets to store what it was about to store when a proof ended early.
const LATE: Duration = Duration::from_secs(1);

/// Removes everything of this run, a second time after a while if the run did not end in order. `None` if nothing
/// is left.
pub(crate) async fn remove_events(context: &CheckContext, untidy: bool) -> Option<Finding> {
    if !context.bus.connected() && context.bus.server_version().is_none() {
        // It was never connected, so it has published nothing.
        return None;
    }
    let removing = async {
        context.bus.wait_connected(Instant::now() + WITHIN).await;
        remove(context).await?;
        if untidy {
            sleep(LATE).await;
            remove(context).await?;
        }
        Ok::<_, async_nats::Error>(())
    };
    let problem = match timeout(WITHIN, removing).await {
        Ok(Ok(())) => return None,
        Ok(Err(error)) => Chain(&*error).to_string(),
        Err(_) => "the bus did not answer in time".to_owned(),
    };
    let subject = context.subject(">");
    let message = format!("the events of this run below {subject} are not removed: {problem}");
    Some(Finding::warn("EB0014", message).with("subject", subject))
}

async fn remove(context: &CheckContext) -> Result<(), async_nats::Error> {
    let own = context.subject(">");
    if let Some(events) = stream(context, StreamRole::Events).await? {
        events.purge().filter(own.clone()).await?;
        // It ends by itself when nobody reads it; this is only sooner.
        events.delete_consumer(&consumer_name(&context.run_id)).await.ok();
    }
    if let Some(retries) = stream(context, StreamRole::Retries).await? {
        let route = wire::DOCTOR_NAME;
        for filter in [wire::retry_subject(route), wire::later_subject(route, ">")] {
            remove_retries(&retries, &filter, &context.subject("")).await?;
        }
    }
    if let Some(dead_letters) = stream(context, StreamRole::DeadLetters).await? {
        let prefix = wire::dead_letter_prefix(wire::DOCTOR_NAME);
        dead_letters.purge().filter(format!("{prefix}.{own}")).await?;
    }
    Ok(())
}

/// Name of the consumer that the round trip reads with.
pub(crate) fn consumer_name(run_id: &str) -> String {
    format!("doctor-{run_id}")
}

/// Subjects of retries do not tell runs apart, so each retry is looked at.
async fn remove_retries(
    retries: &Stream,
    filter: &str,
    origin_prefix: &str,
) -> Result<(), async_nats::Error> {
    let mut next = 1;
    loop {
        let message = match retries.get_first_raw_message_by_subject(filter, next).await {
            Ok(message) => message,
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        next = message.sequence + 1;
        let origin = message.headers.get(header::ORIGIN_SUBJECT);
        if origin.is_some_and(|origin| origin.as_str().starts_with(origin_prefix)) {
            // The relay may settle it at the same moment; then it is gone, which is what is wanted.
            retries.delete_message(message.sequence).await.ok();
        }
    }
}

async fn stream(
    context: &CheckContext,
    role: StreamRole,
) -> Result<Option<Stream>, async_nats::Error> {
    match context.bus.jetstream().get_stream(context.streams.name(role)).await {
        Ok(stream) => Ok(Some(stream)),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(api)
                if api.error_code() == ErrorCode::STREAM_NOT_FOUND =>
            {
                Ok(None)
            }
            GetStreamErrorKind::JetStream(_)
            | GetStreamErrorKind::EmptyName
            | GetStreamErrorKind::Request
            | GetStreamErrorKind::InvalidStreamName => Err(error.into()),
        },
    }
}
