//! Further headers of HTTP requests, each with its text or a secret.

use std::collections::BTreeMap;

use event_bus_runtime::{SecretRef, SecretResolver};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{BuildError, TextOrSecret};

/// `headers`: by name, a text or a secret.
pub type HeadersConfig = BTreeMap<String, TextOrSecret>;

/// Headers that HTTP itself sets, or the sink along with the body.
const RESERVED: [&str; 12] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Problems, each with its key below `headers`. `own` are beginnings of the names that the sink sets as well, and
/// `has_auth` says whether one of them is `authorization`.
pub(super) fn validate(
    config: &HeadersConfig,
    own: &[&str],
    has_auth: bool,
) -> Vec<(String, String)> {
    let problem = |(name, value): (&String, &TextOrSecret)| {
        let lower = name.to_ascii_lowercase();
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            return Some((name.clone(), "is no name of a header".to_owned()));
        }
        if RESERVED.contains(&&*lower) || own.iter().any(|beginning| lower.starts_with(beginning)) {
            return Some((name.clone(), "is set by the sink itself; leave it out".to_owned()));
        }
        if lower == "authorization" && has_auth {
            return Some((name.clone(), "stands beside `auth`; keep one of them".to_owned()));
        }
        match value {
            TextOrSecret::Text(text) if HeaderValue::from_str(text).is_err() => {
                Some((name.clone(), "must be one line of text".to_owned()))
            }
            TextOrSecret::Text(_) | TextOrSecret::Secret(_) => None,
        }
    };
    config.iter().filter_map(problem).collect()
}

/// The secrets, each with its key below `headers`.
pub(super) fn secrets(config: &HeadersConfig) -> impl Iterator<Item = (&String, SecretRef)> {
    config.iter().filter_map(|(name, value)| Some((name, value.secret()?.clone())))
}

/// The headers themselves.
pub(super) fn resolve(
    config: &HeadersConfig,
    secrets: &SecretResolver,
) -> Result<HeaderMap, BuildError> {
    let unusable = |error: http::Error| BuildError::Setting("headers", error.into());
    let mut headers = HeaderMap::with_capacity(config.len());
    for (name, value) in config {
        let name =
            HeaderName::from_bytes(name.as_bytes()).map_err(|error| unusable(error.into()))?;
        let secret = value.resolve(secrets).map_err(BuildError::Secret)?;
        let mut resolved =
            HeaderValue::from_bytes(secret.expose()).map_err(|error| unusable(error.into()))?;
        resolved.set_sensitive(value.secret().is_some());
        headers.insert(name, resolved);
    }
    Ok(headers)
}
