//! Governed topics over HTTP: tokens, access, schemas, and one answer that says which destinations have the event.

pub mod access;
pub mod compat;
pub mod json;
pub mod schema;
pub mod token;
