//! The doctor against real brokers, a relay and an inbound service in this process.
#![expect(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod broken;
mod inbound;
mod routes;
mod running;
mod settings;
mod sound;
mod trace;
mod world;
