//! The configuration file as a whole, and where it comes from.

mod problems;
pub(crate) mod restart;
pub(crate) mod secrets;
#[cfg(test)]
mod tests;
pub(crate) mod topics;

use std::path::PathBuf;

use event_bus_doctor::DoctorConfig;
use event_bus_runtime::bus::{ServerUrls, StreamRole};
use event_bus_runtime::config::Problem;
use event_bus_runtime::telemetry::TelemetryConfig;
use event_bus_runtime::{BusConfig, ConfigError, Document, EnvMap, SecretRef, SecretsConfig};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::failure::Failure;
use crate::reference::Origin;

/// Stands for the name of a file where there is none.
const NO_FILE: &str = "configuration";

/// Names the configuration file where `--config` does not.
const CONFIG_VARIABLE: &str = "EVENT_BUS_CONFIG";

/// Begins the names of variables that lie over the file.
const OVERLAY_PREFIX: &str = "EVENT_BUS__";

/// `event-bus.toml`: one file for all modes. Each mode uses `[bus]` and its own section; every section is checked.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RootConfig {
    /// How to reach the broker and how its streams are made.
    #[serde(default)]
    pub(crate) bus: BusConfig,
    /// serve-inbound: HTTP to the bus.
    #[serde(default)]
    pub(crate) inbound: Option<serve_inbound::Config>,
    /// relay-outbound: the bus to sinks.
    #[serde(default)]
    pub(crate) outbound: Option<relay_outbound::Config>,
    /// topic-gateway: governed topics to the bus.
    #[serde(default)]
    pub(crate) topics: Option<topic_gateway::Config>,
    /// The doctor's built-in source and route.
    #[serde(default)]
    pub(crate) doctor: Option<DoctorConfig>,
    /// How secrets may be given.
    #[serde(default)]
    pub(crate) secrets: SecretsConfig,
    /// What is logged and how.
    #[serde(default)]
    pub(crate) telemetry: TelemetryConfig,
}

/// Where the configuration comes from, so that it can be read again.
#[derive(Clone, Debug)]
pub(crate) struct ConfigSource {
    file: Option<PathBuf>,
    env: EnvMap,
    url: Option<ServerUrls>,
    origin: Option<Origin>,
}

impl ConfigSource {
    /// The named file, else that of `EVENT_BUS_CONFIG`, else the environment alone. `url` replaces `bus.url`.
    pub(crate) fn new(file: Option<PathBuf>, url: Option<ServerUrls>, env: EnvMap) -> Self {
        let named = || env.get(CONFIG_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
        Self { file: file.or_else(named), env, url, origin: None }
    }

    /// The same with another file.
    #[must_use]
    pub(crate) fn with_file(self, file: PathBuf) -> Self {
        Self { file: Some(file), ..self }
    }

    /// The same, whose file is made of something else.
    #[must_use]
    pub(crate) fn made_of(self, origin: Origin) -> Self {
        Self { origin: Some(origin), ..self }
    }

    /// Makes the file anew, if it is made of something else.
    pub(crate) async fn remake(&self) -> Result<(), Failure> {
        match (&self.origin, &self.file) {
            (Some(origin), Some(file)) => origin.write(&self.env, file).await,
            (Some(_), None) | (None, _) => Ok(()),
        }
    }

    /// The same with another broker.
    #[must_use]
    pub(crate) fn with_url(self, url: ServerUrls) -> Self {
        Self { url: Some(url), ..self }
    }

    pub(crate) fn file(&self) -> Option<&PathBuf> {
        self.file.as_ref()
    }

    /// The broker that replaces `bus.url`.
    pub(crate) fn url(&self) -> Option<&ServerUrls> {
        self.url.as_ref()
    }

    pub(crate) fn env(&self) -> &EnvMap {
        &self.env
    }

    /// Whether there is neither a file nor a variable to read, so that everything is a default.
    pub(crate) fn is_empty(&self) -> bool {
        self.file.is_none() && !self.env.iter().any(|(name, _)| name.starts_with(OVERLAY_PREFIX))
    }

    /// Reads and checks everything; whatever is wrong is one message.
    pub(crate) fn read(&self) -> Result<RootConfig, Failure> {
        let document = self.document().map_err(Failure::misuse)?;
        let mut config = problems::read(&document).map_err(|errors| {
            let lines: Vec<_> = errors.iter().map(|error| format!("\n  {error}")).collect();
            Failure::usage(format!("the configuration cannot be used{}", lines.concat()))
        })?;
        if let Some(url) = &self.url {
            config.bus.url = url.clone();
        }
        Ok(config)
    }

    /// Everything that is wrong, or the configuration.
    pub(crate) fn check(&self) -> Result<RootConfig, Vec<ConfigError>> {
        let document = self.document().map_err(|error| vec![error])?;
        problems::read(&document)
    }

    fn document(&self) -> Result<Document, ConfigError> {
        match &self.file {
            Some(path) => Document::read(path, &self.env),
            None => Document::parse(NO_FILE, "", &self.env),
        }
    }
}

impl RootConfig {
    /// Every problem that the types cannot see, without any I/O.
    fn validate(&self) -> Vec<Problem> {
        let subjects = self.bus.streams.subjects(StreamRole::Events);
        let mut problems = self.bus.validate();
        problems.extend(self.inbound.iter().flat_map(|inbound| inbound.validate(&subjects)));
        problems.extend(self.outbound.iter().flat_map(|outbound| outbound.validate(&subjects)));
        problems.extend(self.topics.iter().flat_map(topic_gateway::Config::validate));
        problems.extend(self.unanswered_topics());
        problems.extend(self.secrets.validate());
        problems.extend(self.telemetry.validate());
        problems
    }

    /// Where the secret of the doctor's built-in source and route is; none switches them off.
    pub(crate) fn doctor_secret(&self) -> Option<&SecretRef> {
        self.doctor.as_ref().and_then(|doctor| doctor.secret.as_ref())
    }

    /// Names of the streams, as the relay and its tools use them.
    pub(crate) fn stream_names(&self) -> relay_outbound::StreamNames {
        let name = |role| self.bus.streams.name(role).to_owned();
        relay_outbound::StreamNames {
            events: name(StreamRole::Events),
            retries: name(StreamRole::Retries),
            dead_letters: name(StreamRole::DeadLetters),
        }
    }
}
