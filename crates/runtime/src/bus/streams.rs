//! The three streams and what is required of them.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::{ByteSize, duration};

/// Which of the three streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StreamRole {
    Events,
    Retries,
    DeadLetters,
}

/// `[bus.streams]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StreamsConfig {
    pub events: StreamConfig,
    pub retries: StreamConfig,
    pub dead_letters: StreamConfig,
}

/// `[bus.streams.events]` and its siblings. What is left out takes the default of the stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StreamConfig {
    pub name: Option<String>,
    /// Only for `events`.
    pub subjects: Option<Vec<String>>,
    pub replicas: Option<usize>,
    #[serde(with = "duration::option")]
    #[schemars(with = "Option<duration::Text>")]
    pub max_age: Option<Duration>,
    pub max_bytes: Option<ByteSize>,
    #[serde(with = "duration::option")]
    #[schemars(with = "Option<duration::Text>")]
    pub duplicate_window: Option<Duration>,
}

impl StreamsConfig {
    /// Name of a stream on the server.
    pub fn name(&self, role: StreamRole) -> &str {
        let _ = role;
        todo!()
    }

    pub fn subjects(&self, role: StreamRole) -> Vec<String> {
        let _ = role;
        todo!()
    }

    pub fn duplicate_window(&self, role: StreamRole) -> Duration {
        let _ = role;
        todo!()
    }

    /// Zero means for ever.
    pub fn max_age(&self, role: StreamRole) -> Duration {
        let _ = role;
        todo!()
    }
}
