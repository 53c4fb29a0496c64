//! Stores receipts: what became of each event of a route, for those who wait for it.
//!
//! A receipt that cannot be stored costs a producer one answer; an event that is not settled costs a duplicate, or stops
//! the route. So receipts are tried for a while and then given up, and what was decided of the event stands.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::jetstream::context::CreateKeyValueError;
use async_nats::jetstream::kv;
use bytes::Bytes;
use event_bus_core::Chain;
use event_bus_core::delivery::DeliveryError;
use event_bus_core::event::Event;
use event_bus_core::key::EventKey;
use event_bus_core::wire::receipt::{self, Outcome, Receipt, RouteReceipt};
use event_bus_runtime::Bus;
use event_bus_runtime::bus::{Outgoing, PublishError, Publisher, StreamRole, StreamsConfig};
use futures_util::future::join_all;
use serde::Serialize;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use crate::hold::RouteState;
use crate::incoming::Envelope;
use crate::route::Route;
use crate::settle::Settlement;
use crate::sinks::Delivery;

/// How long one try to store a receipt may take.
const TRY_WITHIN: Duration = Duration::from_secs(1);

/// How long receipts are tried while the bus is there: longer than a failover of a replicated stream.
const PATIENCE: Duration = Duration::from_secs(6);

/// Wait between two tries.
const TRY_AGAIN: Duration = Duration::from_millis(250);

/// Wait between two looks at a bucket that does not take receipts.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How long one look may take.
const LOOK_WITHIN: Duration = Duration::from_secs(5);

/// Longest time between two times that a state is stored.
const STATE_EVERY: Duration = Duration::from_secs(600);

/// Shortest time between two reasons that are stored of one state.
const REASON_EVERY: Duration = Duration::from_secs(5);

/// The receipts of a route that has some.
#[derive(Debug)]
pub(crate) struct Receipts {
    route: String,
    publisher: Publisher,
    bus: Bus,
    streams: StreamsConfig,
    /// Whether the route delivers, and why not.
    state: watch::Sender<Noted>,
    /// The last receipts were lost.
    is_failing: AtomicBool,
    /// Told when a receipt could not be stored.
    failed: Notify,
}

/// Whether a route delivers, and why not.
#[derive(Clone, Debug)]
struct Noted {
    state: RouteState,
    detail: String,
    since: Instant,
}

/// The receipts of a batch.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    route: &'a Route,
    found: Vec<(EventKey, Receipt)>,
    failure: Option<String>,
}

impl<'a> Batch<'a> {
    /// Nothing yet.
    pub(crate) fn of(route: &'a Route) -> Self {
        Self { route, found: Vec::new(), failure: None }
    }

    /// What the sink said of an event, and what follows: nothing, if it is tried again at once.
    pub(crate) fn add(&mut self, event: &Event, result: &Delivery, follows: Option<&Settlement>) {
        if self.route.receipts().is_none() {
            return;
        }
        let receipt = match result {
            Ok(()) => Receipt::done(Outcome::Delivered),
            Err(error) => {
                let outcome = match follows {
                    Some(Settlement::DeadLetter(_)) => Outcome::DeadLettered,
                    Some(Settlement::Retry(_)) => Outcome::Retrying,
                    Some(
                        Settlement::Delivered
                        | Settlement::Filtered
                        | Settlement::NotDue(_)
                        | Settlement::Returned,
                    )
                    | None => Outcome::Waiting,
                };
                let detail = Chain(error).to_string();
                let receipt = Receipt::failed(outcome, error.status(), &detail);
                self.failure = Some(detail);
                receipt
            }
        };
        self.found.push((EventKey::of(event), receipt));
    }

    /// Why the destination is away, also where no receipt is due.
    pub(crate) fn add_reason(&mut self, error: &DeliveryError) {
        self.failure = Some(Chain(error).to_string());
    }

    /// What became of an event that no sink has seen.
    pub(crate) fn add_unseen(&mut self, envelope: &Envelope, settlement: &Settlement) {
        if self.route.receipts().is_none() {
            return;
        }
        let receipt = match settlement {
            // Nobody waits for a subject that the route does not carry.
            Settlement::Filtered if !self.route.subscribes_to(&envelope.origin.subject) => return,
            Settlement::Filtered => Receipt::done(Outcome::Filtered),
            Settlement::DeadLetter(letter) => {
                Receipt::failed(Outcome::DeadLettered, letter.status, &letter.detail)
            }
            Settlement::Delivered
            | Settlement::Retry(_)
            | Settlement::NotDue(_)
            | Settlement::Returned => return,
        };
        self.found.extend(envelope.key().map(|key| (key, receipt)));
    }

    /// Stores them, or gives up after a while.
    pub(crate) async fn store(self) {
        let Some(receipts) = self.route.receipts() else { return };
        let state = self.route.hold().state();
        // Why a route does not deliver, only a failure can tell.
        if state == RouteState::Open || self.failure.is_some() {
            receipts.note_state(state, self.failure.unwrap_or_default());
        }
        receipts.put_all(self.route, self.found).await;
    }
}

