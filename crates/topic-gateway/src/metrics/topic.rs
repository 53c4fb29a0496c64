//! The metrics of one topic, looked up once instead of per message.

use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use super::{GatewayMetrics, OutcomeLabels, ReasonLabels, TopicLabels};
use crate::reason::{Fault, Reason};

/// The metrics of one topic. Its counters start at zero.
#[derive(Debug)]
pub(crate) struct TopicMetrics {
    topic: String,
    all: GatewayMetrics,
    accepted: Counter<u64, AtomicU64>,
    duplicate: Counter<u64, AtomicU64>,
    rejected: Counter<u64, AtomicU64>,
    undelivered: Counter<u64, AtomicU64>,
    failed: Counter<u64, AtomicU64>,
    answer_seconds: Histogram,
    publish_seconds: Histogram,
    wait_seconds: [Histogram; Waited::ALL.len()],
    waiting: Gauge<i64, AtomicI64>,
}

/// What came of waiting for destinations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    /// All of them have the event.
    Delivered,
    /// One of them said that it has not.
    Failed,
    /// One of them said nothing in time.
    TimedOut,
    /// Too many requests waited already.
    Skipped,
}

impl Waited {
    const ALL: [Self; 4] = [Self::Delivered, Self::Failed, Self::TimedOut, Self::Skipped];

    fn label(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Skipped => "skipped",
        }
    }
}

impl GatewayMetrics {
    /// The metrics of a topic.
    pub(crate) fn topic(&self, topic: &str) -> TopicMetrics {
        let labels = TopicLabels { topic: topic.to_owned() };
        let outcome = |outcome| {
            let labels = OutcomeLabels { topic: topic.to_owned(), outcome };
            self.messages.get_or_create(&labels).clone()
        };
        let waited = |waited: Waited| {
            let labels = OutcomeLabels { topic: topic.to_owned(), outcome: waited.label() };
            self.wait_seconds.get_or_create(&labels).clone()
        };
        TopicMetrics {
            wait_seconds: Waited::ALL.map(waited),
            accepted: outcome("accepted"),
            duplicate: outcome("duplicate"),
            rejected: outcome("rejected"),
            undelivered: outcome("undelivered"),
            failed: outcome("failed"),
            answer_seconds: self.answer_seconds.get_or_create(&labels).clone(),
            publish_seconds: self.publish_seconds.get_or_create(&labels).clone(),
            waiting: self.waiting.get_or_create(&labels).clone(),
            topic: topic.to_owned(),
            all: self.clone(),
        }
    }
}

impl TopicMetrics {
    pub(crate) fn accepted(&self, was_there: bool) {
        if was_there {
            self.duplicate.inc()
        } else {
            self.accepted.inc()
        };
    }

    pub(crate) fn refused(&self, reason: Reason) {
        let labels = ReasonLabels { topic: self.topic.clone(), reason: reason.as_str() };
        self.all.rejections.get_or_create(&labels).inc();
        match reason.fault() {
            Fault::Sender => self.rejected.inc(),
            Fault::Ours => self.failed.inc(),
            Fault::Destination => self.undelivered.inc(),
        };
    }

    pub(crate) fn answered(&self, time: Duration) {
        self.answer_seconds.observe(time.as_secs_f64());
    }

    pub(crate) fn published(&self, time: Duration) {
        self.publish_seconds.observe(time.as_secs_f64());
    }

    pub(crate) fn waited(&self, outcome: Waited, time: Duration) {
        self.wait_seconds[outcome as usize].observe(time.as_secs_f64());
    }

    /// Its name, or what stands for all that are not configured.
    pub(crate) fn topic(&self) -> &str {
        &self.topic
    }

    pub(crate) fn waiting(&self) -> &Gauge<i64, AtomicI64> {
        &self.waiting
    }
}
