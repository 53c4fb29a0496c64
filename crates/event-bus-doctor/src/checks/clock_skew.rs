//! Whether the clocks of this machine and of the server agree. Signed timestamps, due times of retries and ages of events
//! are compared across them.

use async_trait::async_trait;
use event_bus_core::Chain;
use event_bus_runtime::bus::StreamRole;
use event_bus_runtime::{Check, CheckContext, Finding, Severity};
use time::{Duration, OffsetDateTime};

use super::{BUS, event};

/// From here on signatures with tight tolerances and short retries suffer.
const WARN: Duration = Duration::seconds(2);

/// From here on webhooks are refused as too old or from the future.
const FAIL: Duration = Duration::seconds(60);

pub(super) struct ClockSkew;

#[async_trait]
impl Check for ClockSkew {
    fn id(&self) -> &'static str {
        "clock-skew"
    }

    fn component(&self) -> &'static str {
        BUS
    }

    fn severity(&self) -> Severity {
        Severity::Recommended
    }

    async fn run(&self, context: &CheckContext) -> Vec<Finding> {
        vec![match measure(context).await {
            Ok(skew) => judge(skew),
            Err(finding) => finding,
        }]
    }
}

/// The time that the server gave a message, against when it was sent and confirmed.
async fn measure(context: &CheckContext) -> Result<Duration, Finding> {
    let unknown = |error: &(dyn std::error::Error + 'static)| {
        Finding::error(format!("the server's time cannot be learned: {}", Chain(error)))
    };
    let before = context.clock.now();
    let (ack, _) = event::publish(context, "clock").await.map_err(|error| unknown(&error))?;
    let after = context.clock.now();
    let stream = context.streams.name(StreamRole::Events);
    let stream = context.bus.jetstream().get_stream_no_info(stream).await;
    let stream = stream.map_err(|error| unknown(&error))?;
    let message = stream.get_raw_message(ack.seq).await.map_err(|error| unknown(&error))?;
    Ok(skew(before, message.time, after))
}

/// How far the server is ahead; zero while its time lies between those of this machine.
fn skew(before: OffsetDateTime, server: OffsetDateTime, after: OffsetDateTime) -> Duration {
    if server < before {
        server - before
    } else if server > after {
        server - after
    } else {
        Duration::ZERO
    }
}

fn judge(skew: Duration) -> Finding {
    let (seconds, direction) = (skew.abs(), if skew.is_negative() { "behind" } else { "ahead of" });
    let message =
        format!("the server's clock is {:.3} s {direction} this one", seconds.as_seconds_f64());
    let finding = if seconds > FAIL {
        Finding::fail("EB0011", message)
    } else if seconds > WARN {
        Finding::warn("EB0011", message)
    } else {
        Finding::pass("the clocks of the server and of this machine agree")
    };
    finding.with("server_ahead_ms", i64::try_from(skew.whole_milliseconds()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use event_bus_runtime::Status;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn only_what_the_round_trip_cannot_explain_is_skew() {
        let before = datetime!(2026-01-01 00:00 UTC);
        let after = before + Duration::seconds(5);
        for (server, ahead, expected) in [
            (before, 0, Status::Pass),
            (after, 0, Status::Pass),
            (after + Duration::seconds(2), 2000, Status::Pass),
            (after + Duration::seconds(3), 3000, Status::Warn),
            (before - Duration::seconds(3), -3000, Status::Warn),
            (after + Duration::seconds(61), 61_000, Status::Fail),
            (before - Duration::hours(1), -3_600_000, Status::Fail),
        ] {
            let finding = judge(skew(before, server, after));
            assert_eq!(
                (finding.status, &finding.evidence["server_ahead_ms"]),
                (expected, &ahead.into())
            );
        }
    }
}
