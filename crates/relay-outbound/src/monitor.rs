//! Watches the routes from the side of the stream: how far behind they are, what aged out, what their retries occupy,
//! and whether their consumers are still there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{DeliverPolicy, Info};
use event_bus_core::Chain;
use event_bus_runtime::Bus;

use crate::consumers::{self, ConsumerError, Wanted};
use crate::expired::Expired;
use crate::route::Route;
use crate::store::StreamNames;

/// Time between two looks.
const EVERY: Duration = Duration::from_secs(5);

/// Where a route stood at the last look.
#[derive(Clone, Copy, Debug, Default)]
struct Position {
    /// Last sequence that was delivered.
    delivered: u64,
    /// Sequence up to which everything is settled.
    ack_floor: u64,
    /// Matching events not delivered yet.
    pending: u64,
}

/// Watches until it is dropped.
pub(crate) async fn watch(routes: &[Arc<Route>], names: &StreamNames, bus: &Bus) {
    let mut positions: BTreeMap<String, Position> = BTreeMap::new();
    loop {
        tokio::time::sleep(EVERY).await;
        if !bus.connected() {
            continue;
        }
        for route in routes {
            if let Err(error) = look(route, names, bus, &mut positions).await {
                tracing::warn!(route = route.name(), error = %Chain(&error), "the route's consumers cannot be watched");
            }
        }
        observe_budgets(routes, names, bus).await;
    }
}

async fn look(
    route: &Route,
    names: &StreamNames,
    bus: &Bus,
    positions: &mut BTreeMap<String, Position>,
) -> Result<(), ConsumerError> {
    let config = route.config();
    let before = positions.get(route.name()).copied();
    let window = route.window().get();
    let mut events = Wanted::events(
        names,
        &config.name,
        &config.subjects,
        config.start.deliver_policy(),
        window,
    );
    if let Some(position) = before {
        // Should the consumer have been deleted, the new one goes on where the old one stood.
        events.deliver_policy =
            DeliverPolicy::ByStartSequence { start_sequence: position.ack_floor + 1 };
    }
    let info = present(bus, &events).await?;
    let first_sequence = first_sequence(bus, &names.events).await?;
    let now = Position {
        delivered: info.delivered.stream_sequence,
        ack_floor: info.ack_floor.stream_sequence,
        pending: info.num_pending,
    };
    if let Some(before) = before {
        note_expired(route, before, info, first_sequence, bus).await?;
    }
    positions.insert(route.name().to_owned(), now);
    route.metrics().pending.set(i64::try_from(now.pending).unwrap_or(i64::MAX));

    let retries = Wanted::retries(names, &config.name, window, route.store().uses_schedules());
    present(bus, &retries).await?;
    Ok(())
}

/// The consumer; made again if somebody deleted it while the route runs.
async fn present(bus: &Bus, wanted: &Wanted) -> Result<Info, ConsumerError> {
    match consumers::look_up(bus, &wanted.stream, &wanted.route).await? {
        Some(info) => Ok(info),
        None => {
            tracing::error!(
                route = wanted.route,
                stream = wanted.stream,
                "the consumer was deleted; making it again"
            );
            consumers::ensure(bus, wanted).await
        }
    }
}

async fn first_sequence(bus: &Bus, stream: &str) -> Result<u64, ConsumerError> {
    let unavailable = |error: async_nats::Error| ConsumerError::Unavailable(error);
    let stream =
        bus.jetstream().get_stream(stream).await.map_err(|error| unavailable(error.into()))?;
    Ok(stream.cached_info().state.first_sequence)
}

/// Events that were waiting at the last look and are no longer on the stream. The number is an upper bound where the
/// stream holds other events in between. It is kept with the consumer, which also tells what another replica counted.
async fn note_expired(
    route: &Route,
    before: Position,
    info: Info,
    first_sequence: u64,
    bus: &Bus,
) -> Result<(), ConsumerError> {
    let known = Expired::read(&info.config.metadata).through.max(before.delivered + 1);
    let gone = first_sequence.saturating_sub(known).min(before.pending);
    if gone == 0 {
        return Ok(());
    }
    if bus.supports(2, 10) {
        Expired::add(bus, info, gone, first_sequence, route.now()).await?;
    }
    route.metrics().expired.inc_by(gone);
    tracing::error!(
        route = route.name(),
        events = gone,
        "events aged out of the stream before they were delivered; raise max_age or max_bytes, or mend the destination"
    );
    Ok(())
}

/// The server does not tell bytes per subject; a route's share is taken by its number of messages.
async fn observe_budgets(routes: &[Arc<Route>], names: &StreamNames, bus: &Bus) {
    for route in routes {
        let (bytes, messages) = match occupied(route, names, bus).await {
            Ok(occupied) => occupied,
            Err(error) => {
                tracing::debug!(route = route.name(), error = %Chain(&*error), "retries cannot be counted now");
                return;
            }
        };
        route.metrics().retrying.set(i64::try_from(messages).unwrap_or(i64::MAX));
        if route.budget().observe(bytes) {
            let exceeded = route.budget().is_exceeded();
            tracing::warn!(
                route = route.name(),
                bytes,
                messages,
                exceeded,
                "the budget of the route's retries changed"
            );
        }
    }
}

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
    for filter in [format!("retry.{}", route.name()), format!("later.{}.>", route.name())] {
        messages += count(bus, &names.retries, &filter).await?;
    }
    Ok((
        u64::try_from(u128::from(state.bytes) * u128::from(messages) / u128::from(state.messages))?,
        messages,
    ))
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
