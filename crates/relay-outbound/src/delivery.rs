//! Messages from delivery to settlement: decode, filter, deliver, decide.
//!
//! Messages are handled in batches, mostly of one. A batch shares the call of the sink and nothing else: each of its
//! messages is settled on its own result.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::jetstream::Message;
use event_bus_core::Chain;
use event_bus_core::claim_check::ClaimCheck;
use event_bus_core::delivery::{DeadLetterReason, DeliveryError, Disposition};
use event_bus_core::event::Event;
use event_bus_core::key::EventKey;
use futures_util::future::{OptionFuture, join_all};
use tokio::time::{Instant, sleep};

use crate::claimed::{self, Unfetched};
use crate::filter::Verdict;
use crate::hold::{NoPass, RouteState, Tries, Unreachable};
use crate::incoming::{Envelope, Lane};
use crate::metrics::DeliveryOutcome;
use crate::origin::{self, UnreadableEvent};
use crate::receipts::Batch;
use crate::route::Route;
use crate::settle::{self, Settlement};
use crate::sinks::Delivery;
use crate::verdict::{after_failure, dead_letter, give_up, retry, undecodable};

/// An event that the server delivered this many times more often than it may be tried, and that was never settled,
/// is taken to kill the relay.
const DELIVERIES_PER_ATTEMPT: i64 = 10;

/// However few its attempts are: an event that is given back, when a relay stops or its destination is away, is
/// delivered again as well, and that must never pass for a crash.
const MIN_DELIVERIES: i64 = 500;

/// Longest wait between two tries to settle a message while the bus is away.
const SETTLE_AGAIN: Duration = Duration::from_secs(5);

/// A message that is being handled.
struct Item {
    message: Message,
    envelope: Envelope,
    settled: AtomicBool,
}

/// An event of a batch that has not been delivered yet.
struct Open<'a> {
    item: &'a Item,
    event: Event,
}

/// What is known of a message before a sink has seen it.
enum Prepared {
    Deliver(Event),
    /// Its data lies elsewhere.
    Fetch(Event, ClaimCheck),
    /// It cannot be read now.
    Later,
    Settle(Settlement),
}

/// Handles messages in their order. When this returns, each is settled, or the server will deliver it again.
pub(crate) async fn handle(route: &Route, messages: Vec<Message>, lane: Lane) {
    let mut items = Vec::with_capacity(messages.len());
    let mut unreadable = Vec::new();
    for mut message in messages {
        let (envelope, problem) = match Envelope::read(&mut message, lane, route.incarnation(lane))
        {
            Ok(read) => read,
            Err(error) => {
                tracing::warn!(route = route.name(), error = %Chain(&error), "a message came that no consumer sent");
                continue;
            }
        };
        items.push(Item { message, envelope, settled: AtomicBool::new(false) });
        unreadable.push(problem);
    }
    let held = || items.iter().filter(|item| !item.is_settled()).map(|item| &item.message);
    // Pinned here, as a future that is handed on is in memory twice.
    let work = pin!(async {
        let mut open = Vec::with_capacity(items.len());
        let (mut claimed, mut later, mut settlements) = (Vec::new(), Vec::new(), Vec::new());
        for (item, problem) in items.iter().zip(unreadable) {
            let prepared = match problem {
                None => prepare(route, &item.envelope).await,
                Some(problem) => {
                    let detail = format!("the record of the retry cannot be read: {problem}");
                    Prepared::Settle(undecodable(route, &item.envelope, detail))
                }
            };
            match prepared {
                Prepared::Deliver(event) => open.push(Open { item, event }),
                Prepared::Fetch(event, check) => claimed.push((item, event, check)),
                Prepared::Later => later.push(item),
                Prepared::Settle(settlement) => settlements.push((item, settlement)),
            }
        }
        let deliveries = async {
            if !open.is_empty() {
                deliver(route, open).await;
            }
            for (item, event, check) in claimed {
                Box::pin(deliver_claimed(route, item, event, &check)).await;
            }
            for item in later {
                Box::pin(deliver_later(route, item)).await;
            }
        };
        // What is decided already may have to wait for the bus, and the others not for it.
        let unseen = OptionFuture::from(
            (!settlements.is_empty()).then(|| Box::pin(finish_unseen(route, &settlements))),
        );
        tokio::join!(unseen, deliveries);
    });
    settle::while_held(held, work).await;
}

impl Item {
    fn is_settled(&self) -> bool {
        self.settled.load(Ordering::Relaxed)
    }
}

