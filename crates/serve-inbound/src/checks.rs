//! What the doctor can ask about this service.

use event_bus_runtime::Check;

use crate::config::Config;

/// The checks for a configuration.
pub fn checks(config: &Config) -> Vec<Box<dyn Check>> {
    let _ = config;
    Vec::new()
}
