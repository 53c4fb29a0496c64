//! Takes messages from a route's consumers, in the order of the stream, and hands each batch to a task of its own.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Subscriber;
use async_nats::jetstream::Message;
use event_bus_core::Chain;
use event_bus_core::wire;
use futures_util::StreamExt as _;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

use crate::delivery::handle;
use crate::hold::{PROBERS, RouteState};
use crate::incoming::Lane;
use crate::route::Route;
use crate::settle;

/// How long the client may take to subscribe or to end that; while the bus is away for long, it has no room for either.
const CLIENT_WITHIN: Duration = Duration::from_secs(2);

/// Wait between two tries to subscribe.
const SUBSCRIBE_AGAIN: Duration = Duration::from_secs(1);

/// Takes messages until the route stops, and none while it is disabled; then finishes what is under way, within `grace`.
///
/// Messages under way at once are bounded by the consumer's `max_ack_pending`; `limit` is that number, and keeps it true
/// even for a server that delivers more. While the route holds, it takes nothing but the few messages that it needs to
/// find out whether the destination is back: another replica may reach it, and must not wait for what lies here.
pub(crate) async fn run(
    route: Arc<Route>,
    lane: Lane,
    stream: String,
    limit: usize,
    grace: Duration,
) {
    let mut tasks = JoinSet::new();
    let room = Arc::new(Semaphore::new(limit));
    let batch = route.batch();
    let mut state = route.hold().watch();
    let mut subscriber = None;
    loop {
        let present = *state.borrow_and_update();
        let takes = match present {
            RouteState::Open => true,
            RouteState::Held => route.metrics().in_flight.get() < PROBERS as i64,
            RouteState::Disabled => false,
        };
        subscriber = match (subscriber, takes) {
            (None, true) => subscribe(&route, &stream).await,
            (Some(subscriber), false) => {
                give_back_unread(&route, subscriber).await;
                None
            }
            (unchanged, _) => unchanged,
        };
        tokio::select! {
            biased;
            () = route.stopping() => break,
            changed = state.changed() => if changed.is_err() { break },
            Some(ended) = tasks.join_next() => note_panic(&route, ended),
            message = next(&mut subscriber), if room.available_permits() > 0 => match message {
                Some(message) if message.status.is_some() => {}
                Some(message) => {
                    // A destination that is away is probed with one event.
                    let most = if present == RouteState::Open { batch.max_events.get() as usize } else { 1 };
                    let most = most.min(room.available_permits());
                    let mut messages = vec![message];
                    if most > 1 {
                        tokio::select! {
                            () = route.stopping() => {}
                            _ = state.changed() => state.mark_changed(),
                            () = fill(&mut messages, &mut subscriber, most, batch.max_wait) => {}
                        }
                    }
                    spawn(&mut tasks, &route, lane, messages, &room);
                }
                None => subscriber = None,
            }
        }
    }
    if let Some(subscriber) = subscriber {
        give_back_unread(&route, subscriber).await;
    }
    finish(&route, tasks, grace).await;
}

/// Subscribes to the consumer's deliveries, in the group that all replicas of the relay share.
async fn subscribe(route: &Route, stream: &str) -> Option<Subscriber> {
    let subject = wire::deliver_subject(stream, route.name());
    let subscribed = route.bus().client().queue_subscribe(subject, route.name().to_owned());
    match timeout(CLIENT_WITHIN, subscribed).await {
        Ok(Ok(subscriber)) => Some(subscriber),
        Ok(Err(error)) => {
            tracing::error!(route = route.name(), error = %Chain(&error), "subscribing failed; trying again");
            None
        }
        Err(_) => None,
    }
}

/// The next message; without a subscription, nothing after a while.
async fn next(subscriber: &mut Option<Subscriber>) -> Option<async_nats::Message> {
    match subscriber {
        Some(subscriber) => subscriber.next().await,
        None => {
            tokio::time::sleep(SUBSCRIBE_AGAIN).await;
            None
        }
    }
}

/// Adds what follows, in the order of the stream, until there are `most` messages or the time is over.
async fn fill(
    messages: &mut Vec<async_nats::Message>,
    subscriber: &mut Option<Subscriber>,
    most: usize,
    max_wait: Duration,
) {
    let deadline = Instant::now() + max_wait;
    while messages.len() < most {
        match timeout_at(deadline, next(subscriber)).await {
            Ok(Some(message)) if message.status.is_some() => {}
            Ok(Some(message)) => messages.push(message),
            Ok(None) => {
                *subscriber = None;
                return;
            }
            Err(_) => return,
        }
    }
}

fn spawn(
    tasks: &mut JoinSet<()>,
    route: &Arc<Route>,
    lane: Lane,
    messages: Vec<async_nats::Message>,
    room: &Arc<Semaphore>,
) {
    let route = Arc::clone(route);
    let under_way = UnderWay::begin(&route, messages.len(), room);
    tasks.spawn(async move {
        let with_context = |message| Message { message, context: route.jetstream().clone() };
        let messages = messages.into_iter().map(with_context).collect();
        handle(&route, messages, lane).await;
        drop(under_way);
    });
}

/// Counts messages for as long as they are handled, however that ends.
struct UnderWay {
    gauge: Gauge,
    count: i64,
    _room: Option<OwnedSemaphorePermit>,
}

impl UnderWay {
    fn begin(route: &Route, messages: usize, room: &Arc<Semaphore>) -> Self {
        let gauge = route.metrics().in_flight.clone();
        let count = i64::try_from(messages).unwrap_or(i64::MAX);
        gauge.inc_by(count);
        let permits = u32::try_from(messages).unwrap_or(u32::MAX);
        // Nobody else takes from the room, so what was available still is.
        Self { gauge, count, _room: Arc::clone(room).try_acquire_many_owned(permits).ok() }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.gauge.dec_by(self.count);
    }
}

/// What was delivered but not read goes back at once, so that another replica need not wait for it. A message that the
/// server sends in the instant of the end reaches nobody and comes again after `ack_wait`.
async fn give_back_unread(route: &Route, mut subscriber: Subscriber) {
    let deadline = Instant::now() + CLIENT_WITHIN;
    if !matches!(timeout_at(deadline, subscriber.drain()).await, Ok(Ok(()))) {
        tracing::debug!(route = route.name(), "the subscription could not be ended");
        return;
    }
    while let Ok(Some(message)) = timeout_at(deadline, subscriber.next()).await {
        let message = Message { message, context: route.jetstream().clone() };
        if let Err(error) = settle::give_back(&message).await {
            tracing::debug!(route = route.name(), error = %Chain(&error), "a message could not be given back");
            return;
        }
    }
}

async fn finish(route: &Route, mut tasks: JoinSet<()>, grace: Duration) {
    let deadline = Instant::now() + grace;
    while !tasks.is_empty() {
        match timeout_at(deadline, tasks.join_next()).await {
            Ok(Some(ended)) => note_panic(route, ended),
            Ok(None) => break,
            Err(_) => {
                let left = tasks.len();
                tracing::warn!(
                    route = route.name(),
                    left,
                    "deliveries did not end in time; they will be repeated"
                );
                tasks.shutdown().await;
            }
        }
    }
}

/// A task that panicked has settled nothing: its message comes again, and is given up if it always ends like this.
fn note_panic(route: &Route, ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(route = route.name(), error = %Chain(&error), "handling an event panicked");
    }
}
