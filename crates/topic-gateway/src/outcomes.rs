//! What became of an event on its routes: receipts of the relays, as they are stored, and those that were stored before.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use async_nats::jetstream::context::KeyValueError;
use async_nats::jetstream::kv::Store;
use bytes::Bytes;
use event_bus_core::Chain;
use event_bus_core::key::EventKey;
use event_bus_core::wire::receipt::{self, Receipt, RouteReceipt};
use event_bus_runtime::Bus;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};

use crate::bucket::is_missing;

/// Wait before the bucket is looked for again.
const AGAIN: Duration = Duration::from_secs(1);

/// How long the receipt of a route that does not deliver is waited for: another replica may reach the destination.
const HELD_PATIENCE: Duration = Duration::from_millis(500);

/// Time to read receipts when nobody waits for more of them.
const READ_WITHIN: Duration = Duration::from_secs(1);

/// Receipts that may wait in one request; a route has few.
const ROOM: usize = 64;

/// Hears receipts and hands them to the requests that wait for them. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Outcomes(Arc<Shared>);

/// Where a request hears of routes and their receipts.
type Told = mpsc::Sender<(String, Receipt)>;

#[derive(Debug)]
struct Shared {
    bus: Bus,
    /// Routes that somebody waits for.
    routes: ArcSwap<Vec<String>>,
    /// Requests that wait, by the id of their event.
    waiting: Mutex<HashMap<String, Vec<Told>>>,
    /// Routes that do not deliver, with the reason.
    held: Mutex<HashMap<String, String>>,
}

/// What is known of an event on one route when the time is up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// This receipt.
    Receipt(Receipt),
    /// The route does not deliver now, for this reason; the event waits.
    Held(String),
    /// Nothing yet.
    Nothing,
}

/// One request that waits for receipts.
#[derive(Debug)]
pub struct Waiter {
    outcomes: Outcomes,
    id: String,
    receipts: mpsc::Receiver<(String, Receipt)>,
}

impl Outcomes {
    /// Hears nothing until [`Outcomes::run`].
    pub fn new(bus: Bus, routes: Vec<String>) -> Self {
        let (waiting, held) = (Mutex::default(), Mutex::default());
        Self(Arc::new(Shared { bus, routes: ArcSwap::from_pointee(routes), waiting, held }))
    }

    /// Somebody waits for these routes from now on. A new one is taken to deliver until it says otherwise.
    pub fn replace_routes(&self, routes: Vec<String>) {
        self.0.routes.store(Arc::new(routes));
    }

    /// Hears receipts for ever.
    pub async fn run(&self) {
        loop {
            if let Err(error) = self.hear().await {
                tracing::warn!(error = %Chain(&*error), "receipts cannot be heard now; trying again");
            }
            sleep(AGAIN).await;
        }
    }

    async fn hear(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        // The subjects by which the bucket stores, so that one message is both kept and heard.
        let mut heard = self.0.bus.client().subscribe(receipt::subject(">")).await?;
        let mut connection = self.0.bus.connection();
        connection.mark_unchanged();
        self.read_routes().await?;
        loop {
            tokio::select! {
                message = heard.next() => match message {
                    Some(message) => self.note(message.subject.as_str(), &message.payload),
                    None => return Ok(()),
                },
                // The subscription outlives a connection, and what was said meanwhile is missing.
                Ok(()) = connection.changed() => {
                    if *connection.borrow_and_update() {
                        self.read_routes().await?;
                    }
                }
            }
        }
    }

    /// Reads what was said of routes before; a bucket that no relay has made yet says nothing.
    async fn read_routes(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let bucket = match self.bucket().await {
            Ok(bucket) => Some(bucket),
            Err(error) if is_missing(&error) => None,
            Err(error) => return Err(error.into()),
        };
        for route in self.0.routes.load_full().iter() {
            let value = match &bucket {
                Some(bucket) => bucket.get(receipt::route_key(route)).await?,
                None => None,
            };
            match value {
                Some(value) => self.note_route(route, &value),
                None => drop(self.held_routes().remove(route)),
            }
        }
        Ok(())
    }

