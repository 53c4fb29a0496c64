//! The commands that do one thing and end. The services are in `service`, the all-in-one mode in `up`.

pub(crate) mod access;
pub(crate) mod bus;
pub(crate) mod check_config;
mod client;
pub(crate) mod config_schema;
pub(crate) mod dead_letters;
pub(crate) mod doctor;
pub(crate) mod listen;
pub(crate) mod publish;
pub(crate) mod routes;
pub(crate) mod schemas;
pub(crate) mod trigger;
