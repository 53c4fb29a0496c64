//! The Slack sink against a small stub that answers as Slack's documentation says; Slack itself cannot be run here.
#![expect(clippy::unwrap_used, reason = "a failed step of a test ends it")]

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

mod conforming;
mod posting;
mod secrecy;
mod stub;
mod templates;
