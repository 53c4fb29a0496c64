//! HTTP to the bus: verifies webhooks, wraps them as CloudEvents, answers 2xx when they are durable.
//!
//! `POST /hooks/<source>` takes the requests of a configured provider, `POST /events` takes CloudEvents. Guarantees:
//!
//! - A 2xx means that the stream has confirmed the event, or did so before (a duplicate), or that the request was a
//!   handshake. Anything else is a non-2xx, and every non-2xx has a reason from a closed list.
//! - Nothing is parsed before its signature passed; an unverified body cannot reach the stream.
//! - The same event is stored once within the stream's duplicate window, whichever replica takes it.
//!
//! What it does not do: TLS (put a proxy in front), and remember anything: state lives on the bus.

mod build;
mod checks;
mod client;
pub mod config;
mod consent;
pub mod doctor;
mod error;
mod events;
mod inbound;
mod limits;
mod listen;
mod metrics;
mod place;
mod publish;
mod receive;
mod refusal;
mod respond;
mod schema;
mod seen;
mod source;
mod trace;

pub use build::BuildError;
pub use checks::{checks, secrets};
pub use config::{Config, Provider, SourceConfig};
pub use error::ReceiveError;
pub use event_bus_runtime::server::ServeError;
pub use inbound::{Inbound, Parts, Target};
pub use listen::serve;

/// Name of the endpoint `POST /events` where a source's name would stand; no source can have it.
pub const EVENTS_ENDPOINT: &str = "events";
