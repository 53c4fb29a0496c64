//! From a failure to what becomes of the event.

use std::time::Duration;

use event_bus_core::Chain;
use event_bus_core::delivery::{DeadLetterReason, DeliveryError};
use event_bus_core::event::Event;
use event_bus_core::key::EventKey;
use event_bus_core::wire::{Attempts, DeadLetter, Retry};

use crate::incoming::Envelope;
use crate::route::Route;
use crate::settle::Settlement;

/// An attempt failed: the next one by the schedule, or the end.
pub(crate) fn after_failure(
    route: &Route,
    envelope: &Envelope,
    event: &Event,
    error: &DeliveryError,
    requested: Option<Duration>,
) -> Settlement {
    let attempts = envelope.attempts.and_one(route.now());
    let Some(wait) = route.schedule().next_wait(attempts.made, requested, rand::random()) else {
        let detail = Chain(error).to_string();
        tracing::error!(
            route = route.name(), event = %EventKey::of(event), attempts = attempts.made, error = detail,
            "every attempt failed; the event is a dead letter"
        );
        return dead_letter(
            route,
            envelope,
            DeadLetterReason::Exhausted,
            attempts,
            error.status(),
            detail,
        );
    };
    tracing::warn!(
        route = route.name(), event = %EventKey::of(event), attempt = attempts.made, next_in = ?wait,
        status = error.status(),
        error = %Chain(error), "delivery failed, will be tried again"
    );
    Settlement::Retry(retry(route, envelope, attempts, wait))
}

pub(crate) fn give_up(
    route: &Route,
    envelope: &Envelope,
    event: &Event,
    error: &DeliveryError,
) -> Settlement {
    let reason = match error {
        DeliveryError::Unencodable(_) => DeadLetterReason::Unencodable,
        DeliveryError::Refused(_)
        | DeliveryError::Unreachable(_)
        | DeliveryError::Unreadable(_)
        | DeliveryError::Unavailable { .. }
        | DeliveryError::Unauthorized { .. }
        | DeliveryError::Gone { .. } => DeadLetterReason::Refused,
    };
    let attempts = envelope.attempts.and_one(route.now());
    let detail = Chain(error).to_string();
    tracing::error!(
        route = route.name(), event = %EventKey::of(event), attempts = attempts.made, error = detail,
        "no attempt can succeed; the event is a dead letter"
    );
    dead_letter(route, envelope, reason, attempts, error.status(), detail)
}

pub(crate) fn undecodable(route: &Route, envelope: &Envelope, detail: String) -> Settlement {
    let reason = DeadLetterReason::Undecodable;
    dead_letter(route, envelope, reason, envelope.attempts, None, detail)
}

pub(crate) fn retry(
    route: &Route,
    envelope: &Envelope,
    attempts: Attempts,
    wait: Duration,
) -> Retry {
    Retry {
        route: route.name().to_owned(),
        origin: envelope.origin.clone(),
        attempts,
        not_before: (!wait.is_zero()).then(|| route.now() + wait),
    }
}

pub(crate) fn dead_letter(
    route: &Route,
    envelope: &Envelope,
    reason: DeadLetterReason,
    attempts: Attempts,
    status: Option<u16>,
    detail: String,
) -> Settlement {
    Settlement::DeadLetter(DeadLetter {
        route: route.name().to_owned(),
        origin: envelope.origin.clone(),
        attempts,
        reason,
        status,
        detail,
        recorded: route.now(),
    })
}
