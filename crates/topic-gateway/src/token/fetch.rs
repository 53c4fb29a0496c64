//! Asks a key server for its keys.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::redirect::{Attempt, Policy};
use reqwest::{Certificate, Client};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use tokio::time::timeout;
use url::{Position, Url};

use super::document::{self, DocumentError, PublicKey};

/// Longest answer of a key server that is read.
const LONGEST_ANSWER: usize = 1024 * 1024;

/// Most redirects that are followed.
const MOST_REDIRECTS: usize = 3;

const USER_AGENT: &str = concat!("event-bus-bridge/", env!("CARGO_PKG_VERSION"));

/// Where keys come from. An address may hold a password, so `Debug` shows its host alone.
#[derive(Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A document of the reference, or a JWKS (RFC 7517); its content says which.
    Document(Url),
    /// An issuer, whose metadata (OpenID Connect Discovery 1.0) says where its JWKS is. As it stands in `iss` of its
    /// tokens, to the last slash.
    Issuer(String),
}

/// Whom to trust as a key server, `ssl_ca_bundle`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trust {
    /// Whoever the authorities of the system vouch for.
    #[default]
    System,
    /// Whoever the authorities of this PEM file vouch for, and nobody else.
    File(PathBuf),
    /// Anybody. Whoever can answer in place of the key server can sign tokens.
    Anybody,
}

/// Keys could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The client for it cannot be made.
    #[error("the HTTP client for keys cannot be made")]
    Client(#[source] reqwest::Error),
    /// The name of an issuer is no address.
    #[error("the issuer is not an address of https or http")]
    Issuer,
    /// The file with authorities cannot be read.
    #[error("file {} cannot be read", path.display())]
    UnreadableFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It holds none.
    #[error("file {} holds no certificate in PEM", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The key server does not answer.
    #[error("the key server is unreachable")]
    Unreachable(#[source] reqwest::Error),
    /// It does not answer in time.
    #[error("the key server gave no answer within {0:?}")]
    Timeout(Duration),
    /// It answers with something else than keys.
    #[error("the key server answered with status {0}")]
    Status(u16),
    /// It does not stop answering.
    #[error("the answer of the key server is longer than {LONGEST_ANSWER} bytes")]
    TooLong,
    /// Its answer gives no keys.
    #[error("the key server gave no keys")]
    Document(#[source] DocumentError),
    /// The metadata of an issuer is not what it should be.
    #[error("the metadata of the issuer cannot be read")]
    Metadata(#[source] serde_json::Error),
    /// It is that of another one.
    #[error("the metadata is that of another issuer, {0:?}")]
    OtherIssuer(String),
    /// It sends for keys where nobody can vouch for them.
    #[error("the metadata of the issuer names keys that are not served over https")]
    Downgrade,
}

/// OpenID Connect Discovery 1.0, section 3.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: Url,
}

/// Fetches keys, all within one time.
pub(super) struct Fetcher {
    /// Of keys, or of metadata that name it.
    address: Url,
    issuer: Option<String>,
    http: Client,
    within: Duration,
}

impl KeySource {
    /// The setting that names it, and its host: nothing else of the address, which may hold a password.
    pub(super) fn origin(&self) -> String {
        let setting = match self {
            Self::Document(_) => "topics.tokens.keys_url",
            Self::Issuer(_) => "topics.tokens.issuer",
        };
        match self.host() {
            Some(host) => format!("{setting} at {host}"),
            None => setting.to_owned(),
        }
    }

    /// Its host, and its port unless it is that of the scheme.
    fn host(&self) -> Option<String> {
        let url = match self {
            Self::Document(url) => Some(url.clone()),
            Self::Issuer(issuer) => Url::parse(issuer).ok(),
        };
        url.filter(Url::has_host)
            .map(|url| url[Position::BeforeHost..Position::AfterPort].to_owned())
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Document(_) => "Document",
            Self::Issuer(_) => "Issuer",
        };
        formatter.debug_tuple(name).field(&self.host()).finish()
    }
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Fetcher").field("within", &self.within).finish_non_exhaustive()
    }
}

