//! Rows of a PostgreSQL table, one for each event, however often it is delivered.

mod columns;
mod config;
mod connections;
mod errors;
mod fields;
mod mapping;
mod migrations;
mod parts;
mod payload;
mod server;
mod sink;
mod table;

pub use config::Config;
pub use event_bus_runtime::postgres::TlsMode;
pub use mapping::{
    ChildConfig, Epoch, MergeConfig, NamedRule, RuleConfig, RuleTable, SourceConfig,
};
pub use sink::PostgresSink;
