//! Routes as they stand on the bus: their consumers, whether configured or left behind.

use std::collections::BTreeMap;

use async_nats::jetstream::consumer::Info;
use event_bus_core::wire;
use event_bus_runtime::Bus;
use futures_util::TryStreamExt as _;

use crate::consumers::look_up;
use crate::store::StreamNames;

/// One route on the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteOnBus {
    /// Its name.
    pub name: String,
    /// Subjects that its consumer delivers.
    pub subjects: Vec<String>,
    /// Events not delivered yet.
    pub pending: u64,
    /// Events under way.
    pub in_flight: usize,
    /// Retries that are due and not delivered yet, or under way.
    pub retries: u64,
    /// Whether some relay is connected to it.
    pub connected: bool,
}

/// The routes cannot be read or changed.
#[derive(Debug, thiserror::Error)]
#[error("the consumers of {stream} cannot be reached")]
pub struct RoutesError {
    stream: String,
    #[source]
    source: async_nats::Error,
}

/// All routes that have a consumer.
pub async fn list(bus: &Bus, names: &StreamNames) -> Result<Vec<RouteOnBus>, RoutesError> {
    let mut routes = BTreeMap::new();
    for info in consumers(bus, &names.events).await? {
        routes.insert(info.name.clone(), RouteOnBus::of(&info));
    }
    for info in consumers(bus, &names.retries).await? {
        let route = routes.entry(info.name.clone()).or_insert_with(|| RouteOnBus {
            name: info.name.clone(),
            subjects: Vec::new(),
            pending: 0,
            in_flight: 0,
            retries: 0,
            connected: info.push_bound,
        });
        route.retries = info.num_pending + info.num_ack_pending as u64;
    }
    Ok(routes.into_values().collect())
}

/// Deletes the consumers of a route. Its waiting retries are purged as well: nobody would ever deliver them.
/// Returns how many retries went, or `None` if there was no such route.
pub async fn remove(
    bus: &Bus,
    names: &StreamNames,
    route: &str,
) -> Result<Option<u64>, RoutesError> {
    let mut found = false;
    for stream in [&names.events, &names.retries] {
        let fail = |source: async_nats::Error| RoutesError { stream: stream.clone(), source };
        if look_up(bus, stream, route).await.map_err(|error| fail(error.into()))?.is_some() {
            found = true;
            let deleted = bus.jetstream().delete_consumer_from_stream(route, stream).await;
            deleted.map_err(|error| fail(error.into()))?;
        }
    }
    if !found {
        return Ok(None);
    }
    let fail = |source: async_nats::Error| RoutesError { stream: names.retries.clone(), source };
    let stream =
        bus.jetstream().get_stream(&names.retries).await.map_err(|error| fail(error.into()))?;
    let mut purged = 0;
    for filter in wire::retry_subjects(route) {
        let done = stream.purge().filter(filter).await.map_err(|error| fail(error.into()))?;
        purged += done.purged;
    }
    Ok(Some(purged))
}

impl RouteOnBus {
    fn of(info: &Info) -> Self {
        let config = &info.config;
        let single = (!config.filter_subject.is_empty()).then(|| config.filter_subject.clone());
        Self {
            name: info.name.clone(),
            subjects: single.into_iter().chain(config.filter_subjects.iter().cloned()).collect(),
            pending: info.num_pending,
            in_flight: info.num_ack_pending,
            retries: 0,
            connected: info.push_bound,
        }
    }
}

/// The consumers that are routes: durable push consumers whose deliver group has their own name.
async fn consumers(bus: &Bus, stream: &str) -> Result<Vec<Info>, RoutesError> {
    let fail = |source: async_nats::Error| RoutesError { stream: stream.to_owned(), source };
    let handle =
        bus.jetstream().get_stream_no_info(stream).await.map_err(|error| fail(error.into()))?;
    let all: Vec<Info> =
        handle.consumers().try_collect().await.map_err(|error| fail(error.into()))?;
    Ok(all
        .into_iter()
        .filter(|info| info.config.deliver_group.as_deref() == Some(info.name.as_str()))
        .collect())
}
