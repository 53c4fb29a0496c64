//! The relay against a real broker and real HTTP destinations.

mod delivering;
mod failing;
mod holding;
mod reloading;
mod stopping;
mod suite;
mod versions;
mod world;
