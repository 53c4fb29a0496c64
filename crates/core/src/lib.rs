//! The vocabulary of Event Bus Bridge: events, signatures, subjects, and what is written on the wire.
//!
//! Everything here is pure: no I/O, no clock, no environment. Time is an argument. What a function of this crate
//! answers depends on its arguments alone, so every rule can be tested with plain values.

#![warn(missing_docs)]

pub mod claim_check;
pub mod delivery;
mod error;
pub mod event;
pub mod key;
pub mod schedule;
pub mod signature;
pub mod subject;
pub mod wire;

pub use error::Chain;
