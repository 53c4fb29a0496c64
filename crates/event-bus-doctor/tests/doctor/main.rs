//! The doctor against real brokers, a relay and an inbound service in this process.

mod broken;
mod routes;
mod settings;
mod sound;
mod trace;
mod world;
