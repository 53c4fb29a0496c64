//! The real `nats-server`: single, in several versions, and as a cluster.

mod binary;
mod builder;
mod cluster;
mod operator;
mod probe;
mod server;

pub use binary::{NEWEST, VERSIONS, locate, nats_versions};
pub use builder::NatsServerBuilder;
pub use cluster::NatsCluster;
pub use operator::Operator;
pub use server::NatsServer;
