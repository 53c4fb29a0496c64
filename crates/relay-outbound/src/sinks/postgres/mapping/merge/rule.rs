//! How the values of a column are folded.

use event_bus_core::delivery::DeliveryError;

use super::super::{Source, SourceConfig};
use super::config::{NamedRule, RuleConfig};
use crate::sinks::postgres::columns::{Scope, Seen};

/// What becomes of the values of a column.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// It names the row.
    Key,
    Latest,
    LatestOrNull,
    /// The newest that is none of these; the first of these stands if there is none.
    LatestUnless(Vec<String>),
    MergeObject,
    Max,
}

/// Which events give a value.
#[derive(Debug)]
pub(super) struct Condition {
    source: Source,
    is: Vec<String>,
}

impl Rule {
    /// Reads a rule of the settings, perhaps with a condition.
    pub(super) fn parse(config: &RuleConfig) -> Result<(Self, Option<Condition>), String> {
        let table = match config {
            RuleConfig::Named(NamedRule::Latest) => return Ok((Self::Latest, None)),
            RuleConfig::Named(NamedRule::LatestOrNull) => return Ok((Self::LatestOrNull, None)),
            RuleConfig::Named(NamedRule::MergeObject) => return Ok((Self::MergeObject, None)),
            RuleConfig::Named(NamedRule::Max) => return Ok((Self::Max, None)),
            RuleConfig::Table(table) => table,
        };
        let texts = |literals: &[super::super::literal::Literal]| {
            literals.iter().map(|literal| literal.as_str().to_owned()).collect::<Vec<_>>()
        };
        match (&table.latest_unless, &table.when) {
            (Some(values), None) if !table.is.is_empty() || values.is_empty() => {
                Err("`latest_unless` needs a value and no `is`; write { latest_unless = [1] }"
                    .to_owned())
            }
            (Some(values), None) => Ok((Self::LatestUnless(texts(values)), None)),
            (None, Some(_)) if table.is.is_empty() => {
                Err("`when` needs values; write them in `is`".to_owned())
            }
            (None, Some(when)) => {
                let source = parse_source(when)?;
                Ok((Self::Latest, Some(Condition { source, is: texts(&table.is) })))
            }
            (Some(_), Some(_)) | (None, None) => {
                Err("must have either `latest_unless` or `when` with `is`; write one of them"
                    .to_owned())
            }
        }
    }
}

impl Condition {
    /// Whether the event gives a value.
    pub(super) fn holds(&self, seen: &Seen<'_, '_>) -> Result<bool, DeliveryError> {
        let value = self.source.value(seen)?;
        Ok(value.is_some_and(|value| self.is.contains(&value)))
    }
}

pub(super) fn parse_source(config: &SourceConfig) -> Result<Source, String> {
    Source::parse(config, Scope::Event)
}
