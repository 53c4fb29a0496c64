//! What each topic has for itself, so that one cannot slow another: room for requests that wait, and metrics.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::gateway::Settings;
use crate::metrics::{GatewayMetrics, TopicMetrics, UNKNOWN};
use crate::rules::Rules;
use crate::topic::Acknowledge;

/// What a topic has for itself. It stays when rules change.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) metrics: TopicMetrics,
    /// Places of requests that wait for destinations.
    pub(crate) waiting: Semaphore,
}

/// A place of a request among those that may be somewhere at once.
pub(crate) struct Place<'a> {
    _permit: SemaphorePermit<'a>,
    taken: &'a Gauge<i64, AtomicI64>,
}

impl<'a> Place<'a> {
    /// A place, if one is free. `taken` counts those that are not.
    pub(crate) fn take(places: &'a Semaphore, taken: &'a Gauge<i64, AtomicI64>) -> Option<Self> {
        let permit = places.try_acquire().ok()?;
        taken.inc();
        Some(Self { _permit: permit, taken })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.taken.dec();
    }
}

/// The rules that are in use, and the lanes of their topics.
pub(crate) struct Table {
    pub(crate) rules: Arc<Rules>,
    lanes: HashMap<String, Arc<Lane>>,
    unknown: Arc<Lane>,
}

impl Table {
    /// For these rules; topics that were there `before` keep their lanes. All topics together leave some connections to
    /// requests that wait for nothing.
    pub(crate) fn new(
        rules: Rules,
        before: Option<&Self>,
        metrics: &GatewayMetrics,
        settings: &Settings,
    ) -> Self {
        let waits = |name: &&str| {
            let topic = rules.topic(name);
            topic.is_some_and(|governed| governed.topic.acknowledge == Acknowledge::Delivered)
        };
        let share = settings.max_connections / (rules.names().filter(waits).count() + 1);
        let max_waiting = settings.max_waiting.min(share).clamp(1, Semaphore::MAX_PERMITS);
        let new = |name: &str| {
            let waiting = Semaphore::new(max_waiting);
            Arc::new(Lane { metrics: metrics.topic(name), waiting })
        };
        let lane = |name: &str| {
            let known = before.and_then(|before| before.lanes.get(name));
            (name.to_owned(), known.map_or_else(|| new(name), Arc::clone))
        };
        Self {
            lanes: rules.names().map(lane).collect(),
            unknown: before.map_or_else(|| new(UNKNOWN), |before| Arc::clone(&before.unknown)),
            rules: Arc::new(rules),
        }
    }

    /// The lane of a topic; all that are not configured share one.
    pub(crate) fn lane(&self, topic: &str) -> &Arc<Lane> {
        self.lanes.get(topic).unwrap_or(&self.unknown)
    }
}
