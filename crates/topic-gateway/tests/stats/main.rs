//! `POST /stats/{topic}` against a real PostgreSQL with the tables, indexes and roles of the example.
#![expect(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod contract;
mod outages;
mod pages;
mod plans;
mod rows;
mod scale;
mod tables;
mod world;
