//! The binary as a user runs it, against real brokers.
#![expect(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod access;
mod asyncapi;
mod configuration;
mod dead_letters;
mod documented;
mod documents;
mod events;
mod events_over_http;
mod findings;
mod image;
mod metrics;
mod observability;
mod openapi;
mod permissions;
mod refused;
mod reload;
mod schemas;
mod stopping;
mod subjects;
mod topic_documents;
mod topic_findings;
mod topic_start;
mod topic_statistics;

mod topics_http;
mod topics_openapi;
mod topics_page;
mod topics_world;
mod trigger;
mod up;
mod vaults;
mod versions;
mod world;
