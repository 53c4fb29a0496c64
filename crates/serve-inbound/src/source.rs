//! What requests are judged by: the sources of one configuration, ready to use.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use event_bus_core::event::Data;
use event_bus_core::signature::Verifier;
use event_bus_core::subject::Template;
use event_bus_runtime::limiter::Limiter;
use http::HeaderName;
use ipnet::IpNet;

use crate::config::BodyForm;
use crate::error::ReceiveError;
use crate::limits::ClientLimiter;
use crate::metrics::EndpointMetrics;
use crate::schema::Schema;

/// One configuration, whole: a reload replaces it, and requests under way keep the one that they started with.
pub(crate) struct Table {
    pub(crate) sources: HashMap<String, Arc<Source>>,
    pub(crate) events: Option<Arc<EventsEndpoint>>,
    /// Counts requests that belong to no configured endpoint, whatever path they had.
    pub(crate) unknown: EndpointMetrics,
    /// Without a slash at its end.
    pub(crate) public_url: Option<String>,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) clients: Option<ClientLimiter>,
    pub(crate) max_body: Option<usize>,
    pub(crate) max_headers: usize,
    pub(crate) body_timeout: Duration,
}

/// One `/hooks/<name>`.
pub(crate) struct Source {
    pub(crate) endpoint: Endpoint,
    pub(crate) body: BodyForm,
    /// A header whose value becomes `{event}`.
    pub(crate) event_header: Option<HeaderName>,
}

/// `/events`.
pub(crate) struct EventsEndpoint {
    pub(crate) endpoint: Endpoint,
    pub(crate) allowed_origins: Vec<String>,
    pub(crate) max_batch: usize,
    /// Requests per minute that are granted to an origin; `None` without limit.
    pub(crate) granted_rate: Option<u32>,
}

/// What both kinds of endpoint have.
pub(crate) struct Endpoint {
    pub(crate) name: String,
    pub(crate) verifier: Verifier,
    pub(crate) subject: Template,
    pub(crate) schema: Option<Schema>,
    pub(crate) rate: Option<Limiter>,
    pub(crate) metrics: EndpointMetrics,
}

impl Endpoint {
    /// Refuses data that does not fit the schema, if there is one.
    pub(crate) fn check_schema(&self, data: Option<&Data>) -> Result<(), ReceiveError> {
        match &self.schema {
            Some(schema) => schema.check(data).map_err(ReceiveError::SchemaMismatch),
            None => Ok(()),
        }
    }
}
