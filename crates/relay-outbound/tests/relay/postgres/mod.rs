//! The Postgres sink against a real PostgreSQL.

mod cases;
mod suite;
mod tls;
