//! What an event becomes beyond one new row: rows of other tables, rows that no index knows again, merged rows.

mod arguments;
mod children;
mod config;
mod insert;
mod literal;
mod merge;
mod number;
mod parameters;
mod plan;
mod record;
mod source;
mod transaction;
mod validate;

use children::Child;
pub use config::{ChildConfig, Epoch, SourceConfig};
pub(super) use insert::Known;
pub use merge::{MergeConfig, NamedRule, RuleConfig, RuleTable};
pub(super) use plan::{Mapping, Plan};
pub(super) use record::Record;
pub(super) use source::Source;
pub(super) use validate::problems;
