//! Entries on a bus of AWS EventBridge.

mod backoff;
mod config;
mod entry;
mod errors;
mod fields;
mod sink;
mod trace;

pub use config::Config;
pub use sink::EventBridgeSink;
