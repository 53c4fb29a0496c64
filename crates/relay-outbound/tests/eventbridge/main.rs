//! The EventBridge sink. `moto` stands for AWS where delivering is looked at: what was put is read behind a rule, from
//! SQS, with boto3. moto never throttles, fails or checks, so a stub stands for AWS where that is looked at; it gives the
//! answers that AWS documents.
#![expect(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod access;
mod answers;
mod delivered;
#[path = "../relay/harness.rs"]
mod harness;
#[path = "../relay/journey.rs"]
mod journey;
mod stub;
mod suite;
#[expect(dead_code, reason = "the tests of the relay use the rest")]
#[path = "../relay/world.rs"]
mod world;