    fn note(&self, subject: &str, payload: &Bytes) {
        let prefix = receipt::subject("");
        let Some((id, route)) = subject.strip_prefix(&prefix).and_then(|key| key.split_once('.'))
        else {
            return;
        };
        if id == "route" {
            return self.note_route(route, payload);
        }
        let Ok(receipt) = serde_json::from_slice::<Receipt>(payload) else { return };
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(senders) = waiting.get_mut(id) {
            // One that has heard enough hears no more.
            senders.retain(|sender| sender.try_send((route.to_owned(), receipt.clone())).is_ok());
        }
    }

    fn note_route(&self, route: &str, payload: &[u8]) {
        let Ok(state) = serde_json::from_slice::<RouteReceipt>(payload) else { return };
        let mut held = self.held_routes();
        if state.delivers {
            held.remove(route);
        } else {
            held.insert(route.to_owned(), state.detail);
        }
    }

    fn held(&self, route: &str) -> Option<String> {
        self.held_routes().get(route).cloned()
    }

    fn held_routes(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn bucket(&self) -> Result<Store, KeyValueError> {
        self.0.bus.jetstream().get_key_value(receipt::BUCKET).await
    }

    /// Begins to wait for the receipts of an event; before it is published, so that none is missed.
    pub fn wait_for(&self, event: &EventKey) -> Waiter {
        let id = event.message_id();
        let (sender, receipts) = mpsc::channel(ROOM);
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.entry(id.clone()).or_default().push(sender);
        Waiter { outcomes: self.clone(), id, receipts }
    }
}

impl Waiter {
    /// What is known of the event on each of these routes. It waits until the deadline at the latest, and then reads once
    /// what it may have missed. `was_there` says that the event was stored before, so that its receipts may have been
    /// stored before as well.
    pub async fn outcome(
        mut self,
        routes: &[String],
        was_there: bool,
        deadline: Instant,
    ) -> Vec<Known> {
        let mut known = vec![Known::Nothing; routes.len()];
        if was_there {
            let read = timeout_at(deadline, self.read(routes)).await;
            known = read.unwrap_or(known);
        }
        while known.contains(&Known::Nothing) {
            let until = deadline.min(Instant::now() + HELD_PATIENCE);
            match timeout_at(until, self.receipts.recv()).await {
                Ok(Some((route, receipt))) => {
                    if let Some(index) = routes.iter().position(|wanted| *wanted == route) {
                        known[index] = Known::Receipt(receipt);
                    }
                }
                Err(_) if until < deadline => {
                    let missing = routes.iter().zip(&known);
                    let mut missing = missing.filter(|(_, known)| **known == Known::Nothing);
                    if missing.all(|(route, _)| self.outcomes.held(route).is_some()) {
                        break;
                    }
                }
                Ok(None) | Err(_) => break,
            }
        }
        if known.contains(&Known::Nothing) {
            let read = timeout_at(Instant::now() + READ_WITHIN, self.read(routes)).await;
            for (known, read) in known.iter_mut().zip(read.unwrap_or_default()) {
                if *known == Known::Nothing {
                    *known = read;
                }
            }
        }
        for (route, known) in routes.iter().zip(&mut known) {
            if *known == Known::Nothing
                && let Some(reason) = self.outcomes.held(route)
            {
                *known = Known::Held(reason);
            }
        }
        known
    }

    /// What is known of the event now. `was_there` as above.
    pub async fn known(self, routes: &[String], was_there: bool) -> Vec<Known> {
        let nothing = || vec![Known::Nothing; routes.len()];
        if !was_there {
            return nothing();
        }
        timeout_at(Instant::now() + READ_WITHIN, self.read(routes))
            .await
            .unwrap_or_else(|_| nothing())
    }

    /// Receipts that were stored before.
    async fn read(&self, routes: &[String]) -> Vec<Known> {
        let Ok(bucket) = self.outcomes.bucket().await else {
            return vec![Known::Nothing; routes.len()];
        };
        let keys = routes.iter().map(|route| format!("{}.{route}", self.id));
        let found = join_all(keys.map(|key| bucket.get(key))).await;
        let receipt = |value: Bytes| serde_json::from_slice(&value).ok().map(Known::Receipt);
        found
            .into_iter()
            .map(|value| value.ok().flatten().and_then(receipt).unwrap_or(Known::Nothing))
            .collect()
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.receipts.close();
        let shared = &self.outcomes.0;
        let mut waiting = shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(senders) = waiting.get_mut(&self.id) {
            senders.retain(|sender| !sender.is_closed());
            if senders.is_empty() {
                waiting.remove(&self.id);
            }
        }
    }
}
