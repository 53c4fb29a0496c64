//! Finds as many problems of a file as one look can.
//!
//! Reading stops at the first wrong key, so each section is read by itself: a mistake in one does not hide those of
//! the others.

use event_bus_doctor::DoctorConfig;
use event_bus_runtime::telemetry::TelemetryConfig;
use event_bus_runtime::{BusConfig, ConfigError, Document, SecretsConfig};
use serde::de::DeserializeOwned;

use super::RootConfig;

/// The configuration, or everything that is wrong with it.
pub(super) fn read(document: &Document) -> Result<RootConfig, Vec<ConfigError>> {
    match document.get::<RootConfig>() {
        Ok(config) => {
            ConfigError::check(document, config.validate()).map_err(|error| vec![error])?;
            Ok(config)
        }
        Err(first) => Err(with_those_of_the_sections(document, first)),
    }
}

fn with_those_of_the_sections(document: &Document, first: ConfigError) -> Vec<ConfigError> {
    let sections = [
        problem::<BusConfig>(document, "bus"),
        problem::<serve_inbound::Config>(document, "inbound"),
        problem::<relay_outbound::Config>(document, "outbound"),
        problem::<topic_gateway::Config>(document, "topics"),
        problem::<DoctorConfig>(document, "doctor"),
        problem::<SecretsConfig>(document, "secrets"),
        problem::<TelemetryConfig>(document, "telemetry"),
    ];
    let mut errors: Vec<_> = sections.into_iter().flatten().collect();
    if !errors.iter().any(|error| error.to_string() == first.to_string()) {
        errors.insert(0, first);
    }
    errors
}

fn problem<T: DeserializeOwned>(document: &Document, section: &str) -> Option<ConfigError> {
    document.section::<T>(section).err()
}
