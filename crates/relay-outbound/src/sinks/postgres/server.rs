//! Where the server is, who connects and how the connection is protected.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use event_bus_core::delivery::BoxError;
use event_bus_runtime::postgres::TlsMode;
use event_bus_runtime::{Secret, SecretRef, SecretResolver};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, PgConnection};
use url::Url;

use super::Config;
use super::errors::Answer;
use crate::address::AddressGuard;
use crate::sinks::BuildError;

const PORT: u16 = 5432;

/// A server that can be connected to.
#[derive(Clone)]
pub(super) struct Server {
    options: PgConnectOptions,
    guard: AddressGuard,
}

/// What `url` or the settings say.
struct Address {
    host: String,
    port: u16,
    database: String,
    user: String,
    password: Option<String>,
    tls: Option<TlsMode>,
}

/// The secret `url` is not what it should be. It says nothing of what stands in it.
#[derive(Debug, thiserror::Error)]
enum InvalidUrl {
    #[error("it must have the form postgres://user:password@host:port/database")]
    Form,
    #[error("of its parameters, only `sslmode` is known; write others as settings")]
    Parameter,
    #[error("its `sslmode` must be disable, prefer, require, verify-ca or verify-full")]
    SslMode,
}

impl Server {
    /// Reads secrets and certificates; opens no connection.
    pub(super) fn new(
        config: &Config,
        secrets: &SecretResolver,
        guard: &AddressGuard,
    ) -> Result<Self, BuildError> {
        let address = Address::of(config, secrets)?;
        if let Ok(literal) = address.host.parse::<IpAddr>() {
            guard.check(literal).map_err(BuildError::Denied)?;
        }
        let tls = config.tls.or(address.tls).unwrap_or(TlsMode::default_for(&address.host));
        // The driver reads the environment first; what the settings leave open must not come from there.
        let mut options = PgConnectOptions::new_without_pgpass()
            .host(&address.host)
            .port(address.port)
            .database(&address.database)
            .username(&address.user)
            .password(address.password.as_deref().unwrap_or_default())
            .application_name("event-bus")
            .extra_float_digits(None)
            .ssl_mode(tls.into())
            .ssl_root_cert_from_pem(read("ca", config.ca.as_deref())?)
            .disable_statement_logging();
        if let (Some(cert), Some(key)) = (&config.cert, &config.key) {
            options = options
                .ssl_client_cert_from_pem(read("cert", Some(cert))?)
                .ssl_client_key_from_pem(resolve(secrets, key)?.expose());
        }
        Ok(Self { options, guard: guard.clone() })
    }

    /// The server ends a statement by itself after this time, so that none is left behind when nobody waits for it; and a
    /// transaction in which it hears nothing for so long, which would keep its locks if this machine were gone.
    #[must_use]
    pub(super) fn with_timeout(mut self, timeout: Duration) -> Self {
        let timeout = timeout.as_millis();
        self.options = self.options.options([
            ("statement_timeout", timeout),
            ("idle_in_transaction_session_timeout", timeout),
        ]);
        self
    }

    pub(super) async fn connect(&self) -> Result<PgConnection, Answer> {
        let host = self.options.get_host();
        if !host.starts_with('/') {
            // The driver resolves the name again, so that none of its addresses may be a denied one. A name that changes
            // in between is caught by the certificate, if it is checked.
            self.guard
                .check_all(host, self.options.get_port())
                .await
                .map_err(|error| Answer::unreachable(error.to_string()))?;
        }
        self.options.connect().await.map_err(Answer::to_connect)
    }
}

impl std::fmt::Debug for Server {
    /// Without the password, which the driver's own options print.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Server").field("host", &self.options.get_host()).finish()
    }
}

impl Address {
    fn of(config: &Config, secrets: &SecretResolver) -> Result<Self, BuildError> {
        if let Some(reference) = &config.url {
            let url = resolve(secrets, reference)?;
            let text = url.expose_str().map_err(BuildError::Secret)?;
            return Self::parse(text).map_err(|error| BuildError::Setting("url", error.into()));
        }
        let password = config.password.as_ref().map(|reference| resolve(secrets, reference));
        let password = match password.transpose()? {
            Some(secret) => Some(secret.expose_str().map_err(BuildError::Secret)?.to_owned()),
            None => None,
        };
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        Ok(Self {
            host: text(&config.host),
            port: config.port.unwrap_or(PORT),
            database: text(&config.database),
            user: text(&config.user),
            password,
            tls: None,
        })
    }

    fn parse(text: &str) -> Result<Self, InvalidUrl> {
        let url = Url::parse(text).map_err(|_| InvalidUrl::Form)?;
        let decode = |text: &str| {
            let text = percent_encoding::percent_decode_str(text).decode_utf8();
            text.map(|text| text.into_owned()).map_err(|_| InvalidUrl::Form)
        };
        let mut tls = None;
        for (name, value) in url.query_pairs() {
            if name != "sslmode" {
                return Err(InvalidUrl::Parameter);
            }
            tls = Some(TlsMode::parse(&value).ok_or(InvalidUrl::SslMode)?);
        }
        let address = Self {
            // An IPv6 address stands in brackets, which belong to the URL.
            host: decode(url.host_str().unwrap_or_default())?.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(PORT),
            database: decode(url.path().trim_start_matches('/'))?,
            user: decode(url.username())?,
            password: url.password().map(decode).transpose()?,
            tls,
        };
        let is_complete = !address.host.is_empty()
            && !address.database.is_empty()
            && !address.user.is_empty()
            && matches!(url.scheme(), "postgres" | "postgresql");
        if is_complete { Ok(address) } else { Err(InvalidUrl::Form) }
    }
}

fn resolve(secrets: &SecretResolver, reference: &SecretRef) -> Result<Secret, BuildError> {
    secrets.resolve(reference).map_err(BuildError::Secret)
}

/// A file that a setting names; without one, nothing.
fn read(key: &'static str, path: Option<&Path>) -> Result<Vec<u8>, BuildError> {
    let Some(path) = path else { return Ok(Vec::new()) };
    std::fs::read(path).map_err(|error| {
        let error: BoxError = format!("{}: {error}", path.display()).into();
        BuildError::Setting(key, error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_in_all_its_parts() {
        let address =
            Address::parse("postgresql://us%40er:p%2Fw@[::1]:5433/d%20b?sslmode=verify-ca")
                .unwrap();
        assert_eq!(address.host, "::1");
        assert_eq!(address.port, 5433);
        assert_eq!(address.database, "d b");
        assert_eq!(address.user, "us@er");
        assert_eq!(address.password.as_deref(), Some("p/w"));
        assert_eq!(address.tls, Some(TlsMode::VerifyCa));
        let address = Address::parse("postgres://u@%2Frun%2Fpostgresql/d").unwrap();
        assert_eq!((address.host.as_str(), address.port), ("/run/postgresql", 5432));
        assert_eq!((address.password, address.tls), (None, None));
    }

    #[test]
    fn a_url_that_is_none_says_why_and_nothing_of_itself() {
        for (text, words) in [
            ("secret", "form"),
            ("http://u:secret@h/d", "form"),
            ("postgres://u:secret@h/", "form"),
            ("postgres://h/secret", "form"),
            ("postgres://u:secret@h/d?options=secret", "only `sslmode`"),
            ("postgres://u:secret@h/d?sslmode=allow", "must be disable"),
        ] {
            let problem = Address::parse(text).err().unwrap().to_string();
            assert!(problem.contains(words) && !problem.contains("secret"), "{text}: {problem}");
        }
    }
}