/// Tells the stream, again and again while the bus is away: nothing else may happen to this message meanwhile.
async fn finish(route: &Route, item: &Item, settlement: &Settlement) {
    let Item { message, envelope, settled } = item;
    let mut wait = Duration::from_millis(200);
    loop {
        match settle::settle(message, envelope, settlement, route.store()).await {
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
            () = sleep(wait) => {}
        }
        wait = (wait * 2).min(SETTLE_AGAIN);
    }
    settled.store(true, Ordering::Relaxed);
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

async fn prepare(route: &Route, envelope: &Envelope) -> Prepared {
    if let Some(time) = envelope.not_before {
        let wait = Duration::try_from(time - route.now()).unwrap_or_default();
        if !wait.is_zero() {
            return Prepared::Settle(Settlement::NotDue(wait));
        }
    }
    // First of all, because reading an event or judging it may be what kills the relay.
    let limit = DELIVERIES_PER_ATTEMPT * i64::from(route.schedule().attempts());
    if envelope.deliveries > limit.max(MIN_DELIVERIES) {
        let detail = format!("delivered {} times and never settled", envelope.deliveries);
        let reason = DeadLetterReason::Crashing;
        let attempts = envelope.attempts;
        return Prepared::Settle(dead_letter(route, envelope, reason, attempts, None, detail));
    }
    // Servers before 2.10 know no consumer with several filters and deliver everything to it.
    if envelope.lane == Lane::Events && !route.subscribes_to(&envelope.origin.subject) {
        return Prepared::Settle(Settlement::Filtered);
    }
    let event = match origin::event(route, envelope).await {
        Ok(event) => event,
        Err(UnreadableEvent::Unavailable(error)) => {
            tracing::warn!(route = route.name(), error = %Chain(&*error), "a payload cannot be fetched now");
            return Prepared::Later;
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
            return Prepared::Settle(undecodable(route, envelope, detail));
        }
    };
    if envelope.lane == Lane::Events && route.filter().rules_out(&event) {
        return Prepared::Settle(Settlement::Filtered);
    }
    match ClaimCheck::of(&event) {
        Some(Ok(check)) => Prepared::Fetch(event, check),
        Some(Err(error)) => Prepared::Settle(undecodable(route, envelope, error.to_string())),
        None => match judge_new(route, envelope, &event) {
            Some(Settlement::Retry(_)) if !route.room().await => {
                Prepared::Settle(Settlement::Returned)
            }
            Some(settlement) => Prepared::Settle(settlement),
            None => Prepared::Deliver(event),
        },
    }
}

/// What becomes of an event that is not to be delivered now. What waits for another attempt has passed before, and what
/// is redriven is to be delivered.
pub(crate) fn judge_new(route: &Route, envelope: &Envelope, event: &Event) -> Option<Settlement> {
    if envelope.lane != Lane::Events {
        return None;
    }
    if !passes(route, event) {
        return Some(Settlement::Filtered);
    }
    let first_wait = route.schedule().wait_before(1);
    let retry = || retry(route, envelope, envelope.attempts, first_wait);
    (!first_wait.is_zero()).then(|| Settlement::Retry(retry()))
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

/// One at a time, so that only one of them is in memory.
async fn deliver_claimed(route: &Route, item: &Item, event: Event, check: &ClaimCheck) {
    // Not while it has the turn, which retries need to make the room that it would wait for.
    let mut goes_on = item.envelope.lane != Lane::Events || route.room().await;
    while goes_on {
        let turn = tokio::select! {
            () = route.stopping() => break,
            turn = route.turn_for_claimed() => turn,
        };
        match claimed::fetch(route, &item.envelope, &event, check).await {
            Ok(event) => return deliver_with_room(route, vec![Open { item, event }]).await,
            Err(Unfetched::Settled(settlement)) => {
                return finish_unseen(route, &[(item, settlement)]).await;
            }
            Err(Unfetched::Later) => drop(turn),
        }
        goes_on = wait_for_bus(route).await;
    }
    finish(route, item, &Settlement::Returned).await;
}

/// Tries to read an event until that succeeds. It stays here meanwhile: a message that is given back again and again is in
/// the end taken for one that kills the relay.
async fn deliver_later(route: &Route, item: &Item) {
    while wait_for_bus(route).await {
        match prepare(route, &item.envelope).await {
            Prepared::Deliver(event) => return deliver(route, vec![Open { item, event }]).await,
            Prepared::Fetch(event, check) => {
                return deliver_claimed(route, item, event, &check).await;
            }
            Prepared::Settle(settlement) => {
                return finish_unseen(route, &[(item, settlement)]).await;
            }
            Prepared::Later => {}
        }
    }
    finish(route, item, &Settlement::Returned).await;
}

/// Returns whether the route goes on.
async fn wait_for_bus(route: &Route) -> bool {
    tokio::select! {
        () = route.stopping() => false,
        () = sleep(SETTLE_AGAIN) => true,
    }
}

async fn deliver(route: &Route, open: Vec<Open<'_>>) {
    let is_new = open.iter().any(|open| open.item.envelope.lane == Lane::Events);
    if is_new && !route.room().await {
        return give_back(route, open).await;
    }
    deliver_with_room(route, open).await;
}

/// Tries until the destination has answered for every event, or the route stops.
async fn deliver_with_room(route: &Route, mut open: Vec<Open<'_>>) {
    let Some(_bytes) = route.admit(open.iter().map(|open| &open.item.envelope)).await else {
        return give_back(route, open).await;
    };
    let mut tries = Tries::default();
    let mut is_first = true;
    while !open.is_empty() {
        let pass = tokio::select! {
            biased;
            () = route.stopping() => return give_back(route, open).await,
            pass = route.enter(open.len()) => match pass {
                Ok(pass) => pass,
                Err(NoPass::Disabled | NoPass::GiveBack) => return give_back(route, open).await,
            },
        };
        let began = Instant::now();
        let (items, events): (Vec<_>, Vec<_>) =
            open.into_iter().map(|open| (open.item, open.event)).unzip();
        let results = route.try_once(&events).await;
        route.metrics().delivery_seconds.observe(began.elapsed().as_secs_f64());
        if results.iter().any(is_answer) {
            route.reached();
        }
        let unreachable = results.iter().find_map(|result| {
            let error = result.as_ref().err()?;
            (error.disposition() == Disposition::Hold).then_some(error)
        });
        let unreachable =
            unreachable.map(|error| (error, route.hold().unanswered(&pass, &mut tries)));
        let mut wait = Duration::ZERO;
        let mut room = None;
        match &unreachable {
            Some((error, Unreachable::Wait(time))) => {
                route.note_unreachable(error);
                wait = *time;
            }
            Some((_, Unreachable::MakeRoom(time))) => room = Some(Settlement::NotDue(*time)),
            Some((_, Unreachable::Counts)) | None => {}
        }
        let counts = matches!(unreachable, Some((_, Unreachable::Counts)));
        drop(pass);
        open = Vec::new();
        let mut settlements = Vec::with_capacity(items.len());
        let mut receipts = Batch::of(route);
        for ((item, event), result) in items.into_iter().zip(events).zip(&results) {
            let settlement = judge(route, &item.envelope, &event, result, counts);
            if is_first || settlement.is_some() {
                receipts.add(&event, result, settlement.as_ref());
            }
            match settlement {
                Some(settlement) => settlements.push((item, settlement)),
                None => match &room {
                    Some(settlement) => settlements.push((item, settlement.clone())),
                    None => open.push(Open { item, event }),
                },
            }
        }
        is_first = false;
        if let Some((error, _)) = &unreachable {
            receipts.add_reason(error);
        }
        receipts.store().await;
        finish_all(route, &settlements).await;
        if !open.is_empty() {
            tokio::select! {
                () = route.stopping() => {}
                () = sleep(wait) => {}
            }
        }
    }
}

/// Whether the destination said something about the event, and goes on taking others.
fn is_answer(result: &Delivery) -> bool {
    match result {
        Ok(())
        | Err(
            DeliveryError::Unavailable { .. }
            | DeliveryError::Unauthorized { .. }
            | DeliveryError::Refused(_),
        ) => true,
        // These two were never sent.
        Err(DeliveryError::Unencodable(_) | DeliveryError::Unreadable(_)) => false,
        Err(DeliveryError::Unreachable(_) | DeliveryError::Gone { .. }) => false,
    }
}

/// What becomes of an event; `None` if it is tried again at once, because nothing was counted. `counts` says whether a
/// failure to connect was an attempt.
fn judge(
    route: &Route,
    envelope: &Envelope,
    event: &Event,
    result: &Delivery,
    counts: bool,
) -> Option<Settlement> {
    let Err(error) = result else { return Some(Settlement::Delivered) };
    if matches!(error, DeliveryError::Unauthorized { .. }) {
        route.refuse_credentials();
    }
    match error.disposition() {
        Disposition::Hold if counts => Some(after_failure(route, envelope, event, error, None)),
        Disposition::Hold => None,
        Disposition::Disable => {
            route.disable(event, error);
            Some(Settlement::Returned)
        }
        Disposition::Retry { after } => Some(after_failure(route, envelope, event, error, after)),
        Disposition::DeadLetter => Some(give_up(route, envelope, event, error)),
    }
}

async fn give_back(route: &Route, open: Vec<Open<'_>>) {
    let settlements: Vec<_> =
        open.into_iter().map(|open| (open.item, Settlement::Returned)).collect();
    finish_all(route, &settlements).await;
}

/// Finishes events that no sink has seen.
async fn finish_unseen(route: &Route, settlements: &[(&Item, Settlement)]) {
    let mut receipts = Batch::of(route);
    for (item, settlement) in settlements {
        receipts.add_unseen(&item.envelope, settlement);
    }
    receipts.store().await;
    finish_all(route, settlements).await;
}

async fn finish_all(route: &Route, settlements: &[(&Item, Settlement)]) {
    let (stored, acknowledged): (Vec<_>, Vec<_>) =
        settlements.iter().partition(|(_, settlement)| settlement.is_stored_first());
    // An acknowledgement waits for no answer; what waits for one waits together.
    for (item, settlement) in acknowledged {
        finish(route, item, settlement).await;
    }
    join_all(stored.into_iter().map(|(item, settlement)| finish(route, item, settlement))).await;
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

    fn disable(&self, event: &Event, error: &DeliveryError) {
        self.hold().disable();
        self.metrics().state.set(2);
        tracing::error!(
            route = self.name(), event = %EventKey::of(event), status = error.status(), error = %Chain(error),
            "the destination is gone for good; the route is disabled and keeps its events: change or remove it"
        );
    }
}
