//! The released binary against real brokers that are killed, paused and stopped, and destinations that fail.
//!
//! Each test prints its seed; `TESTKIT_SEED` repeats it.

mod cluster;
#[cfg(all(feature = "kafka", feature = "postgres"))]
mod destinations;
mod inbound;
mod largest;
mod outage;
mod relay;
mod world;
