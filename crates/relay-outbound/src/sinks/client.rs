//! The HTTP client that sinks share.

use std::sync::Arc;
use std::time::Duration;

use super::BuildError;
use crate::address::AddressGuard;

/// How long a connection may take to be made, whatever a sink allows for the whole request.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

const USER_AGENT: &str = concat!("event-bus-bridge/", env!("CARGO_PKG_VERSION"));

/// The HTTP client that all sinks share: the certificates of the system are read once, not once a route. It connects to
/// nothing that the guard denies, follows no redirect and knows no proxy. Each request sets its own timeout.
pub fn http_client(guard: &AddressGuard) -> Result<reqwest::Client, BuildError> {
    builder(guard).build().map_err(BuildError::Client)
}

/// The same, for a sink that needs certificates of its own.
pub(super) fn builder(guard: &AddressGuard) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(CONNECT_WITHIN)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .tls_version_min(reqwest::tls::Version::TLS_1_2)
        .dns_resolver(Arc::new(guard.clone()))
}
