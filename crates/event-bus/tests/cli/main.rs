//! The binary as a user runs it, against real brokers.

mod configuration;
mod dead_letters;
mod documents;
mod events;
mod refused;
mod reload;
mod stopping;
mod trigger;
mod up;
mod world;
