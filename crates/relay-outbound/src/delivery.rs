//! One message from delivery to settlement: decode, filter, deliver, decide.

use std::time::Duration;

use async_nats::jetstream::Message;
use event_bus_core::Chain;
use event_bus_core::delivery::{DeadLetterReason, DeliveryError, Disposition};
use event_bus_core::event::Event;
use event_bus_core::key::EventKey;
use event_bus_core::wire::{Attempts, DeadLetter, Retry};
use tokio::time::{Instant, sleep};

use crate::filter::Verdict;
use crate::hold::{NoPass, RouteState, Unreachable};
use crate::incoming::{Envelope, Lane};
use crate::metrics::DeliveryOutcome;
use crate::origin::{self, UnreadableEvent};
use crate::route::Route;
use crate::settle::{self, Settlement};

/// An event that the server delivered this many times more often than it may be tried, and that was never settled,
/// is taken to kill the relay.
const DELIVERIES_PER_ATTEMPT: i64 = 10;

/// However few its attempts are: an event that is given back, when a relay stops or its destination is away, is
/// delivered again as well, and that must never pass for a crash.
const MIN_DELIVERIES: i64 = 500;

/// Longest wait between two tries to settle a message while the bus is away.
const SETTLE_AGAIN: Duration = Duration::from_secs(5);

/// Handles a message. When this returns, it is settled, or the server will deliver it again.
pub(crate) async fn handle(route: &Route, mut message: Message, lane: Lane) {
    let (envelope, problem) = match Envelope::read(&mut message, lane, route.incarnation(lane)) {
        Ok(read) => read,
        Err(error) => {
            tracing::warn!(route = route.name(), error = %Chain(&error), "a message came that no consumer sent");
            return;
        }
    };
    let settlement = match problem {
        None => settle::while_held(&message, decide(route, &envelope)).await,
        Some(problem) => {
            let detail = format!("the record of the retry cannot be read: {problem}");
            dead_letter(
                route,
                &envelope,
                DeadLetterReason::Undecodable,
                envelope.attempts,
                None,
                detail,
            )
        }
    };
    finish(route, &message, &envelope, &settlement).await;
}

/// Tells the stream, again and again while the bus is away: nothing else may happen to this message meanwhile.
async fn finish(route: &Route, message: &Message, envelope: &Envelope, settlement: &Settlement) {
    let mut wait = Duration::from_millis(200);
    loop {
        let settled = settle::while_held(
            message,
            settle::settle(message, envelope, settlement, route.store()),
        )
        .await;
        match settled {
            Ok(()) => break,
            Err(error) => {
                tracing::error!(
                    route = route.name(),
                    stream = envelope.delivery.stream,
                    sequence = envelope.delivery.sequence,
                    error = %Chain(&error),
                    "the outcome of an event could not be stored; trying again"
                );
            }
        }
        tokio::select! {
            () = route.stopping() => return,
            () = settle::while_held(message, sleep(wait)) => {}
        }
        wait = (wait * 2).min(SETTLE_AGAIN);
    }
    record(route, envelope, settlement);
}

fn record(route: &Route, envelope: &Envelope, settlement: &Settlement) {
    let outcome = match settlement {
        Settlement::Delivered => DeliveryOutcome::Delivered,
        Settlement::Filtered => DeliveryOutcome::Filtered,
        Settlement::Retry(_) => {
            route.budget().add(envelope.payload.len() as u64);
            DeliveryOutcome::Retried
        }
        Settlement::DeadLetter(letter) => {
            route.metrics().count_dead_letter(letter.reason);
            DeliveryOutcome::DeadLettered
        }
        Settlement::Returned | Settlement::NotDue(_) => DeliveryOutcome::Returned,
    };
    route.metrics().count(outcome);
}

async fn decide(route: &Route, envelope: &Envelope) -> Settlement {
    if let Some(time) = envelope.not_before {
        let wait = Duration::try_from(time - route.now()).unwrap_or_default();
        if !wait.is_zero() {
            return Settlement::NotDue(wait);
        }
    }
    // First of all, because reading an event or judging it may be what kills the relay.
    let limit = DELIVERIES_PER_ATTEMPT * i64::from(route.schedule().attempts());
    if envelope.deliveries > limit.max(MIN_DELIVERIES) {
        let detail = format!("delivered {} times and never settled", envelope.deliveries);
        let reason = DeadLetterReason::Crashing;
        return dead_letter(route, envelope, reason, envelope.attempts, None, detail);
    }
    // Servers before 2.10 know no consumer with several filters and deliver everything to it.
    if envelope.lane == Lane::Events && !route.subscribes_to(&envelope.origin.subject) {
        return Settlement::Filtered;
    }
    let event = match origin::event(route, envelope).await {
        Ok(event) => event,
        Err(UnreadableEvent::Unavailable(error)) => {
            tracing::warn!(route = route.name(), error = %Chain(&*error), "a payload cannot be fetched now");
            return Settlement::NotDue(SETTLE_AGAIN);
        }
        Err(error @ (UnreadableEvent::Invalid(_) | UnreadableEvent::Lost { .. })) => {
            let detail = Chain(&error).to_string();
            tracing::error!(
                route = route.name(),
                stream = envelope.delivery.stream,
                sequence = envelope.delivery.sequence,
                error = detail,
                "a message cannot be read as an event; it is a dead letter"
            );
            return dead_letter(
                route,
                envelope,
                DeadLetterReason::Undecodable,
                envelope.attempts,
                None,
                detail,
            );
        }
    };
    // What waits for another attempt has passed before, and what is redriven is to be delivered.
    if envelope.lane == Lane::Events {
        if !passes(route, &event) {
            return Settlement::Filtered;
        }
        let first_wait = route.schedule().wait_before(1);
        if !first_wait.is_zero() {
            return Settlement::Retry(retry(route, envelope, envelope.attempts, first_wait));
        }
    }
    deliver(route, envelope, &event).await
}

