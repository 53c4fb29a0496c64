//! Stores receipts: what became of each event of a route, for those who wait for it.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use async_nats::jetstream::context::CreateKeyValueError;
use async_nats::jetstream::kv;
use bytes::Bytes;
use event_bus_core::Chain;
use event_bus_core::event::Event;
use event_bus_core::key::EventKey;
use event_bus_core::wire::receipt::{self, Outcome, Receipt, RouteReceipt};
use event_bus_runtime::Bus;
use event_bus_runtime::bus::{Outgoing, Publisher, StreamRole, StreamsConfig};
use futures_util::future::join_all;
use serde::Serialize;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::delivery::SETTLE_AGAIN;
use crate::hold::RouteState;
use crate::route::Route;
use crate::settle::Settlement;
use crate::sinks::Delivery;

/// How long one store may take.
const STORE_WITHIN: Duration = Duration::from_secs(5);

/// No state was stored yet; beyond the values of [`RouteState`].
const UNKNOWN: u8 = u8::MAX;

/// The receipts of a route that has some.
#[derive(Debug)]
pub(crate) struct Receipts {
    route: String,
    publisher: Publisher,
    state: AtomicU8,
}

/// Makes the bucket if it is not there.
pub(crate) async fn provide(bus: &Bus, streams: &StreamsConfig) -> Result<(), CreateKeyValueError> {
    let config = kv::Config {
        bucket: receipt::BUCKET.to_owned(),
        description: "What became of events on routes of Event Bus Bridge".to_owned(),
        max_age: streams.duplicate_window(StreamRole::Events),
        num_replicas: streams.replicas(StreamRole::Events),
        ..kv::Config::default()
    };
    if bus.jetstream().get_key_value(receipt::BUCKET).await.is_ok() {
        return Ok(());
    }
    bus.jetstream().create_key_value(config).await.map(|_| ())
}

/// Tells that an event is not for a route.
pub(crate) async fn note_filtered(route: &Route, event: &Event) {
    if let Some(receipts) = route.receipts() {
        receipts
            .put(
                &receipt::key(&EventKey::of(event), &receipts.route),
                &Receipt::done(Outcome::Filtered),
            )
            .await;
    }
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

    /// Stores them, again and again while the bus is away. `false` if the route stops before.
    pub(crate) async fn store(mut self) -> bool {
        let Some(receipts) = self.route.receipts() else { return true };
        receipts
            .note_state(self.route.hold().state(), self.failure.as_deref().unwrap_or_default())
            .await;
        loop {
            let stored = join_all(self.found.iter().map(|(event, receipt)| async {
                receipts.put(&receipt::key(event, &receipts.route), receipt).await
            }));
            let stored = stored.await;
            let mut stored = stored.iter();
            self.found.retain(|_| stored.next() == Some(&false));
            if self.found.is_empty() {
                return true;
            }
            tokio::select! {
                () = self.route.stopping() => return false,
                () = sleep(SETTLE_AGAIN) => {}
            }
        }
    }
}

impl Receipts {
    /// Those of one route.
    pub(crate) fn new(route: &str, bus: &Bus) -> Self {
        Self {
            route: route.to_owned(),
            publisher: Publisher::new(bus.clone()),
            state: AtomicU8::new(UNKNOWN),
        }
    }

    /// Stores whether the route delivers, if that has changed.
    pub(crate) async fn note_state(&self, state: RouteState, detail: &str) {
        if self.state.swap(state as u8, Ordering::Relaxed) == state as u8 {
            return;
        }
        let delivers = state == RouteState::Open;
        let receipt = RouteReceipt { delivers, detail: detail.to_owned() };
        if !self.put(&receipt::route_key(&self.route), &receipt).await {
            self.state.store(UNKNOWN, Ordering::Relaxed);
        }
    }

    /// `false` if the bus does not take it now.
    async fn put(&self, key: &str, value: &impl Serialize) -> bool {
        let payload = serde_json::to_vec(value).unwrap_or_default();
        let outgoing = Outgoing {
            subject: receipt::subject(key).into(),
            headers: &[],
            payload: Bytes::from(payload),
            // A newer receipt replaces an older one, whatever they say.
            dedup_id: &Uuid::new_v4().to_string(),
            stream: receipt::STREAM,
        };
        match self.publisher.publish(outgoing, Instant::now() + STORE_WITHIN).await {
            Ok(_) => true,
            Err(error) => {
                tracing::warn!(route = self.route, key, error = %Chain(&error), "a receipt could not be stored");
                false
            }
        }
    }
}
