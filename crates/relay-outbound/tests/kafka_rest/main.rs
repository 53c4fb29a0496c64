//! The Kafka REST sink against stubs of the three APIs.
//!
//! The stubs take what the APIs document and answer as they document; none of the bridges themselves can be run here. What
//! the records hold is read again by the binding of the CloudEvents specification, here and in Python.
#![expect(clippy::unwrap_used, reason = "a failed step of a test ends it")]

#[path = "../relay/payloads.rs"]
mod github;
#[path = "../relay/harness.rs"]
#[expect(dead_code, reason = "other targets need more of it")]
mod harness;
#[path = "../relay/journey.rs"]
mod journey;
#[path = "../relay/workshop.rs"]
mod workshop;
#[path = "../relay/world.rs"]
#[expect(dead_code, reason = "other targets need more of it")]
mod world;

mod batches;
mod checking;
mod conforming;
mod payloads;
mod records;
mod settings;
mod stub;
