//! Settings of a gateway, as they are after the configuration was read.

use std::time::Duration;

use bytes::Bytes;
use event_bus_runtime::config::Rate;
use http::HeaderValue;
use http::header::InvalidHeaderValue;

use crate::config::Config;
use crate::payload_log::PayloadLog;
use crate::profile::Profile;

/// Settings of the HTTP contract.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Wording of answers.
    pub profile: Profile,
    /// What `/api` serves.
    pub api: Bytes,
    /// Where `/token` leads.
    pub token_provider: HeaderValue,
    /// Largest body, in bytes.
    pub max_body_bytes: usize,
    /// Deepest nesting of a message.
    pub max_depth: usize,
    /// Most messages of one request.
    pub max_batch: usize,
    /// Time for the body to arrive.
    pub body_read_timeout: Duration,
    /// Bytes of bodies that are held at once.
    pub max_bytes_in_flight: usize,
    /// Requests that are handled at once, without those that wait for destinations.
    pub max_concurrent_requests: usize,
    /// Requests of one topic that wait for destinations at once.
    pub max_waiting: usize,
    /// Connections that are open at once.
    pub max_connections: usize,
    /// Messages of one subject; no limit by default.
    pub subject_rate: Option<Rate>,
    /// What of a message the log shows.
    pub payload_log: PayloadLog,
    /// Time for the stream to confirm an event.
    pub publish_within: Duration,
    /// Time for the destinations of a topic to answer, where producers wait for them.
    pub delivered_within: Duration,
}

impl Settings {
    /// The settings of a configuration. `/api` serves `api`.
    pub fn of(config: &Config, api: Bytes) -> Result<Self, InvalidHeaderValue> {
        let limits = &config.limits;
        let location = config.token_provider.as_ref().map_or("", url::Url::as_str);
        Ok(Self {
            profile: config.compat,
            api,
            token_provider: HeaderValue::from_str(location)?,
            max_body_bytes: limits.max_body_bytes.as_usize(),
            max_depth: limits.max_depth.get(),
            max_batch: limits.max_batch.get(),
            body_read_timeout: limits.body_read_timeout,
            max_bytes_in_flight: limits.max_bytes_in_flight.as_usize(),
            max_concurrent_requests: limits.max_concurrent_requests.get(),
            max_waiting: limits.max_waiting_per_topic.get(),
            max_connections: limits.max_connections.get(),
            subject_rate: limits.subject_rate,
            payload_log: PayloadLog {
                redact_keys: config.payload_log.redact_keys.clone(),
                max_bytes: config.payload_log.max_bytes.as_usize(),
            },
            publish_within: config.publish_within,
            delivered_within: config.delivered_within,
        })
    }
}
