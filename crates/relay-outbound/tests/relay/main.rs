//! The relay against a real broker and real destinations.
#![expect(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod batching;
mod claimed;
mod delivering;
mod failing;
mod harness;
mod holding;
mod journey;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "kafka")]
mod payloads;
mod receipts;
mod reloading;
mod stopping;
mod suite;
mod versions;
mod workshop;
mod world;
