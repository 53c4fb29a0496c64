//! Whether the connection is up, as a metric that is looked up when it is asked for.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::gauge::ConstGauge;

use super::Bus;
use crate::Metrics;

#[derive(Debug)]
struct Connected(Bus);

impl Collector for Connected {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let gauge = ConstGauge::new(i64::from(self.0.connected()));
        let help = "1 while there is a connection to NATS";
        let kind = gauge.metric_type();
        gauge.encode(encoder.encode_descriptor("event_bus_bus_connected", help, None, kind)?)
    }
}

impl Bus {
    /// Adds `event_bus_bus_connected` to the metrics of a service.
    pub fn export(&self, metrics: &Metrics) {
        metrics.registry_mut(|registry| {
            registry.register_collector(Box::new(Connected(self.clone())))
        });
    }
}
