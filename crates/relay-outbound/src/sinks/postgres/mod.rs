//! Rows of PostgreSQL: each event once, however often it is delivered.

mod batch;
mod config;
mod connect;
mod errors;
mod migrations;
mod rows;
mod sink;
mod statement;

pub use config::{Config, Tls, TlsMode};
pub use sink::PostgresSink;
