//! Names and labels of the metrics. Every label comes from a closed set: configured names and enums of this crate.

use std::sync::atomic::{AtomicI64, AtomicU64};

use event_bus_runtime::Metrics;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

const REQUESTS: &str = "serve_inbound_requests";
const REJECTIONS: &str = "serve_inbound_rejections";
const SECRET_MATCHES: &str = "serve_inbound_secret_matches";
const PUBLISH_SECONDS: &str = "serve_inbound_publish_seconds";
const IN_FLIGHT: &str = "serve_inbound_in_flight_requests";
const CONNECTIONS: &str = "serve_inbound_open_connections";

/// Label of everything that belongs to no configured endpoint.
pub(crate) const UNKNOWN: &str = "unknown";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    source: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    source: String,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SecretLabels {
    source: String,
    index: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabels {
    source: String,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Stored now.
    Accepted,
    /// Stored before.
    Duplicate,
    /// A question of the sender, answered.
    Handshake,
    /// The sender's fault.
    Rejected,
    /// Ours: the sender may try again.
    Failed,
}

/// All metrics of the service. Cloning is cheap and shares them.
#[derive(Clone, Debug)]
pub(crate) struct InboundMetrics {
    requests: Family<OutcomeLabels, Counter>,
    rejections: Family<ReasonLabels, Counter>,
    secret_matches: Family<SecretLabels, Counter>,
    publish_seconds: Family<SourceLabels, Histogram>,
    pub(crate) in_flight: Gauge<i64, AtomicI64>,
    pub(crate) connections: Gauge<i64, AtomicI64>,
}

/// The metrics of one endpoint, looked up once instead of per request.
#[derive(Clone, Debug)]
pub(crate) struct EndpointMetrics {
    source: String,
    all: InboundMetrics,
    accepted: Counter<u64, AtomicU64>,
    duplicate: Counter<u64, AtomicU64>,
    handshake: Counter<u64, AtomicU64>,
    rejected: Counter<u64, AtomicU64>,
    failed: Counter<u64, AtomicU64>,
    secret_matches: Vec<Counter<u64, AtomicU64>>,
    publish_seconds: Histogram,
}

impl Outcome {
    fn label(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Handshake => "handshake",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
        }
    }
}

impl InboundMetrics {
    pub(crate) fn register(metrics: &Metrics) -> Self {
        let new = Self {
            requests: Family::default(),
            rejections: Family::default(),
            secret_matches: Family::default(),
            publish_seconds: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(0.000_25, 2.0, 16))
            }),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
        };
        metrics.registry_mut(|registry| {
            registry.register(REQUESTS, "Requests by how they ended", new.requests.clone());
            registry.register(REJECTIONS, "Refusals by their reason", new.rejections.clone());
            let help = "Verified requests by the place of the secret that matched";
            registry.register(SECRET_MATCHES, help, new.secret_matches.clone());
            let help = "Time until the stream confirmed an event";
            registry.register(PUBLISH_SECONDS, help, new.publish_seconds.clone());
            registry.register(IN_FLIGHT, "Requests that are being handled", new.in_flight.clone());
            registry.register(CONNECTIONS, "Connections that are open", new.connections.clone());
        });
        new
    }

    /// The metrics of an endpoint with this many secrets; its counters start at zero.
    pub(crate) fn endpoint(&self, source: &str, secrets: usize) -> EndpointMetrics {
        let source = source.to_owned();
        let outcome = |outcome: Outcome| {
            let labels = OutcomeLabels { source: source.clone(), outcome: outcome.label() };
            self.requests.get_or_create(&labels).clone()
        };
        let secret = |index: usize| {
            let labels = SecretLabels { source: source.clone(), index: index as u64 };
            self.secret_matches.get_or_create(&labels).clone()
        };
        EndpointMetrics {
            accepted: outcome(Outcome::Accepted),
            duplicate: outcome(Outcome::Duplicate),
            handshake: outcome(Outcome::Handshake),
            rejected: outcome(Outcome::Rejected),
            failed: outcome(Outcome::Failed),
            secret_matches: (0..secrets).map(secret).collect(),
            publish_seconds: self
                .publish_seconds
                .get_or_create(&SourceLabels { source: source.clone() })
                .clone(),
            all: self.clone(),
            source,
        }
    }
}

impl EndpointMetrics {
    pub(crate) fn ended(&self, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Accepted => &self.accepted,
            Outcome::Duplicate => &self.duplicate,
            Outcome::Handshake => &self.handshake,
            Outcome::Rejected => &self.rejected,
            Outcome::Failed => &self.failed,
        };
        counter.inc();
    }

    pub(crate) fn refused(&self, reason: &'static str) {
        let labels = ReasonLabels { source: self.source.clone(), reason };
        self.all.rejections.get_or_create(&labels).inc();
    }

    pub(crate) fn secret_matched(&self, index: Option<usize>) {
        if let Some(counter) = index.and_then(|index| self.secret_matches.get(index)) {
            counter.inc();
        }
    }

    pub(crate) fn published(&self, seconds: f64) {
        self.publish_seconds.observe(seconds);
    }
}
