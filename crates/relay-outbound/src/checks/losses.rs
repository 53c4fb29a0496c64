//! Events that aged out before a route delivered them, as the relay has noted with the route's consumer.

use async_trait::async_trait;
use event_bus_core::event::format_time;
use event_bus_runtime::{Check, CheckContext, Finding, Severity};
use time::{Duration, OffsetDateTime};

use super::{COMPONENT, unknown};
use crate::config::RouteConfig;
use crate::consumers::look_up;
use crate::expired::Expired;
use crate::store::StreamNames;

/// How long a loss is a failure; from then on it is a warning.
const RECENT: Duration = Duration::DAY;

pub(super) struct Losses {
    pub(super) names: StreamNames,
    pub(super) routes: Vec<RouteConfig>,
}

#[async_trait]
impl Check for Losses {
    fn id(&self) -> &'static str {
        "expired-events"
    }

    fn component(&self) -> &'static str {
        COMPONENT
    }

    fn severity(&self) -> Severity {
        Severity::Required
    }

    async fn run(&self, context: &CheckContext) -> Vec<Finding> {
        if !context.bus.supports(2, 10) {
            return vec![Finding::skip(
                "the server keeps no metadata; see relay_outbound_expired_total of the relay",
            )];
        }
        let mut findings = Vec::new();
        for route in &self.routes {
            let finding = match look_up(&context.bus, &self.names.events, &route.name).await {
                Ok(Some(info)) => judge(&Expired::read(&info.config.metadata), context.clock.now()),
                Ok(None) => Finding::skip("it has no consumer yet"),
                Err(error) => unknown(&error),
            };
            findings.push(finding.about(&route.name));
        }
        findings
    }
}

fn judge(expired: &Expired, now: OffsetDateTime) -> Finding {
    let Expired { events, last, .. } = expired;
    if *events == 0 {
        return Finding::pass("no event aged out undelivered");
    }
    let message = format!("up to {events} events aged out before they were delivered");
    let finding = match last {
        Some(last) if now - *last < RECENT => Finding::fail("EB0204", message),
        Some(_) | None => Finding::warn("EB0204", message),
    };
    finding.with("events", *events).with("last", last.map(format_time))
}

#[cfg(test)]
mod tests {
    use event_bus_runtime::Status;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_loss_is_a_failure_for_a_day_and_never_forgotten() {
        let now = datetime!(2026-01-02 00:00 UTC);
        for (events, last, expected) in [
            (0, None, Status::Pass),
            (3, Some(now - Duration::hours(23)), Status::Fail),
            (3, Some(now - Duration::hours(25)), Status::Warn),
            (3, None, Status::Warn),
        ] {
            let finding = judge(&Expired { events, last, through: 0 }, now);
            assert_eq!(finding.status, expected, "{events} {last:?}");
        }
    }
}
