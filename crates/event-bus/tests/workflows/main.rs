//! The steps of `publish-cloudevent.yml` and of the action, executed with real inputs against a real broker.
#![expect(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod bus;
mod connections;
mod examples;
mod failures;
mod ids;
mod runner;
mod values;
