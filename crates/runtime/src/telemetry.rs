//! Logs: to stderr, as JSON when nobody watches and as text on a terminal.

use std::io::IsTerminal;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::Problem;

/// What is logged by default. The client library repeats what `bus` logs already, and AWS's SDK prints its own structures
/// where whoever called it says what has failed.
const DEFAULT_FILTER: &str = "info,async_nats=warn,aws_=error";

/// `[telemetry]`: what is logged and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// Form of the logs.
    pub log_format: LogFormat,
    /// Which logs are written, such as `info` or `info,relay_outbound=debug`.
    pub log_filter: String,
}

/// Form of the logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// One JSON object a line.
    Json,
    /// Lines for a person.
    Text,
}

/// Keeps telemetry alive; drop it last.
#[must_use = "telemetry ends when this is dropped"]
#[derive(Debug)]
pub struct TelemetryGuard(());

/// Why logs cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter cannot be read.
    #[error("telemetry.log_filter is invalid")]
    Filter(#[source] ParseError),
    /// Something else in this process takes the logs already.
    #[error("logging is set up already")]
    AlreadySetUp,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self { log_format: LogFormat::Auto, log_filter: DEFAULT_FILTER.to_owned() }
    }
}

impl TelemetryConfig {
    /// Every problem at once; paths start with `telemetry`.
    pub fn validate(&self) -> Vec<Problem> {
        let problem = |error| Problem::new("telemetry.log_filter", format!("no filter: {error}"));
        EnvFilter::try_new(&self.log_filter).map_err(problem).err().into_iter().collect()
    }
}

/// Sends the logs of this process to stderr from now on. Called once.
pub fn init(config: &TelemetryConfig) -> Result<TelemetryGuard, TelemetryError> {
    let filter = EnvFilter::try_new(&config.log_filter).map_err(TelemetryError::Filter)?;
    let terminal = std::io::stderr().is_terminal();
    let json = match config.log_format {
        LogFormat::Auto => !terminal,
        LogFormat::Json => true,
        LogFormat::Text => false,
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    let started = if json {
        registry.with(lines.json().flatten_event(true).with_span_list(false)).try_init()
    } else {
        registry.with(lines.with_ansi(terminal)).try_init()
    };
    started.map(|()| TelemetryGuard(())).map_err(|_| TelemetryError::AlreadySetUp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_cannot_be_read_is_a_problem() {
        assert_eq!(TelemetryConfig::default().validate(), Vec::new());
        let config = TelemetryConfig { log_filter: "a=b=c".to_owned(), ..Default::default() };
        assert_eq!(config.validate()[0].path, "telemetry.log_filter");
        assert!(matches!(init(&config), Err(TelemetryError::Filter(_))));
    }
}
