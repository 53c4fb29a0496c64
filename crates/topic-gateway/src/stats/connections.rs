//! Connections to the server with the tables, as many as are needed and no more than allowed.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event_bus_runtime::postgres::TlsMode;
use event_bus_runtime::{SecretError, SecretRef, SecretResolver};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, PgConnection};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

use super::config::StatsConfig;

/// Time to connect, to begin, and to wait for another request to end.
pub(super) const WITHIN: Duration = Duration::from_secs(5);

/// What the server does while it works, where it knows how (PostgreSQL 14): it looks whether somebody still waits, so that
/// nothing goes on for a reader who has gone.
const NOTICE_THE_END: &str = "SET client_connection_check_interval = '2s'";

/// A connection that was idle for longer is not trusted: what lies between may have forgotten it.
const MAX_IDLE: Duration = Duration::from_secs(120);

/// Why nothing was read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error("every connection is in use")]
    Busy,
    #[error("no answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    #[error("the connection was silent for {} s", .0.as_secs())]
    Silent(Duration),
    #[error("the password is not at hand")]
    Password(#[source] SecretError),
    #[error("PostgreSQL failed")]
    Failed(#[source] sqlx::Error),
    #[error("additional_info is no JSON")]
    NoJson(#[source] serde_json::Error),
}

/// Statistics cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum StatsError {
    /// The password is not at hand.
    #[error("topics.stats.password")]
    Password(#[source] SecretError),
    /// The certificates cannot be read.
    #[error("topics.stats.ca: {} cannot be read", .0.display())]
    Authorities(PathBuf, #[source] std::io::Error),
}

/// Who connects where. The password is looked up each time, since it may have changed.
#[derive(Clone)]
pub(super) struct Server {
    options: PgConnectOptions,
    password: Option<SecretRef>,
    secrets: SecretResolver,
}

/// A bounded number of connections to a server.
pub(super) struct Connections {
    server: Server,
    slots: Semaphore,
    idle: Mutex<Vec<(PgConnection, Instant)>>,
}

impl Server {
    /// Opens no connection.
    pub(super) fn new(config: &StatsConfig, secrets: SecretResolver) -> Result<Self, StatsError> {
        let authorities = match &config.ca {
            Some(path) => {
                std::fs::read(path).map_err(|error| StatsError::Authorities(path.clone(), error))?
            }
            None => Vec::new(),
        };
        let tls = config.tls.unwrap_or(TlsMode::default_for(&config.host));
        // The driver reads the environment first; what the settings leave open must not come from there.
        let options = PgConnectOptions::new_without_pgpass()
            .host(&config.host)
            .port(config.port)
            .database(&config.database)
            .username(&config.user)
            .application_name("event-bus")
            .extra_float_digits(None)
            .ssl_mode(tls.into())
            .ssl_root_cert_from_pem(authorities)
            .disable_statement_logging();
        let server = Self { options, password: config.password.clone(), secrets };
        server.options().map_err(StatsError::Password)?;
        Ok(server)
    }

    fn options(&self) -> Result<PgConnectOptions, SecretError> {
        let Some(reference) = &self.password else {
            return Ok(self.options.clone().password(""));
        };
        let password = self.secrets.resolve(reference)?;
        Ok(self.options.clone().password(password.expose_str()?))
    }

    async fn connect(&self) -> Result<PgConnection, ReadError> {
        let options = self.options().map_err(ReadError::Password)?;
        let connecting = async {
            let mut connection = options.connect().await?;
            match sqlx::raw_sql(NOTICE_THE_END).execute(&mut connection).await {
                Ok(_) | Err(sqlx::Error::Database(_)) => Ok(connection),
                Err(error) => Err(error),
            }
        };
        let connected = timeout(WITHIN, connecting).await;
        connected.map_err(|_| ReadError::TimedOut(WITHIN))?.map_err(ReadError::Failed)
    }
}

impl Connections {
    pub(super) fn new(server: Server, most: u32) -> Self {
        let slots = usize::try_from(most).unwrap_or(1);
        Self { server, slots: Semaphore::new(slots), idle: Mutex::default() }
    }

    /// The right to one connection.
    pub(super) async fn slot(&self) -> Result<SemaphorePermit<'_>, ReadError> {
        match timeout(WITHIN, self.slots.acquire()).await {
            Ok(Ok(slot)) => Ok(slot),
            Ok(Err(_)) | Err(_) => Err(ReadError::Busy),
        }
    }

    /// A connection, used or new.
    pub(super) async fn get(&self) -> Result<PgConnection, ReadError> {
        let idle = {
            let mut idle = self.idle();
            idle.retain(|(_, since)| since.elapsed() < MAX_IDLE);
            idle.pop()
        };
        match idle {
            Some((connection, _)) => Ok(connection),
            None => self.server.connect().await,
        }
    }

    /// Keeps a connection for whoever comes next. Its last statement must have been answered in full.
    pub(super) fn give_back(&self, connection: PgConnection) {
        self.idle().push((connection, Instant::now()));
    }

    /// Drops what is idle: the server may have gone.
    pub(super) fn forget_idle(&self) {
        self.idle().clear();
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(PgConnection, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReadError {
    /// Whether the connection was lost, so that another may do better.
    pub(super) fn is_lost_connection(&self) -> bool {
        match self {
            Self::Silent(_) | Self::Failed(sqlx::Error::Io(_) | sqlx::Error::Protocol(_)) => true,
            Self::Failed(sqlx::Error::Database(error)) => {
                // Connection exceptions; shut down, crashed or not yet started; idle for too long.
                let code = error.code().unwrap_or_default();
                code.starts_with("08")
                    || matches!(&*code, "57P01" | "57P02" | "57P03" | "57P05" | "25P03")
            }
            Self::Failed(_)
            | Self::Busy
            | Self::TimedOut(_)
            | Self::Password(_)
            | Self::NoJson(_) => false,
        }
    }
}
