//! What a path stands for.

use std::sync::Arc;

use crate::metrics::{EndpointMetrics, UNKNOWN};
use crate::source::{EventsEndpoint, Source, Table};

/// What a path stands for.
pub(crate) enum Place {
    Hook(Arc<Source>),
    Events(Arc<EventsEndpoint>),
    UnknownSource,
    Nowhere,
}

impl Place {
    /// Paths are taken literally: nothing is decoded, and no segment is resolved.
    pub(crate) fn of(table: &Table, path: &str) -> Self {
        if let Some(name) = path.strip_prefix("/hooks/") {
            return match table.sources.get(name) {
                Some(source) => Self::Hook(Arc::clone(source)),
                None => Self::UnknownSource,
            };
        }
        match (&table.events, path) {
            (Some(events), "/events") => Self::Events(Arc::clone(events)),
            (Some(_) | None, _) => Self::Nowhere,
        }
    }

    pub(crate) fn metrics<'a>(&'a self, table: &'a Table) -> &'a EndpointMetrics {
        match self {
            Self::Hook(source) => &source.endpoint.metrics,
            Self::Events(events) => &events.endpoint.metrics,
            Self::UnknownSource | Self::Nowhere => &table.unknown,
        }
    }

    /// The name of a configured endpoint; what a stranger asked for is not repeated.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Hook(source) => &source.endpoint.name,
            Self::Events(events) => &events.endpoint.name,
            Self::UnknownSource | Self::Nowhere => UNKNOWN,
        }
    }
}
