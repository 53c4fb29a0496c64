//! The topic gateway by its own configuration, with a real broker, destinations that the tests rule, and a key server.
#![expect(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod batches;
mod bounds;
mod changes;
mod documents;
mod isolation;
mod reasons;
mod reload;
#[cfg(feature = "postgres")]
mod stored;
mod world;
