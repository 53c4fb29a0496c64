//! The topic gateway, run by a configuration folder as it is, with real Kafka, PostgreSQL and brokers, AWS as moto and a
//! capture emulate it, and a key server that the tests rule.
//!
//! With `TESTKIT_FULL=1` each test does all that it can; without it, enough for every change. Each test prints its seed;
//! `TESTKIT_SEED` repeats it.
#![cfg(all(feature = "kafka", feature = "postgres", feature = "eventbridge"))]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed step of a test ends it, and figures are shown"
)]

mod durability;
mod equality;
mod failures;
mod hanging;
mod jobs;
mod kills;
mod kit;
mod openapi;
mod rotation;
mod tokens;
mod world;
