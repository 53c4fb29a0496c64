//! Watches the routes from the side of the stream: how far behind they are, what aged out, what their retries occupy,
//! and whether their consumers are still there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{DeliverPolicy, Info};
use async_nats::jetstream::stream::Info as StreamInfo;
use event_bus_core::Chain;
use event_bus_core::wire;
use event_bus_runtime::Bus;
use time::OffsetDateTime;
use tokio::sync::watch;

use crate::consumers::{self, ConsumerError, Wanted};
use crate::expired::{Behind, Expired};
use crate::hold::RouteState;
use crate::incoming::Lane;
use crate::metrics::Metrics;
use crate::route::Route;
use crate::store::StreamNames;

/// Time between two looks.
const EVERY: Duration = Duration::from_secs(5);

/// Where a route stood at the last look.
#[derive(Clone, Copy, Debug)]
struct Position {
    /// When the stream was made; one that was made anew begins at 1 again.
    stream: OffsetDateTime,
    /// Sequence up to which everything is settled.
    ack_floor: u64,
    /// What was behind then.
    behind: Behind,
}

/// Watches whatever routes run, until it is dropped.
pub(crate) async fn watch(
    running: watch::Receiver<Vec<Arc<Route>>>,
    names: Arc<StreamNames>,
    metrics: Metrics,
    bus: Bus,
) {
    let mut positions: BTreeMap<String, Position> = BTreeMap::new();
    loop {
        tokio::time::sleep(EVERY).await;
        if !bus.connected() {
            continue;
        }
        let routes = running.borrow().clone();
        positions.retain(|name, _| routes.iter().any(|route| route.name() == name));
        for route in &routes {
            // The consumers of a route that is removed must not be made again.
            if route.is_stopping() {
                continue;
            }
            if let Err(error) = look(route, &names, &bus, &mut positions).await {
                tracing::warn!(route = route.name(), error = %Chain(&error), "the route's consumers cannot be watched");
            }
        }
        observe_budgets(&routes, &names, &bus).await;
        for stream in [&names.events, &names.retries, &names.dead_letters] {
            match stream_info(&bus, stream).await {
                Ok(info) => metrics.observe_stream(stream, &info),
                Err(error) => {
                    tracing::debug!(stream, error = %Chain(&error), "a stream cannot be looked at now");
                }
            }
        }
    }
}

async fn look(
    route: &Route,
    names: &StreamNames,
    bus: &Bus,
    positions: &mut BTreeMap<String, Position>,
) -> Result<(), ConsumerError> {
    let config = route.config();
    let window = route.window().get();
    let stream = stream_info(bus, &names.events).await?;
    let before = positions.get(route.name()).filter(|position| position.stream == stream.created);
    let deliver_policy = match before {
        // Should the consumer have been deleted, the new one goes on where the old one stood.
        Some(position) => DeliverPolicy::ByStartSequence { start_sequence: position.ack_floor + 1 },
        None if positions.contains_key(route.name()) => DeliverPolicy::All,
        None => config.start.deliver_policy(),
    };
    let events = Wanted::events(names, &config.name, &config.subjects, deliver_policy, window);
    let info = present(route, Lane::Events, &events).await?;
    // A relay that has just started learns from the consumer what an earlier one was behind.
    let first_look = before.is_none();
    let behind =
        before.map(|position| position.behind).or_else(|| Behind::read(&info.config.metadata));
    let now = Position {
        stream: stream.created,
        ack_floor: info.ack_floor.stream_sequence,
        behind: Behind::of(&info, route.hold().state() == RouteState::Open),
    };
    route.metrics().pending.set(i64::try_from(info.num_pending).unwrap_or(i64::MAX));
    positions.insert(route.name().to_owned(), now);
    let gone =
        behind.map_or(0, |behind| behind.gone(&info, stream.state.first_sequence, first_look));
    if gone > 0 {
        route.metrics().expired.inc_by(gone);
        tracing::error!(
            route = route.name(),
            events = gone,
            "events aged out of the stream before they were delivered; raise max_age or max_bytes, or mend the destination"
        );
    }
    if bus.supports(2, 10) {
        Expired::note(bus, info, gone, stream.state.first_sequence, now.behind, route.now())
            .await?;
    }

    let retries = Wanted::retries(names, &config.name, window, route.store().uses_schedules());
    present(route, Lane::Retries, &retries).await?;
    Ok(())
}

/// The consumer; made again if somebody deleted it while the route runs.
async fn present(route: &Route, lane: Lane, wanted: &Wanted) -> Result<Info, ConsumerError> {
    let info = match consumers::look_up(route.bus(), &wanted.stream, &wanted.route).await? {
        Some(info) => info,
        None => {
            tracing::error!(
                route = wanted.route,
                stream = wanted.stream,
                "the consumer was deleted; making it again"
            );
            consumers::ensure(route.bus(), wanted).await?
        }
    };
    route.set_incarnation(lane, info.created);
    Ok(info)
}

async fn stream_info(bus: &Bus, stream: &str) -> Result<StreamInfo, ConsumerError> {
    let unavailable = |error: async_nats::Error| ConsumerError::Unavailable(error);
    let stream =
        bus.jetstream().get_stream(stream).await.map_err(|error| unavailable(error.into()))?;
    Ok(stream.cached_info().clone())
}

/// The server tells messages per subject, and no bytes.
async fn observe_budgets(routes: &[Arc<Route>], names: &StreamNames, bus: &Bus) {
    for route in routes {
        let (messages, mean) = match occupied(route, names, bus).await {
            Ok(occupied) => occupied,
            Err(error) => {
                tracing::debug!(route = route.name(), error = %Chain(&*error), "retries cannot be counted now");
                return;
            }
        };
        route.metrics().retrying.set(i64::try_from(messages).unwrap_or(i64::MAX));
        if route.budget().observe(messages, mean) {
            let exceeded = route.budget().is_exceeded();
            tracing::warn!(
                route = route.name(),
                messages,
                exceeded,
                "the budget of the route's retries changed"
            );
        }
    }
}

/// How many messages of a route wait, and the mean size of all messages of the stream.
async fn occupied(
    route: &Route,
    names: &StreamNames,
    bus: &Bus,
) -> Result<(u64, u64), async_nats::Error> {
    let stream = bus.jetstream().get_stream(&names.retries).await?;
    let state = &stream.cached_info().state;
    if state.messages == 0 {
        return Ok((0, 0));
    }
    let mut messages = 0;
    for filter in wire::retry_subjects(route.name()) {
        messages += count(bus, &names.retries, &filter).await?;
    }
    Ok((messages, state.bytes / state.messages))
}

async fn count(bus: &Bus, stream: &str, filter: &str) -> Result<u64, async_nats::Error> {
    #[derive(serde::Deserialize)]
    struct Answer {
        #[serde(default)]
        total: u64,
        #[serde(default)]
        state: State,
    }
    #[derive(Default, serde::Deserialize)]
    struct State {
        #[serde(default)]
        subjects: BTreeMap<String, u64>,
    }
    let mut offset = 0;
    let mut messages = 0;
    loop {
        let request = serde_json::json!({ "subjects_filter": filter, "offset": offset });
        let answer: Answer =
            bus.jetstream().request(format!("STREAM.INFO.{stream}"), &request).await?;
        messages += answer.state.subjects.values().sum::<u64>();
        offset += answer.state.subjects.len() as u64;
        if answer.state.subjects.is_empty() || offset >= answer.total {
            return Ok(messages);
        }
    }
}
