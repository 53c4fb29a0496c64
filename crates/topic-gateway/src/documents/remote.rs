//! Documents that schemas refer to on other hosts. Nothing is fetched but from the hosts that the configuration names.

use std::time::Duration;

use reqwest::Client;
use reqwest::redirect::Policy;
use tokio::time::timeout;
use url::Url;

use super::LONGEST;
use crate::json::{Limits, ParseError, Value, parse};
use crate::schema::{Remotes, references_elsewhere};

/// Time to fetch all that one schema refers to.
const WITHIN: Duration = Duration::from_secs(10);

/// Most documents that one schema may refer to, also through others.
const MOST: usize = 64;

/// What a schema refers to could not be had.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The client for it cannot be made.
    #[error("the HTTP client for references cannot be made")]
    Client(#[source] reqwest::Error),
    /// Its host does not answer.
    #[error("{uri} cannot be fetched")]
    Unreachable {
        /// The document.
        uri: Url,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// Its host answers something else.
    #[error("{uri} was answered with status {status}")]
    Status {
        /// The document.
        uri: Url,
        /// The status.
        status: u16,
    },
    /// It is too long.
    #[error("{0} is longer than {LONGEST} bytes")]
    TooLong(Url),
    /// It is no JSON.
    #[error("{uri} is not JSON")]
    Json {
        /// The document.
        uri: Url,
        /// Why.
        #[source]
        source: Box<ParseError>,
    },
    /// Documents lead to ever more documents.
    #[error("the schema refers to more than {MOST} documents")]
    TooMany,
    /// The hosts take too long.
    #[error("what the schema refers to could not be fetched within {WITHIN:?}")]
    Timeout,
}

/// Fetches what schemas refer to.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    hosts: Vec<String>,
    http: Client,
}

impl Remote {
    /// `hosts` are names, for `https`, or origins such as `http://localhost:8000`.
    pub(crate) fn new(hosts: Vec<String>) -> Result<Self, RemoteError> {
        event_bus_runtime::install_crypto_provider();
        let http = Client::builder()
            .user_agent(concat!("event-bus-bridge/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .no_proxy()
            .tls_version_min(reqwest::tls::Version::TLS_1_2);
        Ok(Self { hosts, http: http.build().map_err(RemoteError::Client)? })
    }

    /// The documents on allowed hosts that a schema refers to, also through each other.
    pub(crate) async fn documents(&self, schema: &Value) -> Result<Remotes, RemoteError> {
        let mut found = Remotes::default();
        if self.hosts.is_empty() {
            return Ok(found);
        }
        let fetching = async {
            loop {
                let mut wanted = references_elsewhere(schema, &found);
                wanted.retain(|uri| self.is_allowed(uri) && !found.contains(uri.as_str()));
                if wanted.is_empty() {
                    return Ok(());
                }
                for uri in wanted {
                    if found.len() == MOST {
                        return Err(RemoteError::TooMany);
                    }
                    let document = self.fetch(&uri).await?;
                    found.insert(uri.to_string(), document);
                }
            }
        };
        timeout(WITHIN, fetching).await.map_err(|_| RemoteError::Timeout)??;
        Ok(found)
    }

    /// Whether nothing is forbidden that the other one may fetch.
    pub(crate) fn allows_all_of(&self, other: &Self) -> bool {
        other.hosts.iter().all(|host| self.hosts.contains(host))
    }

    fn is_allowed(&self, uri: &Url) -> bool {
        let origin = uri.origin().ascii_serialization();
        self.hosts.iter().any(|host| match host.contains("://") {
            true => *host == origin,
            false => origin == format!("https://{host}"),
        })
    }

    async fn fetch(&self, uri: &Url) -> Result<Value, RemoteError> {
        let unreachable = |source: reqwest::Error| RemoteError::Unreachable {
            uri: uri.clone(),
            source: source.without_url(),
        };
        let mut response = self.http.get(uri.clone()).send().await.map_err(unreachable)?;
        if !response.status().is_success() {
            let status = response.status().as_u16();
            return Err(RemoteError::Status { uri: uri.clone(), status });
        }
        let mut text = Vec::new();
        while let Some(part) = response.chunk().await.map_err(unreachable)? {
            if text.len() + part.len() > LONGEST {
                return Err(RemoteError::TooLong(uri.clone()));
            }
            text.extend_from_slice(&part);
        }
        parse(&text, Limits::default()).map_err(|source| {
            let source = Box::new(source);
            RemoteError::Json { uri: uri.clone(), source }
        })
    }
}
