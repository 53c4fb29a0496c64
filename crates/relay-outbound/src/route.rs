//! A route that runs: its settings, compiled, and the state that its deliveries share.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use async_nats::jetstream;
use event_bus_core::delivery::DeliveryError;
use event_bus_core::event::Event;
use event_bus_core::schedule::Schedule;
use event_bus_core::subject::Pattern;
use event_bus_runtime::bus::{Publisher, StreamsConfig};
use event_bus_runtime::{Bus, Clock};
use governor::DefaultDirectRateLimiter;
use time::OffsetDateTime;
use tokio::sync::{MutexGuard, Notify, Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

use crate::budget::Budget;
use crate::config::{BatchConfig, RouteConfig};
use crate::filter::Filter;
use crate::hold::{Hold, NoPass, Pass, RouteState};
use crate::incoming::{Envelope, Lane};
use crate::metrics::{Metrics, RouteMetrics};
use crate::objects::Objects;
use crate::receipts::Receipts;
use crate::relay::BuildError;
use crate::sinks::{CheckError, Delivery, Sink, SinkContext};
use crate::store::{Store, StreamNames};

/// A route.
#[derive(Debug)]
pub(crate) struct Route {
    config: RouteConfig,
    patterns: Vec<Pattern>,
    filter: Filter,
    schedule: Schedule,
    sink: Box<dyn Sink>,
    limiter: Option<DefaultDirectRateLimiter>,
    /// Bytes that may be under way, in units of [`BYTES_PER_PERMIT`].
    bytes: Semaphore,
    byte_permits: u32,
    hold: Hold,
    budget: Budget,
    objects: Objects,
    /// Whose data is fetched from the object store.
    claimed: tokio::sync::Mutex<()>,
    store: Store,
    receipts: Option<Receipts>,
    metrics: RouteMetrics,
    clock: Clock,
    bus: Bus,
    stop: CancellationToken,
    /// Told when the destination refuses the credentials.
    refused: Notify,
    /// When its consumers were made; they can be made anew while the route runs.
    incarnations: Mutex<[i128; 2]>,
}

/// A semaphore counts to 2^29 only; a kibibyte each reaches far enough.
const BYTES_PER_PERMIT: u64 = 1024;

/// What every route of a relay is built with.
#[derive(Debug)]
pub(crate) struct RouteContext<'a> {
    /// For its sink.
    pub sink: SinkContext<'a>,
    /// The bus.
    pub bus: &'a Bus,
    /// Names of the streams.
    pub names: &'a Arc<StreamNames>,
    /// Their settings.
    pub streams: &'a StreamsConfig,
    /// Whether the server fires schedules.
    pub schedules: bool,
    /// The relay's metrics.
    pub metrics: &'a Metrics,
}

impl Route {
    /// Compiles the settings; opens no connection.
    pub(crate) fn build(
        config: RouteConfig,
        context: &RouteContext<'_>,
        stop: CancellationToken,
    ) -> Result<Self, BuildError> {
        let invalid = |problem: String| BuildError::Route { route: config.name.clone(), problem };
        let patterns = config
            .subjects
            .iter()
            .map(|subject| Pattern::parse(subject).map_err(|error| invalid(error.to_string())))
            .collect::<Result<_, _>>()?;
        let filter = Filter::new(&config.types, &config.sources, config.filter.as_deref())
            .map_err(|error| invalid(error.to_string()))?;
        let schedule = config.retry.schedule().map_err(|error| invalid(error.to_string()))?;
        let sink = config
            .sink
            .settings()
            .build(&context.sink)
            .map_err(|source| BuildError::Sink { route: config.name.clone(), source })?;
        let store = Store::new(
            Publisher::new(context.bus.clone()),
            Arc::clone(context.names),
            context.schedules,
            config.dead_letter_prefix(),
        );
        let permits = (config.window_bytes.bytes() / BYTES_PER_PERMIT).clamp(1, 1 << 28);
        let byte_permits = u32::try_from(permits).unwrap_or(u32::MAX);
        Ok(Self {
            metrics: context.metrics.route(&config.name, config.sink.settings().kind()),
            patterns,
            filter,
            schedule,
            limiter: config.rate.map(|rate| governor::RateLimiter::direct(rate.even())),
            bytes: Semaphore::new(byte_permits as usize),
            byte_permits,
            hold: Hold::new(),
            budget: Budget::new(config.retry.max_bytes.bytes()),
            objects: context.sink.objects.clone(),
            claimed: tokio::sync::Mutex::default(),
            store,
            receipts: config
                .receipts
                .then(|| Receipts::new(&config.name, context.bus, context.streams)),
            sink,
            clock: context.sink.clock.clone(),
            bus: context.bus.clone(),
            stop,
            refused: Notify::new(),
            incarnations: Mutex::default(),
            config,
        })
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.config.name
    }

    /// Its settings.
    pub(crate) fn config(&self) -> &RouteConfig {
        &self.config
    }

    /// Its filter.
    pub(crate) fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Its schedule.
    pub(crate) fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// Where its records go.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Its receipts, if somebody wants them.
    pub(crate) fn receipts(&self) -> Option<&Receipts> {
        self.receipts.as_ref()
    }

