//! How an HTTP endpoint is connected to: whom to trust, with which certificate, by which version of HTTP.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use event_bus_runtime::{SecretRef, SecretResolver};
use reqwest::{Certificate, ClientBuilder, Identity};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use crate::address::AddressGuard;
use crate::sinks::{BuildError, client};

/// `tls`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// PEM file with the authorities to trust, instead of those of the system.
    pub ca: Option<PathBuf>,
    /// PEM file with the certificate of this client and those between it and its authority.
    pub certificate: Option<PathBuf>,
    /// The key of `certificate`, PEM.
    pub key: Option<SecretRef>,
}

/// `http2`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Http2 {
    /// Over TLS if the endpoint offers it.
    #[default]
    Auto,
    /// Always, without TLS as well: for an endpoint that is known to speak it.
    PriorKnowledge,
}

/// What connections are made with.
#[derive(Clone)]
pub(super) struct Connect {
    guard: AddressGuard,
    authorities: Option<Vec<Certificate>>,
    identity: Option<Identity>,
    http2: Http2,
}

/// A file of `tls` cannot be used.
#[derive(Debug, thiserror::Error)]
enum UnusableFile {
    #[error("file {} cannot be read", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("file {} holds no certificate in PEM", path.display())]
    NoCertificate { path: PathBuf },
    #[error("the secret holds no private key in PEM; one with a passphrase cannot be used")]
    NoKey,
}

/// What is wrong with an endpoint's settings `url` and `tls`, each with its key.
pub(super) fn problems(url: &Url, tls: &TlsConfig) -> Vec<(String, String)> {
    let mut problems = Vec::new();
    let mut report = |key: &str, message: &str| {
        problems.push((key.to_owned(), message.to_owned()));
    };
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        report("url", "must start with http:// or https:// and name a host");
    }
    if !url.username().is_empty() || url.password().is_some() {
        report("url", "must not hold a user or a password, which would stand in logs; use auth");
    }
    if *tls != TlsConfig::default() && url.scheme() == "http" {
        report("tls", "has no use for a url that starts with http://");
    }
    match (&tls.certificate, &tls.key) {
        (Some(_), None) => report("tls.key", "is missing: a certificate needs its key"),
        (None, Some(_)) => report("tls.certificate", "is missing: a key alone proves nothing"),
        (Some(_), Some(_)) | (None, None) => {}
    }
    problems
}

impl Connect {
    /// Reads the files.
    pub(super) fn build(
        tls: &TlsConfig,
        http2: Http2,
        guard: &AddressGuard,
        secrets: &SecretResolver,
    ) -> Result<Self, BuildError> {
        let authorities = match &tls.ca {
            Some(path) => Some(PemFile::read(path, "tls.ca")?.certificates),
            None => None,
        };
        let identity = match (&tls.certificate, &tls.key) {
            (Some(certificate), Some(key)) => {
                let mut pem = PemFile::read(certificate, "tls.certificate")?.bytes;
                let key = secrets.resolve(key).map_err(BuildError::Secret)?;
                check_key(key.expose())?;
                pem.push(b'\n');
                pem.extend_from_slice(key.expose());
                Some(Identity::from_pem(&pem).map_err(BuildError::Client)?)
            }
            (Some(_) | None, _) => None,
        };
        Ok(Self { guard: guard.clone(), authorities, identity, http2 })
    }

    /// The client for deliveries, if the one that all sinks share will not do.
    pub(super) fn own_client(&self) -> Result<Option<reqwest::Client>, BuildError> {
        let needed = self.authorities.is_some()
            || self.identity.is_some()
            || self.http2 == Http2::PriorKnowledge;
        needed.then(|| self.builder().build().map_err(BuildError::Client)).transpose()
    }

    /// For a client that connects as deliveries do.
    pub(super) fn builder(&self) -> ClientBuilder {
        let mut builder = client::builder(&self.guard);
        if let Some(authorities) = &self.authorities {
            builder = builder.tls_certs_only(authorities.iter().cloned());
        }
        if let Some(identity) = &self.identity {
            builder = builder.identity(identity.clone());
        }
        match self.http2 {
            Http2::Auto => builder,
            Http2::PriorKnowledge => builder.http2_prior_knowledge(),
        }
    }
}

impl fmt::Debug for Connect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Connect").field("http2", &self.http2).finish_non_exhaustive()
    }
}

/// Checks that a secret is a private key in PEM.
pub(super) fn check_key(key: &[u8]) -> Result<(), BuildError> {
    let unusable = |_| BuildError::Setting("tls.key", UnusableFile::NoKey.into());
    PrivateKeyDer::from_pem_slice(key).map(drop).map_err(unusable)
}

/// A file with at least one certificate.
pub(super) struct PemFile {
    bytes: Vec<u8>,
    certificates: Vec<Certificate>,
}

impl PemFile {
    pub(super) fn read(path: &Path, key: &'static str) -> Result<Self, BuildError> {
        let path = path.to_owned();
        let unusable = |error: UnusableFile| BuildError::Setting(key, error.into());
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(source) => return Err(unusable(UnusableFile::Unreadable { path, source })),
        };
        let found = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
        let found = found.unwrap_or_default();
        if found.is_empty() {
            return Err(unusable(UnusableFile::NoCertificate { path }));
        }
        let certificates = found.iter().map(|found| Certificate::from_der(found));
        let certificates = certificates.collect::<Result<_, _>>().map_err(BuildError::Client)?;
        Ok(Self { bytes, certificates })
    }
}
