//! Apache Kafka: one real broker (KRaft, combined mode) on loopback, its data in a temporary folder.

mod server;

pub use server::{KafkaServer, KafkaServerBuilder, PASSWORD, USER};
