//! Records of Apache Kafka, by an idempotent producer.

mod config;
mod encode;
mod errors;
mod producer;
mod settings;
mod sink;
mod topic;
mod watch;

pub use super::record::Format;
pub use config::{Config, Mechanism, MissingKey, Sasl, Tls};
pub use sink::KafkaSink;
