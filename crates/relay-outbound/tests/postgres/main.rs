//! The Postgres sink against a real server, read again with `psql`.
#![expect(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod broken;
mod children;
#[path = "../relay/harness.rs"]
mod harness;
#[path = "../relay/journey.rs"]
mod journey;
mod merge;
mod migrations;
mod own_table;
mod payloads;
mod setup;
mod status_changes;
mod suite;
mod tls;
mod topics;
mod unique;
#[expect(dead_code, reason = "the tests of the relay use the rest")]
#[path = "../relay/world.rs"]
mod world;
