//! A source with what is done to its value before it goes into a column.

use event_bus_core::delivery::DeliveryError;

use super::number;
use super::{Epoch, SourceConfig};
use crate::sinks::postgres::columns::{Content, Scope, Seen};

/// Where a value comes from, and what becomes of it.
#[derive(Debug)]
pub(in super::super) struct Source {
    /// As it stands in the settings.
    from: String,
    content: Content,
    default: Option<String>,
    round: bool,
    pub(super) epoch: Option<Epoch>,
}

/// A number that is no instant.
#[derive(Debug, thiserror::Error)]
#[error(
    "the value of `{0}` is no number that counts from 1970, or tells none of the years 1 to 9999"
)]
struct NoInstant(String);

impl Source {
    /// Reads a source of the settings.
    pub(in super::super) fn parse(config: &SourceConfig, scope: Scope) -> Result<Self, String> {
        let settings = &config.0;
        if settings.round && settings.epoch.is_some() {
            return Err("`round` and `epoch` do not go together; remove one of them".to_owned());
        }
        let default = settings.default.as_ref().map(|default| default.as_str().to_owned());
        if default.as_ref().is_some_and(|default| default.contains('\0')) {
            return Err("`default` must not hold the character NUL; remove it".to_owned());
        }
        Ok(Self {
            from: settings.from.clone(),
            content: Content::parse(&settings.from, scope)?,
            default,
            round: settings.round,
            epoch: settings.epoch,
        })
    }

    /// The value as text that PostgreSQL casts, or null.
    pub(in super::super) fn value(
        &self,
        seen: &Seen<'_, '_>,
    ) -> Result<Option<String>, DeliveryError> {
        let Some(value) = seen.value(&self.content)? else { return Ok(self.default.clone()) };
        match self.epoch {
            Some(epoch) => number::timestamp(&value, epoch)
                .map(Some)
                .ok_or_else(|| DeliveryError::Unencodable(NoInstant(self.from.clone()).into())),
            None if self.round => Ok(Some(number::rounded(&value))),
            None => Ok(Some(value)),
        }
    }
}
