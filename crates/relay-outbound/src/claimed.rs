//! Events whose data lies in the object store: fetched for filters and for sinks that need it in memory.

use event_bus_core::Chain;
use event_bus_core::claim_check::ClaimCheck;
use event_bus_core::delivery::DeadLetterReason;
use event_bus_core::event::Event;
use event_bus_core::key::EventKey;

use crate::delivery::judge_new;
use crate::incoming::Envelope;
use crate::objects::ObjectError;
use crate::route::Route;
use crate::settle::Settlement;
use crate::verdict::dead_letter;

/// Most data that is fetched only because the filter of the route looks at it.
const FILTER_LIMIT: u64 = 16 * 1024 * 1024;

/// Why there is no event to deliver.
#[derive(Debug)]
pub(crate) enum Unfetched {
    /// This becomes of it instead.
    Settled(Settlement),
    /// The object store does not answer; later it may.
    Later,
}

/// The event to deliver, with the data if the sink does not read it itself. One event of a route is in memory like this at a time.
pub(crate) async fn fetch(
    route: &Route,
    envelope: &Envelope,
    event: &Event,
    check: &ClaimCheck,
) -> Result<Event, Unfetched> {
    let largest = route.config().sink.settings().largest_data();
    let is_for_filter = largest.is_none();
    if is_for_filter && !route.filter().reads_data() {
        return match judge_new(route, envelope, event) {
            None => Ok(event.clone()),
            Some(settlement) => Err(Unfetched::Settled(settlement)),
        };
    }
    let complete = match route.objects().read(check, largest.unwrap_or(FILTER_LIMIT)).await {
        Ok(payload) => event.clone().with_payload(payload),
        Err(error) => return Err(unfetched(route, envelope, event, &error, is_for_filter)),
    };
    match judge_new(route, envelope, &complete) {
        Some(settlement) => Err(Unfetched::Settled(settlement)),
        // The sink reads the object itself.
        None if is_for_filter => Ok(event.clone()),
        None => Ok(complete),
    }
}

fn unfetched(
    route: &Route,
    envelope: &Envelope,
    event: &Event,
    error: &ObjectError,
    is_for_filter: bool,
) -> Unfetched {
    let detail = Chain(error).to_string();
    let key = EventKey::of(event);
    let reason = match error {
        ObjectError::Unavailable(_) => {
            tracing::warn!(route = route.name(), event = %key, error = detail, "the data of an event cannot be fetched now");
            return Unfetched::Later;
        }
        ObjectError::TooLarge { .. } if is_for_filter => {
            route.metrics().filter_errors.inc();
            tracing::error!(
                route = route.name(), event = %key, error = detail,
                "the filter cannot look at the data of an event; it is not delivered"
            );
            return Unfetched::Settled(Settlement::Filtered);
        }
        ObjectError::TooLarge { .. } | ObjectError::Forbidden(_) => DeadLetterReason::Refused,
        ObjectError::Lost { .. } | ObjectError::Corrupt { .. } => DeadLetterReason::Undecodable,
    };
    tracing::error!(
        route = route.name(), event = %key, error = detail,
        "the data of an event cannot be fetched; the event is a dead letter"
    );
    let attempts = envelope.attempts;
    Unfetched::Settled(dead_letter(route, envelope, reason, attempts, None, detail))
}
