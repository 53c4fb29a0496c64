//! Names and labels of the metrics. Every label comes from a closed set: configured topics and enums of this crate.

mod keys;
mod topic;

use std::sync::atomic::AtomicI64;

use event_bus_runtime::Metrics;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

pub use keys::export as export_keys;
pub(crate) use topic::{TopicMetrics, Waited};

const MESSAGES: &str = "topic_gateway_messages";
const REJECTIONS: &str = "topic_gateway_rejections";
const TOKEN_REFUSALS: &str = "topic_gateway_token_refusals";
const ANSWER_SECONDS: &str = "topic_gateway_answer_seconds";
const PUBLISH_SECONDS: &str = "topic_gateway_publish_seconds";
const WAIT_SECONDS: &str = "topic_gateway_delivery_wait_seconds";
const WAITING: &str = "topic_gateway_waiting_requests";
const COMPILATIONS: &str = "topic_gateway_schema_compilations";
const DOCUMENTS: &str = "topic_gateway_document_changes";
const REFUSED_DOCUMENTS: &str = "topic_gateway_refused_documents";
const IN_FLIGHT: &str = "topic_gateway_in_flight_requests";
const CONNECTIONS: &str = "topic_gateway_open_connections";

/// Label of everything that belongs to no configured topic.
pub(crate) const UNKNOWN: &str = "unknown";

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TopicLabels {
    topic: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    topic: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    topic: String,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TokenLabels {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DocumentLabels {
    document: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabels {
    document: &'static str,
}

/// A kind of document that the gateway reads again while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// Who may publish what.
    Access,
    /// What fits a topic.
    Schema,
}

/// All metrics of the service. Cloning is cheap and shares them. By default they are counted and shown to nobody.
#[derive(Clone, Debug)]
pub struct GatewayMetrics {
    messages: Family<OutcomeLabels, Counter>,
    rejections: Family<ReasonLabels, Counter>,
    token_refusals: Family<TokenLabels, Counter>,
    answer_seconds: Histograms<TopicLabels>,
    publish_seconds: Histograms<TopicLabels>,
    wait_seconds: Histograms<OutcomeLabels>,
    waiting: Family<TopicLabels, Gauge<i64, AtomicI64>>,
    compilations: Family<TopicLabels, Counter>,
    documents: Family<DocumentLabels, Counter>,
    refused_documents: Family<RefusedLabels, Gauge<i64, AtomicI64>>,
    pub(crate) in_flight: Gauge<i64, AtomicI64>,
    pub(crate) connections: Gauge<i64, AtomicI64>,
}

impl Document {
    const ALL: [Self; 2] = [Self::Access, Self::Schema];

    fn label(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Schema => "schema",
        }
    }
}

impl Default for GatewayMetrics {
    fn default() -> Self {
        let seconds: fn() -> Histogram = || Histogram::new(exponential_buckets(0.000_25, 2.0, 18));
        Self {
            messages: Family::default(),
            rejections: Family::default(),
            token_refusals: Family::default(),
            answer_seconds: Family::new_with_constructor(seconds),
            publish_seconds: Family::new_with_constructor(seconds),
            wait_seconds: Family::new_with_constructor(seconds),
            waiting: Family::default(),
            compilations: Family::default(),
            documents: Family::default(),
            refused_documents: Family::default(),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
        }
    }
}

impl GatewayMetrics {
    /// Metrics that the registry shows.
    pub fn register(metrics: &Metrics) -> Self {
        let new = Self::default();
        metrics.registry_mut(|registry| {
            registry.register(MESSAGES, "Messages by how they ended", new.messages.clone());
            registry.register(REJECTIONS, "Refusals by their reason", new.rejections.clone());
            let help = "Refused tokens by what is wrong with them";
            registry.register(TOKEN_REFUSALS, help, new.token_refusals.clone());
            let help = "Time from the headers of a request to its answer";
            registry.register(ANSWER_SECONDS, help, new.answer_seconds.clone());
            let help = "Time until the stream confirmed an event";
            registry.register(PUBLISH_SECONDS, help, new.publish_seconds.clone());
            let help = "Time that a message waited for its destinations";
            registry.register(WAIT_SECONDS, help, new.wait_seconds.clone());
            let help = "Requests that wait for destinations";
            registry.register(WAITING, help, new.waiting.clone());
            let help = "Schemas compiled, at the start and when they changed";
            registry.register(COMPILATIONS, help, new.compilations.clone());
            let help = "Changed documents by what became of the change";
            registry.register(DOCUMENTS, help, new.documents.clone());
            let help = "1 while a document cannot be used and the old one is";
            registry.register(REFUSED_DOCUMENTS, help, new.refused_documents.clone());
            registry.register(IN_FLIGHT, "Requests that are being handled", new.in_flight.clone());
            registry.register(CONNECTIONS, "Connections that are open", new.connections.clone());
        });
        new.refused_now(&[]);
        for document in Document::ALL {
            for taken in [false, true] {
                new.changes(document, taken);
            }
        }
        new
    }

    /// A schema was compiled.
    pub(crate) fn compiled(&self, topic: &str) {
        self.compilations.get_or_create(&TopicLabels { topic: topic.to_owned() }).inc();
    }

    /// A changed document was taken over.
    pub(crate) fn document_taken(&self, document: Document) {
        self.changes(document, true).inc();
    }

    /// A changed document cannot be used.
    pub(crate) fn document_refused(&self, document: Document) {
        self.changes(document, false).inc();
    }

    fn changes(&self, document: Document, taken: bool) -> Counter {
        let outcome = if taken { "taken" } else { "refused" };
        let labels = DocumentLabels { document: document.label(), outcome };
        self.documents.get_or_create(&labels).clone()
    }

    /// The kinds of documents of which some cannot be used now.
    pub(crate) fn refused_now(&self, documents: &[Document]) {
        for document in Document::ALL {
            let labels = RefusedLabels { document: document.label() };
            let is_refused = documents.contains(&document);
            self.refused_documents.get_or_create(&labels).set(is_refused.into());
        }
    }

    /// A token was refused.
    pub(crate) fn token_refused(&self, reason: &'static str) {
        self.token_refusals.get_or_create(&TokenLabels { reason }).inc();
    }
}
