//! From settings to sources that are ready: secrets are resolved, schemas compiled, templates parsed.

use std::collections::HashMap;
use std::sync::Arc;

use event_bus_core::signature::{
    Scheme, SecretProblem, SigningSecret, TemplateProblem, TokenScheme, Verifier,
};
use event_bus_core::subject::{InvalidSubject, Template};
use event_bus_core::wire;
use event_bus_runtime::limiter::Limiter;
use event_bus_runtime::{Secret, SecretError, SecretRef, SecretResolver};
use http::header::AUTHORIZATION;

use crate::config::{BodyForm, Config, EventsAuth, EventsConfig, SourceConfig};
use crate::limits::ClientLimiter;
use crate::metrics::{InboundMetrics, UNKNOWN};
use crate::schema::{Schema, SchemaError};
use crate::source::{Endpoint, EventsEndpoint, Source, Table};
use crate::{EVENTS_ENDPOINT, doctor};

/// The query parameter for bearer tokens (RFC 6750 section 2.3), which CloudEvents targets must accept.
const ACCESS_TOKEN: &str = "access_token";

/// Why the service cannot be built.
#[derive(Debug, thiserror::Error)]
#[error("source `{endpoint}` cannot be used")]
pub struct BuildError {
    /// Name of the source, or `events`.
    pub endpoint: String,
    /// What is wrong with it.
    #[source]
    pub problem: EndpointProblem,
}

