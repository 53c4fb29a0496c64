//! `[outbound]`: the relay's settings, as they stand in the file.

mod batch;
mod start;
#[cfg(test)]
mod tests;
mod validate;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use event_bus_core::schedule::{InvalidSchedule, Schedule};
use event_bus_core::wire;
use event_bus_runtime::config::{ByteSize, Rate, duration};
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::sinks::SinkConfig;

pub use batch::BatchConfig;
pub use start::Start;

/// `[outbound]`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address of the admin listener (`/livez`, `/readyz`, `/metrics`); none by default.
    pub admin_listen: Option<SocketAddr>,
    /// Time that deliveries under way get to finish after a shutdown signal.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub grace: Duration,
    /// Refuses destinations in private, link-local and metadata networks.
    pub deny_private: bool,
    /// Networks that are allowed although `deny_private` would refuse them, such as `10.1.0.0/16`.
    #[schemars(with = "Vec<String>")]
    pub allow_cidrs: Vec<IpNet>,
    /// Buckets of the object store from which the data of events may be fetched (`dataref`).
    pub data_buckets: Vec<String>,
    /// Routes: which events go where.
    pub routes: Vec<RouteConfig>,
}

/// One `[[outbound.routes]]`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteConfig {
    /// Name of the route and of its consumers: `[a-z0-9][a-z0-9-]{0,62}`.
    pub name: String,
    /// Subjects to deliver, wildcards allowed; they must not overlap.
    pub subjects: Vec<String>,
    /// CloudEvents types to deliver; `*` at the end matches any rest. None means all.
    #[serde(default)]
    pub types: Vec<String>,
    /// CloudEvents sources to deliver; `*` at the end matches any rest. None means all.
    #[serde(default)]
    pub sources: Vec<String>,
    /// CEL expression over the attributes and `data`. A missing field makes it false.
    #[serde(default)]
    pub filter: Option<String>,
    /// Where a new route begins: `"all"` (by default), `"new"`, or a time (RFC 3339). Takes effect once, when the route
    /// is created.
    #[serde(default)]
    pub start: Start,
    /// Attempts, waits and the place of dead letters.
    #[serde(default)]
    pub retry: RetryConfig,
    /// Events that may be under way at once, over all replicas.
    #[serde(default = "default_window")]
    pub window: NonZeroU32,
    /// Bytes of events that may be sent at once, per replica. Events that wait for room lie in memory as well: at most
    /// `window` of them.
    #[serde(default = "default_window_bytes")]
    pub window_bytes: ByteSize,
    /// Most deliveries per second and replica, such as `"50/s"`. No batch is larger than the rate of one second.
    #[serde(default)]
    pub rate: Option<Rate>,
    /// How many events are handed to the sink at once; by default up to 100, as far as the kind of sink takes batches.
    #[serde(default)]
    pub batch: Option<BatchConfig>,
    /// Whether what becomes of each event is kept in the bucket `RECEIPTS` of the key-value store, as long as the stream
    /// of events remembers it, for programs that wait for it.
    #[serde(default)]
    pub receipts: bool,
    /// The destination.
    pub sink: SinkConfig,
}

/// `retry` of a route.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetryConfig {
    /// Attempts in all, the first one included.
    pub attempts: NonZeroU32,
    /// Waits before each attempt; the last one repeats.
    #[serde(with = "duration::list")]
    #[schemars(with = "Vec<duration::Text>")]
    pub schedule: Vec<Duration>,
    /// Beginning of the subject of this route's dead letters; the event's subject follows. Must start with `dead.`.
    pub dead_letter_subject: Option<String>,
    /// Bytes of waiting retries beyond which the route takes no new events.
    pub max_bytes: ByteSize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            admin_listen: None,
            grace: Duration::from_secs(25),
            deny_private: false,
            allow_cidrs: Vec::new(),
            data_buckets: vec![wire::DATA_BUCKET.to_owned()],
            routes: Vec::new(),
        }
    }
}

impl Default for RetryConfig {
    fn default() -> Self {
        let schedule = Schedule::default();
        Self {
            attempts: NonZeroU32::new(schedule.attempts()).unwrap_or(NonZeroU32::MIN),
            schedule: (1..=schedule.attempts())
                .map(|attempt| schedule.wait_before(attempt))
                .collect(),
            dead_letter_subject: None,
            max_bytes: ByteSize(1024 * 1024 * 1024),
        }
    }
}

impl RetryConfig {
    /// The schedule, if the settings make sense.
    pub fn schedule(&self) -> Result<Schedule, InvalidSchedule> {
        Schedule::new(self.attempts, self.schedule.clone())
    }
}

impl RouteConfig {
    /// A route with this name and sink, without subjects, and everything else by default.
    pub fn new(name: &str, sink: SinkConfig) -> Self {
        Self {
            name: name.to_owned(),
            subjects: Vec::new(),
            types: Vec::new(),
            sources: Vec::new(),
            filter: None,
            start: Start::default(),
            retry: RetryConfig::default(),
            window: default_window(),
            window_bytes: default_window_bytes(),
            rate: None,
            batch: None,
            receipts: false,
            sink,
        }
    }

    /// Beginning of the subject of this route's dead letters.
    pub fn dead_letter_prefix(&self) -> String {
        match &self.retry.dead_letter_subject {
            Some(prefix) => prefix.clone(),
            None => wire::dead_letter_prefix(&self.name),
        }
    }
}

fn default_window() -> NonZeroU32 {
    NonZeroU32::new(256).unwrap_or(NonZeroU32::MIN)
}

fn default_window_bytes() -> ByteSize {
    ByteSize(64 * 1024 * 1024)
}
