//! How far each route is behind, and how old its oldest event has become against the age at which the stream drops it.

use std::time::Duration;

use async_nats::jetstream::consumer::Info;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use async_trait::async_trait;
use event_bus_runtime::{Check, CheckContext, Finding, Severity};
use time::OffsetDateTime;

use super::{COMPONENT, unknown};
use crate::config::RouteConfig;
use crate::consumers::look_up;
use crate::store::StreamNames;

/// Percent of `max_age` from which on somebody should look.
const WARN: u128 = 50;

/// Percent of `max_age` from which on events are about to be lost.
const FAIL: u128 = 80;

pub(super) struct Backlog {
    pub(super) names: StreamNames,
    pub(super) routes: Vec<RouteConfig>,
}

#[async_trait]
impl Check for Backlog {
    fn id(&self) -> &'static str {
        "backlog"
    }

    fn component(&self) -> &'static str {
        COMPONENT
    }

    fn severity(&self) -> Severity {
        Severity::Required
    }

    async fn run(&self, context: &CheckContext) -> Vec<Finding> {
        let stream = match context.bus.jetstream().get_stream(&self.names.events).await {
            Ok(stream) => stream,
            Err(error) => return vec![unknown(&error)],
        };
        let mut findings = Vec::new();
        for route in &self.routes {
            let finding = match look(route, &stream, &self.names, context).await {
                Ok(finding) | Err(finding) => finding,
            };
            findings.push(finding.about(&route.name));
        }
        findings
    }
}

async fn look(
    route: &RouteConfig,
    stream: &Stream,
    names: &StreamNames,
    context: &CheckContext,
) -> Result<Finding, Finding> {
    let info = look_up(&context.bus, &names.events, &route.name).await;
    let Some(info) = info.map_err(|error| unknown(&error))? else {
        return Ok(Finding::skip("it has no consumer yet"));
    };
    let oldest = oldest(route, stream, &info).await.map_err(|error| unknown(&*error))?;
    let age = oldest.map(|time| Duration::try_from(context.clock.now() - time).unwrap_or_default());
    let max_age = stream.cached_info().config.max_age;
    Ok(judge(age, max_age)
        .with("pending", info.num_pending)
        .with("in_flight", info.num_ack_pending))
}

/// When the oldest event that is not settled was stored. Where later ones were settled first, it is still the oldest.
async fn oldest(
    route: &RouteConfig,
    stream: &Stream,
    info: &Info,
) -> Result<Option<OffsetDateTime>, async_nats::Error> {
    let from = if info.num_ack_pending > 0 {
        info.ack_floor.stream_sequence + 1
    } else if info.num_pending > 0 {
        info.delivered.stream_sequence + 1
    } else {
        return Ok(None);
    };
    let mut oldest: Option<OffsetDateTime> = None;
    for subject in &route.subjects {
        match stream.get_first_raw_message_by_subject(subject, from).await {
            Ok(message) => {
                oldest = Some(oldest.map_or(message.time, |time| time.min(message.time)));
            }
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(oldest)
}

fn judge(age: Option<Duration>, max_age: Duration) -> Finding {
    let Some(age) = age else { return Finding::pass("nothing waits") };
    let seconds = age.as_secs();
    if max_age.is_zero() {
        let message = format!("the oldest event is {seconds} s old, and the stream drops none");
        return Finding::pass(message).with("oldest_seconds", seconds);
    }
    let percent = age.as_millis() * 100 / max_age.as_millis().max(1);
    let message = format!(
        "the oldest event is {seconds} s old, {percent} % of the age at which the stream drops it"
    );
    let finding = if percent > FAIL {
        Finding::fail("EB0203", message)
    } else if percent > WARN {
        Finding::warn("EB0203", message)
    } else {
        Finding::pass(message)
    };
    finding.with("oldest_seconds", seconds).with("max_age_seconds", max_age.as_secs())
}

#[cfg(test)]
mod tests {
    use event_bus_runtime::Status;

    use super::*;

    #[test]
    fn the_age_is_judged_by_what_is_left_of_it() {
        let seconds = Duration::from_secs;
        for (age, max_age, expected) in [
            (None, seconds(100), Status::Pass),
            (Some(seconds(50)), seconds(100), Status::Pass),
            (Some(seconds(51)), seconds(100), Status::Warn),
            (Some(seconds(80)), seconds(100), Status::Warn),
            (Some(seconds(81)), seconds(100), Status::Fail),
            (Some(seconds(1_000_000)), Duration::ZERO, Status::Pass),
        ] {
            assert_eq!(judge(age, max_age).status, expected, "{age:?} of {max_age:?}");
        }
    }
}
