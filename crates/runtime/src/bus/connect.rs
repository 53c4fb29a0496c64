//! Connecting, and keeping watch over the connection.
//!
//! A broker that is away is no error: the client library tries again for ever. Refused credentials
//! and unusable TLS files are errors, but only at the first attempt; afterwards they are logged and
//! tried again, since a running process must outlive an operator's mistake on the server.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::{Auth, AuthError, Client, ConnectErrorKind, ConnectOptions, Event};
use event_bus_core::Chain;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::config::{BusConfig, TlsConfig};
use crate::secret::{Secret, SecretError, SecretRef, SecretResolver};

/// How many messages wait in the client for one subscription. More than a route's window, since
/// what does not fit is dropped.
const SUBSCRIPTION_CAPACITY: usize = 65_536;

/// How often the connection is proved to live. Two unanswered pings mean that it does not.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// The longest wait between two attempts to connect.
const MAX_RECONNECT_DELAY: Duration = Duration::from_secs(2);

/// What the first attempt may take beside the connecting itself, to resolve names.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Why no connection could be set up. A broker that is away is no error.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// A secret of `[bus]` cannot be read.
    #[error("bus.{setting} cannot be read")]
    Secret {
        /// Key in `[bus]`.
        setting: &'static str,
        /// Why.
        #[source]
        source: SecretError,
    },
    /// The credentials are no credentials.
    #[error("bus.{setting} does not hold what it should")]
    Malformed {
        /// Key in `[bus]`.
        setting: &'static str,
    },
    /// A file of `[bus.tls]` cannot be used.
    #[error("bus.tls: file {} cannot be used", path.display())]
    TlsFile {
        /// Path of the file.
        path: PathBuf,
        /// Why.
        #[source]
        source: pem::Error,
    },
    /// The server does not know the credentials.
    #[error("the bus refused the credentials")]
    Refused(#[source] async_nats::ConnectError),
    /// TLS cannot be set up with these settings.
    #[error("tls of the bus cannot be set up")]
    Tls(#[source] async_nats::ConnectError),
    /// The client library cannot start.
    #[error("the bus client cannot start")]
    Client(#[source] async_nats::ConnectError),
}

/// What is known of the connection.
#[derive(Debug)]
pub(super) struct Watch {
    connected: watch::Sender<bool>,
    last_problem: Mutex<Option<String>>,
    closed: CancellationToken,
}

/// Connects once; where the broker is away, returns a client that keeps trying.
pub(super) async fn connect(
    config: &BusConfig,
    secrets: &SecretResolver,
    client_name: &str,
) -> Result<(Client, Arc<Watch>), BusError> {
    crate::install_crypto_provider();
    check_tls(&config.tls)?;
    let watch = Arc::new(Watch::new());
    let options = options(config, secrets, client_name, &watch)?;
    let addresses = config.url.addresses();
    let rounds = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    let limit = config.connect_timeout.saturating_mul(rounds).saturating_add(RESOLVE_TIMEOUT);
    let problem = match timeout(limit, options.clone().connect(addresses)).await {
        Ok(Ok(client)) => return Ok((client, watch)),
        Ok(Err(error)) => judge(error)?,
        Err(_) => "no address answered in time".to_owned(),
    };
    tracing::warn!(error = problem, url = %config.url, "the bus is away, will keep trying");
    watch.note(problem);
    let client = options.retry_on_initial_connect().connect(addresses).await;
    Ok((client.map_err(BusError::Client)?, watch))
}

/// What to say about a broker that is away, or the error that ends the attempt.
fn judge(error: async_nats::ConnectError) -> Result<String, BusError> {
    match error.kind() {
        ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
            Err(BusError::Refused(error))
        }
        ConnectErrorKind::Tls => Err(BusError::Tls(error)),
        ConnectErrorKind::ServerParse => Err(BusError::Client(error)),
        ConnectErrorKind::Dns
        | ConnectErrorKind::TimedOut
        | ConnectErrorKind::Io
        | ConnectErrorKind::MaxReconnects => Ok(Chain(&error).to_string()),
    }
}

impl Watch {
    fn new() -> Self {
        Self {
            connected: watch::Sender::new(false),
            last_problem: Mutex::new(None),
            closed: CancellationToken::new(),
        }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<bool> {
        self.connected.subscribe()
    }

    pub(super) fn last_problem(&self) -> Option<String> {
        self.last_problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Done once the client has closed its connection for good.
    pub(super) async fn closed(&self) {
        self.closed.cancelled().await;
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.is_cancelled()
    }

    /// Remembers a problem; true when it is another one than before.
    fn note(&self, problem: String) -> bool {
        let mut last = self.last_problem.lock().unwrap_or_else(PoisonError::into_inner);
        let news = last.as_ref() != Some(&problem);
        *last = Some(problem);
        news
    }

    fn observe(&self, event: &Event) {
        match event {
            Event::Connected => {
                tracing::info!("connected to the bus");
                *self.last_problem.lock().unwrap_or_else(PoisonError::into_inner) = None;
                self.connected.send_replace(true);
            }
            Event::Disconnected => {
                tracing::warn!("lost the connection to the bus, will keep trying");
                self.connected.send_replace(false);
            }
            Event::LameDuckMode => tracing::info!("the server is about to stop"),
            Event::Draining => tracing::debug!("the bus client is draining"),
            Event::Closed => {
                tracing::debug!("the bus client has closed");
                self.connected.send_replace(false);
                self.closed.cancel();
            }
            Event::SlowConsumer(subscription) => {
                tracing::error!(subscription, "the client dropped a message that was not read");
            }
            Event::ServerError(error) => {
                self.note(error.to_string());
                tracing::error!(error = %error, "the bus reports an error");
            }
            Event::ClientError(error) => {
                // The same failure comes with each attempt to connect.
                if self.note(error.to_string()) {
                    tracing::warn!(error = %error, "the bus client reports an error");
                }
            }
        }
    }
}

fn options(
    config: &BusConfig,
    secrets: &SecretResolver,
    client_name: &str,
    watch: &Arc<Watch>,
) -> Result<ConnectOptions, BusError> {
    let watch = Arc::clone(watch);
    let mut options = authentication(config, secrets)?
        .name(config.name.as_deref().unwrap_or(client_name))
        .connection_timeout(config.connect_timeout)
        .ping_interval(PING_INTERVAL)
        .subscription_capacity(SUBSCRIPTION_CAPACITY)
        .reconnect_delay_callback(reconnect_delay)
        .require_tls(config.tls.required)
        .event_callback(move |event| {
            watch.observe(&event);
            std::future::ready(())
        });
    if let Some(prefix) = &config.inbox_prefix {
        options = options.custom_inbox_prefix(prefix);
    }
    if let Some(ca) = &config.tls.ca {
        options = options.add_root_certificates(ca.clone());
    }
    if let (Some(cert), Some(key)) = (&config.tls.cert, &config.tls.key) {
        options = options.add_client_certificate(cert.clone(), key.clone());
    }
    if config.tls.first {
        options = options.tls_first();
    }
    Ok(options)
}

fn authentication(
    config: &BusConfig,
    secrets: &SecretResolver,
) -> Result<ConnectOptions, BusError> {
    let read = |setting, reference: &SecretRef| read(secrets, setting, reference);
    if let Some(reference) = &config.credentials {
        // The parser wants a line break after the last line, which a resolved secret has lost.
        let text = read("credentials", reference)? + "\n";
        return ConnectOptions::with_credentials(&text)
            .map_err(|_| BusError::Malformed { setting: "credentials" });
    }
    if let Some(reference) = &config.nkey {
        return Ok(ConnectOptions::with_nkey(read("nkey", reference)?.trim().to_owned()));
    }
    if let (Some(user), Some(reference)) = (&config.user, &config.password) {
        read("password", reference)?;
        let user = user.clone();
        return Ok(at_each_connection(secrets, reference, move |auth, password| {
            auth.username = Some(user.clone());
            auth.password = Some(password);
        }));
    }
    if let Some(reference) = &config.token {
        read("token", reference)?;
        return Ok(at_each_connection(secrets, reference, |auth, token| auth.token = Some(token)));
    }
    Ok(ConnectOptions::new())
}

/// Resolves the secret whenever a connection is made, so that a rotated one is found.
fn at_each_connection(
    secrets: &SecretResolver,
    reference: &SecretRef,
    fill: impl Fn(&mut Auth, String) + Send + Sync + 'static,
) -> ConnectOptions {
    let (secrets, reference) = (secrets.clone(), reference.clone());
    ConnectOptions::with_auth_callback(move |_nonce| {
        let secret = secrets.resolve(&reference);
        let text = secret.as_ref().map(Secret::expose_str);
        let auth = match text {
            Ok(Ok(text)) => {
                let mut auth = Auth::new();
                fill(&mut auth, text.to_owned());
                Ok(auth)
            }
            Ok(Err(error)) => Err(AuthError::new(error)),
            Err(error) => Err(AuthError::new(error)),
        };
        std::future::ready(auth)
    })
}

fn read(
    secrets: &SecretResolver,
    setting: &'static str,
    reference: &SecretRef,
) -> Result<String, BusError> {
    let refused = |source| BusError::Secret { setting, source };
    let secret = secrets.resolve(reference).map_err(refused)?;
    secret.expose_str().map(str::to_owned).map_err(refused)
}

fn check_tls(config: &TlsConfig) -> Result<(), BusError> {
    let unusable = |path: &Path, source| BusError::TlsFile { path: path.to_owned(), source };
    for path in [&config.ca, &config.cert].into_iter().flatten() {
        let certificates: Result<Vec<_>, _> =
            CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
        if certificates.map_err(|source| unusable(path, source))?.is_empty() {
            return Err(unusable(path, pem::Error::NoItemsFound));
        }
    }
    if let Some(path) = &config.key {
        PrivateKeyDer::from_pem_file(path).map_err(|source| unusable(path, source))?;
    }
    Ok(())
}

/// At once, then from 50 ms doubling up to [`MAX_RECONNECT_DELAY`], each up to a quarter shorter,
/// so that a restarted broker is found soon and not by all its clients in the same instant.
fn reconnect_delay(attempt: usize) -> Duration {
    let Some(doublings) = attempt.checked_sub(2) else { return Duration::ZERO };
    let doublings = u32::try_from(doublings.min(16)).unwrap_or(16);
    let longest = (Duration::from_millis(50) * 2_u32.pow(doublings)).min(MAX_RECONNECT_DELAY);
    longest.mul_f64(1.0 - rand::random::<f64>() / 4.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_attempts_come_quickly_and_none_waits_longer_than_the_cap() {
        assert_eq!(reconnect_delay(0), Duration::ZERO);
        assert_eq!(reconnect_delay(1), Duration::ZERO);
        assert!(reconnect_delay(2) <= Duration::from_millis(50));
        for attempt in 2..1000 {
            let delay = reconnect_delay(attempt);
            assert!(delay > Duration::from_millis(30) && delay <= MAX_RECONNECT_DELAY, "{attempt}");
        }
    }

    #[test]
    fn tls_files_that_cannot_be_used_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty.pem");
        std::fs::write(&empty, "no certificate").unwrap();
        for (tls, expected) in [
            (TlsConfig { ca: Some("/gone.pem".into()), ..Default::default() }, "/gone.pem"),
            (TlsConfig { ca: Some(empty.clone()), ..Default::default() }, "empty.pem"),
            (TlsConfig { key: Some(empty.clone()), ..Default::default() }, "empty.pem"),
        ] {
            let error = check_tls(&tls).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert!(check_tls(&TlsConfig::default()).is_ok());
    }
}
