//! PostgreSQL, as every service reaches it.

use schemars::JsonSchema;
use serde::Deserialize;
use sqlx::postgres::PgSslMode;

/// How a connection is protected, in the words of libpq.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TlsMode {
    /// No TLS.
    Disable,
    /// TLS if the server offers it; its certificate is not looked at.
    Prefer,
    /// TLS; the certificate is not looked at, so anybody could be the server.
    Require,
    /// TLS with a trusted certificate, whatever name it is for.
    VerifyCa,
    /// TLS with a trusted certificate for this very host.
    VerifyFull,
}

impl TlsMode {
    /// The mode of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "disable" => Self::Disable,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return None,
        })
    }

    /// What is meant where nothing is said: everything is checked, but on a Unix socket there is nothing to check.
    pub fn default_for(host: &str) -> Self {
        if host.starts_with('/') { Self::Disable } else { Self::VerifyFull }
    }
}

impl From<TlsMode> for PgSslMode {
    fn from(mode: TlsMode) -> Self {
        match mode {
            TlsMode::Disable => Self::Disable,
            TlsMode::Prefer => Self::Prefer,
            TlsMode::Require => Self::Require,
            TlsMode::VerifyCa => Self::VerifyCa,
            TlsMode::VerifyFull => Self::VerifyFull,
        }
    }
}