fn passes(route: &Route, event: &Event) -> bool {
    match route.filter().judge(event) {
        Verdict::Pass => true,
        Verdict::Drop => false,
        Verdict::Failed => {
            route.metrics().filter_errors.inc();
            tracing::debug!(route = route.name(), event = %EventKey::of(event), "the filter failed on this event");
            false
        }
    }
}

/// Tries until the destination has answered, or the route stops.
async fn deliver(route: &Route, envelope: &Envelope, event: &Event) -> Settlement {
    let Some(_bytes) = route.admit(envelope).await else { return Settlement::Returned };
    let mut lone_failures = 0;
    loop {
        let pass = tokio::select! {
            biased;
            () = route.stopping() => return Settlement::Returned,
            pass = route.enter() => match pass {
                Ok(pass) => pass,
                Err(NoPass::Disabled | NoPass::GiveBack) => return Settlement::Returned,
            },
        };
        let began = Instant::now();
        let result = route.try_once(event).await;
        route.metrics().delivery_seconds.observe(began.elapsed().as_secs_f64());
        let Err(error) = result else {
            route.reached();
            return Settlement::Delivered;
        };
        let disposition = error.disposition();
        if disposition == Disposition::Hold {
            match route.hold().unanswered(&pass, &mut lone_failures) {
                Unreachable::Counts => return after_failure(route, envelope, event, &error, None),
                Unreachable::Wait(wait) => {
                    route.note_unreachable(&error);
                    drop(pass);
                    tokio::select! {
                        () = route.stopping() => {}
                        () = sleep(wait) => {}
                    }
                    continue;
                }
            }
        }
        if disposition == Disposition::Disable {
            route.disable(event);
            return Settlement::Returned;
        }
        route.reached();
        return match disposition {
            Disposition::Retry { after } => after_failure(route, envelope, event, &error, after),
            Disposition::DeadLetter | Disposition::Hold | Disposition::Disable => {
                give_up(route, envelope, event, &error)
            }
        };
    }
}

/// An attempt failed: the next one by the schedule, or the end.
fn after_failure(
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
        error = %Chain(error), "delivery failed, will be tried again"
    );
    Settlement::Retry(retry(route, envelope, attempts, wait))
}

fn give_up(route: &Route, envelope: &Envelope, event: &Event, error: &DeliveryError) -> Settlement {
    let reason = match error {
        DeliveryError::Unencodable(_) => DeadLetterReason::Unencodable,
        DeliveryError::Refused(_)
        | DeliveryError::Unreachable(_)
        | DeliveryError::Unavailable { .. }
        | DeliveryError::Unauthorized { .. }
        | DeliveryError::Gone => DeadLetterReason::Refused,
    };
    let attempts = envelope.attempts.and_one(route.now());
    let detail = Chain(error).to_string();
    tracing::error!(
        route = route.name(), event = %EventKey::of(event), attempts = attempts.made, error = detail,
        "no attempt can succeed; the event is a dead letter"
    );
    dead_letter(route, envelope, reason, attempts, error.status(), detail)
}

fn retry(route: &Route, envelope: &Envelope, attempts: Attempts, wait: Duration) -> Retry {
    Retry {
        route: route.name().to_owned(),
        origin: envelope.origin.clone(),
        attempts,
        not_before: (!wait.is_zero()).then(|| route.now() + wait),
    }
}

fn dead_letter(
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

impl Route {
    /// The destination answered: the end of a hold.
    fn reached(&self) {
        if self.hold().answered() {
            self.metrics().state.set(0);
            tracing::info!(
                route = self.name(),
                "the destination is back; the route delivers again"
            );
        }
    }

    fn note_unreachable(&self, error: &DeliveryError) {
        if self.hold().state() == RouteState::Held {
            let first = self.metrics().state.set(1) != 1;
            if first {
                tracing::warn!(
                    route = self.name(), error = %Chain(error),
                    "the destination is away; the route holds its events and counts no attempt"
                );
            } else {
                tracing::debug!(route = self.name(), error = %Chain(error), "the destination is still away");
            }
        }
    }

    fn disable(&self, event: &Event) {
        self.hold().disable();
        self.metrics().state.set(2);
        tracing::error!(
            route = self.name(), event = %EventKey::of(event),
            "the destination answered 410 Gone; the route is disabled and keeps its events: change or remove it"
        );
    }
}
