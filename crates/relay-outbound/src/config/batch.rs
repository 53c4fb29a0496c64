//! How many events a route hands to its sink at once.

use std::num::NonZeroU32;
use std::time::Duration;

use event_bus_runtime::config::duration;
use schemars::JsonSchema;
use serde::Deserialize;

/// `batch` of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchConfig {
    /// Most events of one batch.
    pub max_events: NonZeroU32,
    /// Longest wait for a batch to fill, from its first event on.
    #[serde(default = "default_wait", with = "duration")]
    #[schemars(with = "duration::Text")]
    pub max_wait: Duration,
}

/// As many as fit twice into the default window, so that one batch fills while another is on its way.
const USUAL_EVENTS: NonZeroU32 = NonZeroU32::new(100).unwrap();

impl BatchConfig {
    /// What a route without `batch` does, if its sink takes `largest` events at once.
    pub fn usual(largest: u32) -> Self {
        let largest = NonZeroU32::new(largest).unwrap_or(NonZeroU32::MIN);
        Self { max_events: USUAL_EVENTS.min(largest), max_wait: default_wait() }
    }
}

fn default_wait() -> Duration {
    Duration::from_millis(10)
}