/// What is wrong with one source.
#[derive(Debug, thiserror::Error)]
pub enum EndpointProblem {
    /// A secret is missing or must not be used.
    #[error("a secret cannot be read")]
    Secret(#[source] SecretError),
    /// The secrets do not fit the provider.
    #[error("the secrets do not fit the provider")]
    Verifier(#[source] SecretProblem),
    /// The layout of a generic signature is wrong.
    #[error("the layout of the signature is wrong")]
    Layout(#[source] TemplateProblem),
    /// A generic provider has no table.
    #[error("the table of its provider is missing")]
    NoTable,
    /// The subject template is wrong.
    #[error("the subject is wrong")]
    Subject(#[source] InvalidSubject),
    /// The schema cannot be used.
    #[error("the schema cannot be used")]
    Schema(#[source] SchemaError),
}

struct Builder<'a> {
    secrets: &'a SecretResolver,
    metrics: &'a InboundMetrics,
}

/// Prepares every source of a configuration, and the doctor's if it has a secret.
pub(crate) fn table(
    config: &Config,
    secrets: &SecretResolver,
    doctor: Option<&Secret>,
    metrics: &InboundMetrics,
) -> Result<Table, BuildError> {
    let builder = Builder { secrets, metrics };
    let named = |endpoint: &str| {
        let endpoint = endpoint.to_owned();
        |problem| BuildError { endpoint, problem }
    };
    let mut sources = HashMap::new();
    for source in &config.sources {
        let built = builder.source(source).map_err(named(&source.name))?;
        sources.insert(source.name.clone(), Arc::new(built));
    }
    if let Some(secret) = doctor {
        let built = builder.doctor(secret).map_err(named(wire::DOCTOR_NAME))?;
        sources.insert(wire::DOCTOR_NAME.to_owned(), Arc::new(built));
    }
    let events = match &config.events {
        Some(events) => {
            let built = builder.events(events).map_err(named(EVENTS_ENDPOINT))?;
            Some(Arc::new(built))
        }
        None => None,
    };
    Ok(Table {
        sources,
        events,
        unknown: metrics.endpoint(UNKNOWN, 0),
        public_url: config
            .public_url
            .as_ref()
            .map(|url| url.as_str().trim_end_matches('/').to_owned()),
        trusted_proxies: config.trusted_proxies.clone(),
        clients: config.limits.client_rate.map(ClientLimiter::new),
        max_body: config.limits.max_body_bytes.map(|limit| limit.as_usize()),
        max_headers: config.limits.max_headers.get(),
        body_timeout: config.limits.body_read_timeout,
    })
}

impl Builder<'_> {
    fn source(&self, config: &SourceConfig) -> Result<Source, EndpointProblem> {
        let scheme = config.scheme().map_err(EndpointProblem::Layout)?;
        let scheme = scheme.ok_or(EndpointProblem::NoTable)?;
        let secrets = self.resolve(&config.secrets)?;
        let count = secrets.len();
        let verifier = Verifier::new(scheme, secrets, config.configured_tolerance())
            .map_err(EndpointProblem::Verifier)?;
        let schema = config.schema.as_deref().map(Schema::load).transpose();
        let endpoint = Endpoint {
            name: config.name.clone(),
            verifier,
            subject: parse_subject(config.subject_template())?,
            schema: schema.map_err(EndpointProblem::Schema)?,
            rate: config.rate.map(Limiter::new),
            metrics: self.metrics.endpoint(&config.name, count),
        };
        Ok(Source { endpoint, body: config.body, event_header: None })
    }

    fn events(&self, config: &EventsConfig) -> Result<EventsEndpoint, EndpointProblem> {
        let (scheme, secrets, tolerance) = match &config.auth {
            EventsAuth::Bearer(secrets) => {
                let scheme = TokenScheme {
                    header: Some(AUTHORIZATION),
                    query_param: Some(ACCESS_TOKEN.to_owned()),
                };
                (Scheme::Token(scheme), secrets.as_slice(), None)
            }
            EventsAuth::Hmac(hmac) => {
                let scheme = hmac.layout.scheme().map_err(EndpointProblem::Layout)?;
                (Scheme::Hmac(scheme), hmac.secrets.as_slice(), hmac.layout.tolerance)
            }
            EventsAuth::Unsigned => (Scheme::Unsigned, &[][..], None),
        };
        let secrets = self.resolve(secrets)?;
        let count = secrets.len();
        let verifier = Verifier::new(scheme, secrets, tolerance);
        let schema = config.schema.as_deref().map(Schema::load).transpose();
        let endpoint = Endpoint {
            name: EVENTS_ENDPOINT.to_owned(),
            verifier: verifier.map_err(EndpointProblem::Verifier)?,
            subject: parse_subject(&config.subject)?,
            schema: schema.map_err(EndpointProblem::Schema)?,
            rate: config.rate.map(Limiter::new),
            metrics: self.metrics.endpoint(EVENTS_ENDPOINT, count),
        };
        Ok(EventsEndpoint {
            endpoint,
            allowed_origins: config.allowed_origins.clone(),
            max_batch: config.max_batch.get(),
            granted_rate: config.rate.map(|rate| rate.per_minute()),
        })
    }

    fn doctor(&self, secret: &Secret) -> Result<Source, EndpointProblem> {
        let secrets = vec![SigningSecret::new(secret.expose())];
        let verifier = Verifier::new(Scheme::Hmac(doctor::scheme()), secrets, None);
        let endpoint = Endpoint {
            name: wire::DOCTOR_NAME.to_owned(),
            verifier: verifier.map_err(EndpointProblem::Verifier)?,
            subject: parse_subject(doctor::SUBJECT_TEMPLATE)?,
            schema: None,
            rate: None,
            metrics: self.metrics.endpoint(wire::DOCTOR_NAME, 1),
        };
        let event_header = Some(doctor::RUN_HEADER);
        Ok(Source { endpoint, body: BodyForm::Json, event_header })
    }

    fn resolve(&self, references: &[SecretRef]) -> Result<Vec<SigningSecret>, EndpointProblem> {
        let resolve = |reference| {
            let secret = self.secrets.resolve(reference).map_err(EndpointProblem::Secret)?;
            Ok(SigningSecret::new(secret.expose()))
        };
        references.iter().map(resolve).collect()
    }
}

fn parse_subject(template: &str) -> Result<Template, EndpointProblem> {
    Template::parse(template).map_err(EndpointProblem::Subject)
}
