//! Records of Apache Kafka through a REST bridge in front of it.

mod answer;
mod api;
mod config;
mod parts;
mod sink;

pub use super::record::Format;
pub use api::Api;
pub use config::Config;
pub use sink::KafkaRestSink;
