//! One row for each key, into which events are folded by their time, in whatever order they come.
//!
//! A row with one time cannot tell which of its values is newer than an event that comes late, so each column, and each
//! member of a merged object, has a stamp of its own: the event that it comes from. The stamps stand in a table beside
//! the target and are written with the values, under a lock of the key.

mod config;
mod fold;
mod merger;
mod rule;
mod stamp;
mod statements;

pub use config::{MergeConfig, NamedRule, RuleConfig, RuleTable};
pub(super) use merger::{MergePlan, Merger};
pub(super) use stamp::Stamp;
