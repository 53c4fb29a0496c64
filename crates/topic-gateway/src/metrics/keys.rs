//! How it stands with the keys of tokens, as metrics that are looked up when they are asked for.

use std::fmt;
use std::sync::Arc;

use event_bus_runtime::Metrics;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::token::Keys;

#[derive(Debug)]
struct KeysCollector(Arc<Keys>);

/// Adds what is known of the keys to the metrics of the service.
pub fn export(keys: &Arc<Keys>, metrics: &Metrics) {
    let collector = KeysCollector(Arc::clone(keys));
    metrics.registry_mut(|registry| registry.register_collector(Box::new(collector)));
}

impl Collector for KeysCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let status = self.0.status();
        let help = "Fetches of the keys of tokens by how they ended";
        let counter = ConstCounter::new(0_u64);
        let mut family = encoder.encode_descriptor(
            "topic_gateway_key_fetches",
            help,
            None,
            counter.metric_type(),
        )?;
        let outcomes = [("ok", status.succeeded), ("failed", status.failures)];
        for (outcome, count) in outcomes {
            let labels = [("outcome", outcome)];
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
        let keys = ConstGauge::new(i64::try_from(status.keys).unwrap_or(i64::MAX));
        let help = "Keys that tokens are verified by";
        keys.encode(encoder.encode_descriptor(
            "topic_gateway_keys",
            help,
            None,
            keys.metric_type(),
        )?)?;
        let age = ConstGauge::new(status.age.as_secs_f64());
        let help = "Time since the keys were fetched";
        age.encode(encoder.encode_descriptor(
            "topic_gateway_key_age_seconds",
            help,
            None,
            age.metric_type(),
        )?)
    }
}
