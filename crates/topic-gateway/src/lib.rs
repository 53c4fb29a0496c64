//! Governed topics over HTTP: tokens, access, schemas, and one answer that says which destinations have the event.

pub mod access;
mod admission;
mod advice;
mod answer;
mod batch;
mod bucket;
mod checks;
pub mod compat;
pub mod config;
mod docs;
pub mod documents;
mod failures;
mod follow;
mod gateway;
mod governance;
mod health;
pub mod json;
mod lane;
mod metrics;
mod outcomes;
pub mod pattern;
mod payload_log;
mod profile;
mod publish;
mod reason;
mod rules;
pub mod schema;
mod settings;
#[cfg(feature = "postgres")]
pub mod stats;
mod storage;
mod store;
pub mod token;
mod topic;

pub use advice::advice;
pub use answer::{Answer, Problem, Refusal};
pub use checks::{Route, checks};
pub use config::{Config, RegistryConfig, TopicConfig};
pub use documents::{Location, Reader};
pub use follow::{Follower, Prepared, Unusable};
pub use gateway::{API, Gateway, Parts};
pub use governance::{FindDestinations, Governance, GovernanceError, Look};
pub use health::Probe;
pub use metrics::{Document, GatewayMetrics, export_keys};
pub use outcomes::{Known, Outcomes, Waiter};
pub use payload_log::PayloadLog;
pub use profile::Profile;
pub use reason::Reason;
pub use rules::{Governed, Rules, field_value};
pub use settings::Settings;
#[cfg(feature = "postgres")]
pub use stats::{Stats, StatsConfig, StatsError};
pub use storage::{ColumnType, Storage, Unstorable};
pub use topic::{Acknowledge, Destination, NoEvent, Topic, subject};
