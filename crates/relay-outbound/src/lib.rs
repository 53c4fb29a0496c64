//! relay-outbound: takes events from durable JetStream consumers and delivers them to sinks.
//!
//! - Delivery is at least once: an event leaves the bus only after its sink confirmed it, or after its retry or
//!   dead letter was stored and confirmed ([`settle`]).
//! - What was tried is kept on the bus, not here; killing the relay at any instant loses nothing.
//! - Each route has its own consumers, window, rate and [`hold`]: one destination cannot slow another down.

pub mod address;
mod budget;
mod checks;
mod claimed;
pub mod config;
mod consumers;
pub mod dead_letters;
mod delivery;
mod expired;
pub mod filter;
pub mod hold;
mod incoming;
mod intake;
mod janitor;
pub mod metrics;
mod monitor;
pub mod objects;
mod origin;
mod probes;
mod receipts;
mod relay;
mod route;
pub mod routes;
mod set_up;
pub mod settle;
pub mod sinks;
mod store;
mod task;
pub mod template;
mod verdict;

pub use checks::{checks, secrets};
pub use config::{BatchConfig, Config, RetryConfig, RouteConfig, Start};
pub use probes::Probe;
pub use relay::{BuildError, Environment, Relay, RunError, STREAMS, doctor_route};
pub use store::StreamNames;