impl Fetcher {
    pub(super) fn new(
        source: KeySource,
        trust: &Trust,
        within: Duration,
    ) -> Result<Self, FetchError> {
        let (address, issuer) = match source {
            KeySource::Document(address) => (address, None),
            KeySource::Issuer(issuer) => (metadata_url(&issuer)?, Some(issuer)),
        };
        event_bus_runtime::install_crypto_provider();
        let mut builder = Client::builder()
            .user_agent(USER_AGENT)
            .timeout(within)
            .redirect(Policy::custom(follow))
            .no_proxy()
            .tls_version_min(reqwest::tls::Version::TLS_1_2);
        match trust {
            Trust::System => {}
            Trust::File(path) => builder = builder.tls_certs_only(authorities(path.clone())?),
            Trust::Anybody => {
                tracing::warn!("certificates of the key server are not checked");
                builder = builder.tls_danger_accept_invalid_certs(true);
            }
        }
        Ok(Self { address, issuer, http: builder.build().map_err(FetchError::Client)?, within })
    }

    /// Who must have issued the tokens, if the source says so.
    pub(super) fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    pub(super) async fn fetch(&self) -> Result<Vec<PublicKey>, FetchError> {
        let late = |_| FetchError::Timeout(self.within);
        let document = timeout(self.within, self.document()).await.map_err(late)??;
        document::parse(&document).map_err(FetchError::Document)
    }

    async fn document(&self) -> Result<Vec<u8>, FetchError> {
        let answer = self.get(self.address.clone()).await?;
        let Some(issuer) = &self.issuer else { return Ok(answer) };
        let metadata: Metadata = serde_json::from_slice(&answer).map_err(FetchError::Metadata)?;
        if metadata.issuer != *issuer {
            return Err(FetchError::OtherIssuer(metadata.issuer));
        }
        if !keeps_https(&self.address, &metadata.jwks_uri) {
            return Err(FetchError::Downgrade);
        }
        self.get(metadata.jwks_uri).await
    }

    async fn get(&self, url: Url) -> Result<Vec<u8>, FetchError> {
        let unreachable = |error: reqwest::Error| match error.is_timeout() {
            true => FetchError::Timeout(self.within),
            false => FetchError::Unreachable(error.without_url()),
        };
        let request = self.http.get(url).header(http::header::ACCEPT, "application/json");
        let mut response = request.send().await.map_err(unreachable)?;
        if !response.status().is_success() {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if answer.len() + chunk.len() > LONGEST_ANSWER {
                return Err(FetchError::TooLong);
            }
            answer.extend_from_slice(&chunk);
        }
        Ok(answer)
    }
}

/// OpenID Connect Discovery 1.0, section 4.
fn metadata_url(issuer: &str) -> Result<Url, FetchError> {
    let base = issuer.trim_end_matches('/');
    let url = Url::parse(&format!("{base}/.well-known/openid-configuration"));
    url.ok()
        .filter(|url| matches!(url.scheme(), "https" | "http") && url.query().is_none())
        .ok_or(FetchError::Issuer)
}

fn keeps_https(from: &Url, to: &Url) -> bool {
    to.scheme() == "https" || (from.scheme() == "http" && to.scheme() == "http")
}

/// Follows a few redirects, but never from https to http.
fn follow(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let downgrade = attempt.previous().iter().any(|from| !keeps_https(from, attempt.url()));
    if downgrade || attempt.previous().len() > MOST_REDIRECTS {
        // The answer is then a status that is no success.
        attempt.stop()
    } else {
        attempt.follow()
    }
}

fn authorities(path: PathBuf) -> Result<Vec<Certificate>, FetchError> {
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(source) => return Err(FetchError::UnreadableFile { path, source }),
    };
    let found = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    let found = found.unwrap_or_default();
    if found.is_empty() {
        return Err(FetchError::NoCertificate { path });
    }
    let certificates = found.iter().map(|found| Certificate::from_der(found));
    certificates.collect::<Result<_, _>>().map_err(FetchError::Client)
}
