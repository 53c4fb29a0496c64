//! The Kafka sink against a real broker, read again by a stock client.

mod cases;
mod payloads;
mod security;
mod suite;