    /// Whether it delivers.
    pub(crate) fn hold(&self) -> &Hold {
        &self.hold
    }

    /// What its retries may occupy.
    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Data of events that lies in the object store.
    pub(crate) fn objects(&self) -> &Objects {
        &self.objects
    }

    /// Waits until no other event of the route is in memory with data from the object store.
    pub(crate) async fn turn_for_claimed(&self) -> MutexGuard<'_, ()> {
        self.claimed.lock().await
    }

    /// Its metrics.
    pub(crate) fn metrics(&self) -> &RouteMetrics {
        &self.metrics
    }

    /// The bus.
    pub(crate) fn bus(&self) -> &Bus {
        &self.bus
    }

    /// JetStream on the bus.
    pub(crate) fn jetstream(&self) -> &jetstream::Context {
        self.bus.jetstream()
    }

    /// The present time.
    pub(crate) fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    /// Events that may be under way, for each of its two consumers.
    pub(crate) fn window(&self) -> NonZeroU32 {
        self.config.window
    }

    /// Tells the consumer of a lane from its predecessors of the same name.
    pub(crate) fn incarnation(&self, lane: Lane) -> i128 {
        self.incarnations.lock().unwrap_or_else(PoisonError::into_inner)[lane as usize]
    }

    /// The consumer of a lane, as it is now.
    pub(crate) fn set_incarnation(&self, lane: Lane, created: OffsetDateTime) {
        let mut incarnations = self.incarnations.lock().unwrap_or_else(PoisonError::into_inner);
        incarnations[lane as usize] = created.unix_timestamp_nanos();
    }

    /// Resolves when the route is to stop.
    pub(crate) async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// Whether the route is to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// The destination refused the credentials: their secrets may have been replaced.
    pub(crate) fn refuse_credentials(&self) {
        self.refused.notify_one();
    }

    /// Resolves when the destination has refused the credentials.
    pub(crate) async fn credentials_refused(&self) {
        self.refused.notified().await;
    }

    /// Whether a subject is one of its own.
    pub(crate) fn subscribes_to(&self, subject: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(subject))
    }

    /// Waits until there is room for the retries of new events. `false` if the route stops.
    pub(crate) async fn room(&self) -> bool {
        tokio::select! {
            biased;
            () = self.stopping() => false,
            () = self.budget.room() => true,
        }
    }

    /// Waits until there is room for the bytes of events. `None` if the route stops.
    pub(crate) async fn admit<'a>(
        &self,
        envelopes: impl Iterator<Item = &'a Envelope>,
    ) -> Option<SemaphorePermit<'_>> {
        let bytes = envelopes.map(|envelope| envelope.payload.len() as u64);
        let wanted: u64 = bytes.map(|bytes| bytes.div_ceil(BYTES_PER_PERMIT).max(1)).sum();
        // What is larger than the whole window takes all of it.
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX).min(self.byte_permits);
        tokio::select! {
            biased;
            () = self.stopping() => None,
            permit = self.bytes.acquire_many(wanted) => permit.ok(),
        }
    }

    /// Waits until `count` events may be tried, for the route's rate, and for that of the destination.
    pub(crate) async fn enter(&self, count: usize) -> Result<Pass<'_>, NoPass> {
        let count = u32::try_from(count).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN);
        loop {
            let mut pass = self.hold.enter().await?;
            let turn = async {
                if let Some(limiter) = &self.limiter {
                    // It has room for them at once, because a batch is never larger than the rate of a second.
                    limiter.until_n_ready(count).await.ok();
                }
                self.sink.turn().await;
            };
            let mut state = self.hold.watch();
            tokio::select! {
                biased;
                () = turn => {}
                // The probe must not queue behind those that may not be tried.
                _ = state.wait_for(|state| *state != RouteState::Open), if !pass.is_probe() => continue,
            }
            // A hold may have begun while it waited; only a probe is tried then.
            if pass.is_probe() || self.hold.state() == RouteState::Open {
                pass.begin();
                return Ok(pass);
            }
        }
    }

    /// How many events are handed to the sink at once, and how long they may wait for each other.
    pub(crate) fn batch(&self) -> BatchConfig {
        let largest = self.config.sink.settings().largest_batch();
        let mut batch = self.config.batch.unwrap_or_else(|| BatchConfig::usual(largest));
        batch.max_events = batch.max_events.min(self.config.window);
        if let Some(rate) = self.config.rate {
            batch.max_events = batch.max_events.min(rate.even().burst_size());
        }
        batch
    }

    /// Delivers events once; one result for each.
    pub(crate) async fn try_once(&self, events: &[Event]) -> Vec<Delivery> {
        let mut results = self.sink.deliver(events).await;
        // A sink that gives no result for an event has confirmed nothing.
        results.resize_with(events.len(), || DeliveryError::from_status(500, None));
        results
    }

    /// Whether the destination could take events.
    pub(crate) async fn check(&self) -> Result<String, CheckError> {
        self.sink.check().await
    }

    /// Ends what the sink runs.
    pub(crate) async fn close(&self) {
        self.sink.close().await;
    }
}
