//! Real servers, capture sinks and vectors for the tests of Event Bus Bridge.
//!
//! Everything here runs for real: servers that can be killed (`nats-server`, Kafka, PostgreSQL, Kerberos), a listening HTTP
//! destination, a proxy that breaks connections. Whatever is missing on the machine panics with the
//! command that installs it. Only for tests and benches; it depends on no other crate of the project.

pub mod capture;
pub mod certificates;
pub mod github;
pub mod http;
pub mod kafka;
pub mod kerberos;
pub mod moto;
pub mod nats;
pub mod poll;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod report;
pub mod seed;
pub mod sink_suite;
pub mod size;
pub mod tokens;
pub mod tools;
pub mod vectors;

pub use capture::{CaptureSink, CapturedRequest, Record, Reply, Script};
pub use kafka::KafkaServer;
pub use kerberos::Kdc;
pub use moto::MotoServer;
pub use nats::{NatsCluster, NatsServer, nats_versions};
pub use poll::poll_until;
pub use ports::free_port;
pub use postgres::PostgresServer;
pub use process::Bin;
pub use proxy::TcpProxy;
pub use seed::{rng, seed};
pub use size::size;
pub use tokens::{KeyServer, Signer};
