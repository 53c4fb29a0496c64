//! Entries on a bus of AWS EventBridge.

mod config;
mod entry;
mod errors;
mod fields;
mod resolve;
mod sink;
mod trace;

pub use config::Config;
pub use sink::EventBridgeSink;
