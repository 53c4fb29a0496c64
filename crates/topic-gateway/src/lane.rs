//! What each topic has for itself, so that one cannot slow another: room for requests that wait, and metrics.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::metrics::{GatewayMetrics, TopicMetrics, UNKNOWN};
use crate::rules::Rules;
use crate::settings::Settings;
use crate::topic::Acknowledge;

/// What a topic has for itself. It stays when rules change.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) metrics: TopicMetrics,
    /// Places of requests that wait for destinations.
    pub(crate) waiting: Semaphore,
    /// How many places there are, those that are taken among them.
    places: AtomicUsize,
}

/// A place of a request among those that may be somewhere at once.
pub(crate) struct Place<'a> {
    _permit: SemaphorePermit<'a>,
    of_all: Option<SemaphorePermit<'a>>,
    taken: &'a Gauge<i64, AtomicI64>,
}

impl<'a> Place<'a> {
    /// A place, if one is free. `taken` counts those that are not.
    pub(crate) fn take(places: &'a Semaphore, taken: &'a Gauge<i64, AtomicI64>) -> Option<Self> {
        let permit = places.try_acquire().ok()?;
        taken.inc();
        Some(Self { _permit: permit, of_all: None, taken })
    }

    /// The same place, which is also one of these, if one of them is free.
    pub(crate) fn and(mut self, places: &'a Semaphore) -> Option<Self> {
        self.of_all = Some(places.try_acquire().ok()?);
        Some(self)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.taken.dec();
    }
}

impl Lane {
    fn new(metrics: TopicMetrics, places: usize) -> Self {
        Self { metrics, waiting: Semaphore::new(places), places: AtomicUsize::new(places) }
    }

    /// Changes how many may wait. Places that are taken stay; they are looked at again with the next change.
    fn resize(&self, wanted: usize) {
        let places = self.places.load(Ordering::Relaxed);
        if wanted >= places {
            self.waiting.add_permits(wanted - places);
            self.places.store(wanted, Ordering::Relaxed);
        } else {
            let gone = self.waiting.forget_permits(places - wanted);
            self.places.store(places - gone, Ordering::Relaxed);
        }
    }
}

/// Places of requests of all topics that wait for destinations: an eighth of the connections is left to those that wait for
/// nothing.
pub(crate) fn all_waiting(max_connections: usize) -> Semaphore {
    let places = max_connections - max_connections.div_ceil(8);
    Semaphore::new(places.clamp(1, Semaphore::MAX_PERMITS))
}

/// The rules that are in use, and the lanes of their topics.
pub(crate) struct ActiveRules {
    pub(crate) rules: Arc<Rules>,
    lanes: HashMap<String, Arc<Lane>>,
    unknown: Arc<Lane>,
}

impl ActiveRules {
    /// For these rules; topics that were there `before` keep their lanes. Each topic has its share of the connections, so
    /// that one that hangs takes no place of another's.
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
        let new = |name: &str| Arc::new(Lane::new(metrics.topic(name), max_waiting));
        let lane = |name: &str| {
            let known = before.and_then(|before| before.lanes.get(name));
            let lane = known.map_or_else(|| new(name), Arc::clone);
            lane.resize(max_waiting);
            (name.to_owned(), lane)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn free(lane: &Lane) -> usize {
        lane.waiting.available_permits()
    }

    #[test]
    fn the_share_of_a_topic_follows_the_number_of_topics() {
        let lane = Lane::new(GatewayMetrics::default().topic("orders"), 8);
        let held: Vec<_> = (0..6).map(|_| lane.waiting.try_acquire().unwrap()).collect();
        lane.resize(4);
        assert_eq!(free(&lane), 0, "two too many are taken");
        drop(held);
        lane.resize(4);
        assert_eq!(free(&lane), 4);
        lane.resize(9);
        assert_eq!(free(&lane), 9);
    }

    #[test]
    fn requests_that_wait_leave_connections_to_others_however_many_topics_there_are() {
        let all = all_waiting(16);
        let metrics = GatewayMetrics::default();
        let lanes = ["a", "b", "c"].map(|name| Lane::new(metrics.topic(name), 8));
        let places: Vec<_> = lanes
            .iter()
            .flat_map(|lane| (0..8).map(move |_| lane))
            .filter_map(|lane| Place::take(&lane.waiting, lane.metrics.waiting())?.and(&all))
            .collect();
        assert_eq!(places.len(), 14);
        // Who found none of all has given back the one of its topic.
        assert_eq!(lanes.iter().map(free).sum::<usize>(), 24 - 14);
        drop(places);
        assert_eq!((all.available_permits(), lanes.iter().map(free).sum::<usize>()), (14, 24));
    }
}
