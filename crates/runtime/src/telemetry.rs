//! Logs on stderr.

use schemars::JsonSchema;
use serde::Deserialize;

/// `[telemetry]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    pub log_format: LogFormat,
    /// Which logs are written, such as `info` or `info,relay_outbound=debug`.
    pub log_filter: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    #[default]
    Auto,
    Json,
    Text,
}

#[must_use = "logs are flushed when it is dropped"]
#[derive(Debug)]
pub struct TelemetryGuard(());

#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("logging is set up already")]
    AlreadySetUp,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self { log_format: LogFormat::Auto, log_filter: "info".to_owned() }
    }
}

pub fn init(config: &TelemetryConfig) -> Result<TelemetryGuard, TelemetryError> {
    let _ = config;
    todo!()
}
