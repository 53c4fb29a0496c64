//! Real servers, capture sinks and vectors for the tests of Event Bus Bridge.
//!
//! Everything here runs for real: a `nats-server` process that can be killed, a listening HTTP
//! destination, a proxy that breaks connections. Whatever is missing on the machine panics with the
//! command that installs it. Only for tests and benches; it depends on no other crate of the project.

pub mod capture;
pub mod http;
pub mod nats;
pub mod poll;
pub mod ports;
pub mod process;
pub mod proxy;
pub mod report;
pub mod seed;
pub mod sink_suite;
pub mod vectors;

pub use capture::{CaptureSink, CapturedRequest, Record, Reply, Script};
pub use nats::{NatsCluster, NatsServer, nats_versions};
pub use poll::poll_until;
pub use ports::free_port;
pub use process::Bin;
pub use proxy::TcpProxy;
pub use seed::{rng, seed};
