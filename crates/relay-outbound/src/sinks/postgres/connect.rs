//! How the sink and its migrations connect.

use event_bus_runtime::SecretResolver;
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::{Config, TlsMode};
use crate::sinks::BuildError;

/// Resolves the URL and says how to connect with it.
pub(super) fn connect_options(
    config: &Config,
    secrets: &SecretResolver,
) -> Result<PgConnectOptions, BuildError> {
    let url = secrets.resolve(&config.url).map_err(BuildError::Secret)?;
    let url = url.expose_str().map_err(BuildError::Secret)?;
    // The error of the parser could repeat the password.
    let unreadable = || BuildError::Setting("`url`", UnreadableUrl.into());
    let options: PgConnectOptions = url.trim().parse().map_err(|_| unreadable())?;
    let milliseconds = config.timeout.as_millis().to_string();
    let mut options = options
        .application_name("event-bus-bridge")
        .options([("statement_timeout", milliseconds.as_str())])
        .disable_statement_logging()
        .ssl_mode(match config.tls.mode {
            TlsMode::VerifyFull => PgSslMode::VerifyFull,
            TlsMode::VerifyCa => PgSslMode::VerifyCa,
            TlsMode::Require => PgSslMode::Require,
            TlsMode::Prefer => PgSslMode::Prefer,
            TlsMode::Disable => PgSslMode::Disable,
        });
    if let Some(ca) = &config.tls.ca {
        options = options.ssl_root_cert(ca);
    }
    if let (Some(certificate), Some(key)) = (&config.tls.certificate, &config.tls.key) {
        options = options.ssl_client_cert(certificate).ssl_client_key(key);
    }
    Ok(options)
}

/// The secret is no URL of a database.
#[derive(Debug, thiserror::Error)]
#[error("it is no URL of a database: write postgres://user:password@host:port/database")]
struct UnreadableUrl;
