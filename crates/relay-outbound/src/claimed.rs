//! Events whose data lies in the object store: fetched for filters and for sinks that need it in memory.

use event_bus_core::Chain;
use event_bus_core::claim_check::ClaimCheck;
use event_bus_core::delivery::DeadLetterReason;
use event_bus_core::event::Event;
use event_bus_core::key::EventKey;

use crate::delivery::{SETTLE_AGAIN, dead_letter, judge_new};
use crate::incoming::Envelope;
use crate::objects::ObjectError;
use crate::route::Route;
use crate::settle::Settlement;

/// Most data that is fetched only because the filter of the route looks at it.
const FILTER_LIMIT: u64 = 16 * 1024 * 1024;

/// The event to deliver, or what becomes of it without that. One event of a route is in memory like this at a time.
pub(crate) async fn fetch(
    route: &Route,
    envelope: &Envelope,
    event: Event,
    check: &ClaimCheck,
) -> Result<Event, Settlement> {
    let largest = route.config().sink.settings().largest_data();
    let is_for_filter = largest.is_none();
    if is_for_filter && !route.filter().reads_data() {
        return judge_new(route, envelope, &event).map_or(Ok(event), Err);
    }
    let complete = match route.objects().read(check, largest.unwrap_or(FILTER_LIMIT)).await {
        Ok(payload) => event.with_payload(payload),
        Err(error) => return Err(unfetched(route, envelope, &event, &error, is_for_filter)),
    };
    match judge_new(route, envelope, &complete) {
        Some(settlement) => Err(settlement),
        // The sink reads the object itself.
        None if is_for_filter => Ok(event),
        None => Ok(complete),
    }
}

fn unfetched(
    route: &Route,
    envelope: &Envelope,
    event: &Event,
    error: &ObjectError,
    is_for_filter: bool,
) -> Settlement {
    let detail = Chain(error).to_string();
    let key = EventKey::of(event);
    let reason = match error {
        ObjectError::Unavailable(_) => {
            tracing::warn!(route = route.name(), event = %key, error = detail, "the data of an event cannot be fetched now");
            return Settlement::NotDue(SETTLE_AGAIN);
        }
        ObjectError::TooLarge { .. } if is_for_filter => {
            route.metrics().filter_errors.inc();
            tracing::error!(
                route = route.name(), event = %key, error = detail,
                "the filter cannot look at the data of an event; it is not delivered"
            );
            return Settlement::Filtered;
        }
        ObjectError::TooLarge { .. } | ObjectError::Forbidden(_) => DeadLetterReason::Refused,
        ObjectError::Lost { .. } => DeadLetterReason::Undecodable,
    };
    tracing::error!(
        route = route.name(), event = %key, error = detail,
        "the data of an event cannot be fetched; the event is a dead letter"
    );
    dead_letter(route, envelope, reason, envelope.attempts, None, detail)
}
