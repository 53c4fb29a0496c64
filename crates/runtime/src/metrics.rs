//! The registry of a process's metrics and their Prometheus text.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

/// Media type of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics of this process. Cloning is cheap and shares them.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Mutex<Registry>>);

impl Metrics {
    /// A registry that holds `event_bus_build_info{version}` and nothing else.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        registry.register(
            "event_bus_build",
            "Version of Event Bus Bridge that runs here",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        Self(Arc::new(Mutex::new(registry)))
    }

    /// Lends the registry, to register metrics at the start.
    pub fn registry_mut<T>(&self, register: impl FnOnce(&mut Registry) -> T) -> T {
        register(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The present values in the OpenMetrics text format, which Prometheus reads.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        let registry = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if encode(&mut text, &registry).is_err() {
            // Writing to a String cannot fail; a collector that does must not take the page down.
            tracing::error!("metrics could not be encoded");
        }
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_is_always_among_the_metrics() {
        let text = Metrics::new().encode();
        let version = env!("CARGO_PKG_VERSION");
        assert!(
            text.contains(&format!("event_bus_build_info{{version=\"{version}\"}} 1")),
            "{text}"
        );
    }
}
