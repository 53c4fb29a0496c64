//! The relay's metrics. Names and labels are all here; labels come from the configuration or from closed lists.

use async_nats::jetstream::stream::Info;
use event_bus_core::delivery::DeadLetterReason;
use event_bus_runtime::Metrics as Registry;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

/// All metrics of the relay.
#[derive(Clone, Debug)]
pub struct Metrics {
    deliveries: Family<Outcome, Counter>,
    delivery_seconds: Family<Route, Histogram>,
    dead_letters: Family<Reason, Counter>,
    filter_errors: Family<Route, Counter>,
    expired: Family<Route, Counter>,
    receipts_lost: Family<Route, Counter>,
    in_flight: Family<Route, Gauge>,
    state: Family<Route, Gauge>,
    pending: Family<Route, Gauge>,
    retrying: Family<Route, Gauge>,
    stream_bytes: Family<Stream, Gauge>,
    stream_max_bytes: Family<Stream, Gauge>,
    stream_messages: Family<Stream, Gauge>,
}

/// The metrics of one route; looked up once, when the route starts.
#[derive(Clone, Debug)]
pub struct RouteMetrics {
    /// From the start, by every reason: Prometheus sees no increase in a counter that begins at one.
    dead_letters: [Counter; DeadLetterReason::ALL.len()],
    outcomes: [Counter; DeliveryOutcome::ALL.len()],
    /// Time from the first byte sent to the verdict.
    pub delivery_seconds: Histogram,
    /// Events that a CEL expression failed on.
    pub filter_errors: Counter,
    /// Events that aged out of the stream before the route delivered them.
    pub expired: Counter,
    /// Receipts that could not be stored.
    pub receipts_lost: Counter,
    /// Events under way.
    pub in_flight: Gauge,
    /// 0 delivers, 1 holds, 2 disabled.
    pub state: Gauge,
    /// Events on the stream that the route has not taken yet.
    pub pending: Gauge,
    /// Events that wait for another attempt.
    pub retrying: Gauge,
}

/// How handling an event ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The destination has it.
    Delivered,
    /// It did not pass the filter.
    Filtered,
    /// It waits for another attempt.
    Retried,
    /// It is a dead letter.
    DeadLettered,
    /// It was given back, because the relay stops or the route is disabled.
    Returned,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Stream {
    stream: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    route: String,
    sink: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    route: String,
    reason: &'static str,
}

impl DeliveryOutcome {
    /// All of them, in the order of their declaration.
    const ALL: [Self; 5] =
        [Self::Delivered, Self::Filtered, Self::Retried, Self::DeadLettered, Self::Returned];

    fn label(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Filtered => "filtered",
            Self::Retried => "retried",
            Self::DeadLettered => "dead_lettered",
            Self::Returned => "returned",
        }
    }
}

impl Metrics {
    /// Registers them.
    pub fn register(registry: &Registry) -> Self {
        let metrics = Self {
            deliveries: Family::default(),
            delivery_seconds: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(0.001, 2.0, 15))
            }),
            dead_letters: Family::default(),
            filter_errors: Family::default(),
            expired: Family::default(),
            receipts_lost: Family::default(),
            in_flight: Family::default(),
            state: Family::default(),
            pending: Family::default(),
            retrying: Family::default(),
            stream_bytes: Family::default(),
            stream_max_bytes: Family::default(),
            stream_messages: Family::default(),
        };
        registry.registry_mut(|registry| {
            let Self {
                deliveries,
                delivery_seconds,
                dead_letters,
                filter_errors,
                expired,
                receipts_lost,
                in_flight,
                state,
                pending,
                retrying,
                stream_bytes,
                stream_max_bytes,
                stream_messages,
            } = metrics.clone();
            registry.register(
                "relay_outbound_deliveries",
                "Events handled, by how that ended",
                deliveries,
            );
            registry.register(
                "relay_outbound_delivery_seconds",
                "Time that one delivery took",
                delivery_seconds,
            );
            registry.register(
                "relay_outbound_dead_letters",
                "Events given up, by reason",
                dead_letters,
            );
            registry.register(
                "relay_outbound_filter_errors",
                "Events that a filter failed on",
                filter_errors,
            );
            registry.register(
                "relay_outbound_expired",
                "Events that aged out before they were delivered",
                expired,
            );
            registry.register(
                "relay_outbound_receipts_lost",
                "Receipts that could not be stored; their events were settled all the same",
                receipts_lost,
            );
            registry.register("relay_outbound_in_flight_events", "Events under way", in_flight);
            registry.register(
                "relay_outbound_route_state",
                "0 delivers, 1 holds, 2 disabled",
                state,
            );
            registry.register(
                "relay_outbound_pending_events",
                "Events not taken from the stream yet",
                pending,
            );
            registry.register(
                "relay_outbound_retrying_events",
                "Events that wait for another attempt",
                retrying,
            );
            registry.register("relay_outbound_stream_bytes", "Size of a stream", stream_bytes);
            registry.register(
                "relay_outbound_stream_max_bytes",
                "Limit of a stream's size, if it has one",
                stream_max_bytes,
            );
            registry.register(
                "relay_outbound_stream_messages",
                "Messages of a stream",
                stream_messages,
            );
        });
        metrics
    }

    /// Says what a stream holds.
    pub fn observe_stream(&self, stream: &str, info: &Info) {
        let label = Stream { stream: stream.to_owned() };
        let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.stream_bytes.get_or_create(&label).set(count(info.state.bytes));
        self.stream_messages.get_or_create(&label).set(count(info.state.messages));
        if info.config.max_bytes > 0 {
            self.stream_max_bytes.get_or_create(&label).set(info.config.max_bytes);
        } else {
            self.stream_max_bytes.remove(&label);
        }
    }

    /// Drops what belongs to a route that is no longer there.
    pub fn forget(&self, route: &str) {
        let label = Route { route: route.to_owned() };
        self.state.remove(&label);
        self.pending.remove(&label);
        self.retrying.remove(&label);
    }

    /// The metrics of one route.
    pub fn route(&self, route: &str, sink: &'static str) -> RouteMetrics {
        let label = Route { route: route.to_owned() };
        RouteMetrics {
            dead_letters: DeadLetterReason::ALL.map(|reason| {
                let label = Reason { route: route.to_owned(), reason: reason.as_str() };
                self.dead_letters.get_or_create(&label).clone()
            }),
            outcomes: DeliveryOutcome::ALL.map(|outcome| {
                let label = Outcome { route: route.to_owned(), sink, outcome: outcome.label() };
                self.deliveries.get_or_create(&label).clone()
            }),
            delivery_seconds: self.delivery_seconds.get_or_create(&label).clone(),
            filter_errors: self.filter_errors.get_or_create(&label).clone(),
            expired: self.expired.get_or_create(&label).clone(),
            receipts_lost: self.receipts_lost.get_or_create(&label).clone(),
            in_flight: self.in_flight.get_or_create(&label).clone(),
            state: self.state.get_or_create(&label).clone(),
            pending: self.pending.get_or_create(&label).clone(),
            retrying: self.retrying.get_or_create(&label).clone(),
        }
    }
}

impl RouteMetrics {
    /// Counts how handling an event ended.
    pub fn count(&self, outcome: DeliveryOutcome) {
        self.outcomes[outcome as usize].inc();
    }

    /// Counts a dead letter.
    pub fn count_dead_letter(&self, reason: DeadLetterReason) {
        self.dead_letters[reason as usize].inc();
    }
}