impl Receipts {
    /// Those of one route.
    pub(crate) fn new(route: &str, bus: &Bus, streams: &StreamsConfig) -> Self {
        Self {
            route: route.to_owned(),
            publisher: Publisher::new(bus.clone()),
            bus: bus.clone(),
            streams: streams.clone(),
            state: watch::Sender::new(Noted {
                state: RouteState::Open,
                detail: String::new(),
                since: Instant::now(),
            }),
            is_failing: AtomicBool::new(false),
            failed: Notify::new(),
        }
    }

    /// Makes the bucket if it is not there.
    pub(crate) async fn provide(&self) -> Result<(), CreateKeyValueError> {
        let jetstream = self.bus.jetstream();
        if jetstream.get_key_value(receipt::BUCKET).await.is_ok() {
            return Ok(());
        }
        let config = kv::Config {
            bucket: receipt::BUCKET.to_owned(),
            description: "What became of events on routes of Event Bus Bridge".to_owned(),
            max_age: self.max_age(),
            num_replicas: self.streams.replicas(StreamRole::Events),
            ..kv::Config::default()
        };
        jetstream.create_key_value(config).await.map(|_| ())
    }

    /// Stores the state of the route whenever it changes, and makes the bucket again if it is gone, until the route stops.
    ///
    /// That a route does not deliver is stored again before the bucket forgets it. That it delivers is not: a route of which
    /// nothing is known does, and another replica may know better.
    pub(crate) async fn keep(&self, route: &Route) {
        let mut states = self.state.subscribe();
        let before_it_is_forgotten = (self.max_age() / 4).min(STATE_EVERY);
        loop {
            let Noted { state, detail, .. } = states.borrow_and_update().clone();
            let receipt = RouteReceipt { delivers: state == RouteState::Open, detail };
            let stored = self.put(&receipt::route_key(&self.route), &receipt).await;
            if let Err(error) = &stored {
                tracing::debug!(route = self.route, error = %Chain(error), "the state of a route could not be stored");
                self.provide_again().await;
            }
            tokio::select! {
                () = route.stopping() => return,
                // The sender is part of `self`.
                _ = states.changed() => {}
                () = self.failed.notified() => {
                    self.provide_again().await;
                    sleep(LOOK_AGAIN).await;
                }
                () = sleep(LOOK_AGAIN), if stored.is_err() => {}
                () = sleep(before_it_is_forgotten), if state != RouteState::Open => {}
            }
        }
    }

    /// Whether the route delivers, from now on, and why not; a further reason only if the last one was there for a while.
    fn note_state(&self, state: RouteState, detail: String) {
        self.state.send_if_modified(|noted| {
            let is_further = state != RouteState::Open && noted.detail != detail;
            let is_news =
                noted.state != state || is_further && noted.since.elapsed() >= REASON_EVERY;
            if is_news {
                *noted = Noted { state, detail, since: Instant::now() };
            }
            is_news
        });
    }

    /// Receipts are kept as long as the stream of events knows a repeated event.
    fn max_age(&self) -> Duration {
        self.streams.duplicate_window(StreamRole::Events)
    }

    async fn provide_again(&self) {
        match timeout(LOOK_WITHIN, self.provide()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::debug!(route = self.route, error = %Chain(&error), "the bucket of receipts cannot be made");
            }
            Err(_) => {
                tracing::debug!(route = self.route, "the bucket of receipts cannot be looked at")
            }
        }
    }

    async fn put_all(&self, route: &Route, mut found: Vec<(EventKey, Receipt)>) {
        // Those after the first that were lost are not worth a wait.
        let patience =
            if self.is_failing.load(Ordering::Relaxed) { Duration::ZERO } else { PATIENCE };
        let mut deadline = Instant::now() + patience;
        while !found.is_empty() {
            let stored = join_all(found.iter().map(|(event, receipt)| async {
                self.put(&receipt::key(event, &self.route), receipt).await
            }));
            let stored = stored.await;
            let mut each = stored.iter();
            found.retain(|_| each.next().is_some_and(Result::is_err));
            let Some(error) = stored.iter().find_map(|each| each.as_ref().err()) else {
                if self.is_failing.swap(false, Ordering::Relaxed) {
                    tracing::info!(route = self.route, "receipts are stored again");
                }
                return;
            };
            self.failed.notify_one();
            if !self.bus.connected() {
                // Nothing can be settled meanwhile either.
                deadline = Instant::now() + patience;
            }
            if route.is_stopping() || Instant::now() >= deadline {
                return self.lose(route, found.len(), error);
            }
            tokio::select! {
                () = route.stopping() => {}
                () = sleep(TRY_AGAIN) => {}
            }
        }
    }

    fn lose(&self, route: &Route, count: usize, error: &PublishError) {
        route.metrics().receipts_lost.inc_by(count as u64);
        if !self.is_failing.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                route = self.route, error = %Chain(error),
                "receipts cannot be stored and are lost; events are delivered all the same, and those who wait for them hear nothing"
            );
        }
    }

    async fn put(&self, key: &str, value: &impl Serialize) -> Result<(), PublishError> {
        let payload = serde_json::to_vec(value).unwrap_or_default();
        let outgoing = Outgoing {
            subject: receipt::subject(key).into(),
            headers: &[],
            payload: Bytes::from(payload),
            // A newer receipt replaces an older one, whatever they say.
            dedup_id: &Uuid::new_v4().to_string(),
            stream: receipt::STREAM,
        };
        self.publisher.publish(outgoing, Instant::now() + TRY_WITHIN).await.map(|_| ())
    }
}
