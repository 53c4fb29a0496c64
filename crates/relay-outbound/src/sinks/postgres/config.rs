//! Settings of the Postgres sink.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use event_bus_runtime::config::duration;
use event_bus_runtime::postgres::TlsMode;
use event_bus_runtime::{SecretRef, SecretResolver};
use schemars::JsonSchema;
use serde::Deserialize;

use super::columns::DEFAULT_CONFLICT;
use super::mapping::{self, ChildConfig, Known, MergeConfig, SourceConfig};
use super::table::TableName;
use super::{PostgresSink, migrations};
use crate::address::AddressGuard;
use crate::sinks::{BuildError, CheckError, Settings, Sink, SinkContext};

/// Most events of one statement.
const LARGEST_BATCH: u32 = 1000;

/// `sink.postgres`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The whole address, `postgres://user:password@host:port/database`, instead of the five settings that follow.
    pub url: Option<SecretRef>,
    /// Name or address of the server, or the folder of its Unix socket.
    pub host: Option<String>,
    /// Port of the server; default 5432.
    pub port: Option<u16>,
    /// Name of the database.
    pub database: Option<String>,
    /// Role that inserts.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<SecretRef>,
    /// How the connection is protected; default `verify-full`, on a Unix socket `disable`.
    pub tls: Option<TlsMode>,
    /// Certificates, in PEM, of authorities that are trusted beside those of the system.
    pub ca: Option<PathBuf>,
    /// Certificate of the client and what follows it up to its authority, in PEM.
    pub cert: Option<PathBuf>,
    /// Its private key, in PEM.
    pub key: Option<SecretRef>,
    /// Name of the table, with its schema before a dot if need be. Case matters.
    #[serde(default = "default_table")]
    pub table: String,
    /// Columns of a table of your own, and what of the event each takes. None: the table that this program makes.
    #[serde(default)]
    pub columns: BTreeMap<String, SourceConfig>,
    /// Columns of the unique index that knows an event again; must be given with `columns`. An empty list inserts an
    /// event again whenever it is delivered again.
    pub conflict: Option<Vec<String>>,
    /// The same without an index: columns whose values know an event again, instead of `conflict`. A lock keeps others
    /// from inserting the same; an index over them, unique or not, makes it quick.
    pub unique_by: Option<Vec<String>>,
    /// One row for each key, into which events are folded by their time, instead of one for each event.
    pub merge: Option<MergeConfig>,
    /// Rows of other tables, written together with a new row of `table`.
    #[serde(default)]
    pub children: Vec<ChildConfig>,
    /// Most connections at once.
    #[serde(default = "default_pool")]
    pub pool: NonZeroU32,
    /// Time for a delivery, connection included.
    #[serde(default = "default_timeout", with = "duration")]
    #[schemars(with = "duration::Text")]
    pub timeout: Duration,
}

impl Config {
    /// Whether the table is one that this program makes.
    pub(super) fn has_default_columns(&self) -> bool {
        self.columns.is_empty()
    }

    /// How a row is known that is there already.
    pub(super) fn known(&self) -> Known {
        match (&self.unique_by, &self.conflict) {
            _ if self.has_default_columns() => {
                Known::Index(DEFAULT_CONFLICT.map(str::to_owned).to_vec())
            }
            (Some(columns), _) => Known::Lock(columns.clone()),
            (None, Some(columns)) if !columns.is_empty() => Known::Index(columns.clone()),
            (None, _) => Known::Never,
        }
    }

    fn address_problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        let parts = [
            ("host", self.host.is_some(), true),
            ("port", self.port.is_some(), false),
            ("database", self.database.is_some(), true),
            ("user", self.user.is_some(), true),
            ("password", self.password.is_some(), false),
        ];
        for (key, is_given, is_needed) in parts {
            if self.url.is_some() && is_given {
                problems.push((key, "stands in `url` already; write one or the other".to_owned()));
            } else if self.url.is_none() && is_needed && !is_given {
                problems.push((
                    key,
                    "is missing; write it, or a secret `url` that holds it".to_owned(),
                ));
            }
        }
        for (key, text) in
            [("host", &self.host), ("database", &self.database), ("user", &self.user)]
        {
            if text.as_ref().is_some_and(|text| text.is_empty() || text.contains('\0')) {
                problems.push((key, "must not be empty".to_owned()));
            }
        }
        problems
    }

    fn tls_problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        let on_socket = self.host.as_ref().is_some_and(|host| host.starts_with('/'));
        if on_socket && self.tls.is_some_and(|tls| tls != TlsMode::Disable) {
            problems.push(("tls", "must be \"disable\" on a Unix socket".to_owned()));
        }
        if self.tls == Some(TlsMode::Disable) && (self.ca.is_some() || self.cert.is_some()) {
            problems.push(("tls", "must not be \"disable\" if there are certificates".to_owned()));
        }
        if self.cert.is_some() != self.key.is_some() {
            problems.push(("cert", "and `key` belong together; write both or none".to_owned()));
        }
        problems
    }
}

#[async_trait]
impl Settings for Config {
    fn kind(&self) -> &'static str {
        "postgres"
    }

    fn finding(&self) -> &'static str {
        "EB0218"
    }

    fn largest_batch(&self) -> u32 {
        LARGEST_BATCH
    }

    fn validate(&self) -> Vec<(String, String)> {
        let mut problems = self.address_problems();
        problems.extend(self.tls_problems());
        if let Err(problem) = TableName::parse(&self.table) {
            problems.push(("table", problem));
        }
        if self.pool.get() > 100 {
            problems.push(("pool", "must be at most 100".to_owned()));
        }
        if self.timeout < Duration::from_millis(10) || self.timeout > Duration::from_secs(600) {
            problems.push(("timeout", "must be between 10ms and 10m".to_owned()));
        }
        let problems = problems.into_iter().map(|(key, message)| (key.to_owned(), message));
        problems.chain(mapping::problems(self)).collect()
    }

    fn secrets(&self) -> Vec<(String, SecretRef)> {
        let secrets = [("url", &self.url), ("password", &self.password), ("key", &self.key)];
        let given = secrets.into_iter().filter_map(|(key, secret)| Some((key, secret.clone()?)));
        given.map(|(key, secret)| (key.to_owned(), secret)).collect()
    }

    fn build(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, BuildError> {
        Ok(Box::new(PostgresSink::build(self, context)?))
    }

    fn migration(&self) -> Option<String> {
        migrations::sql(self)
    }

    async fn migrate(
        &self,
        secrets: &SecretResolver,
        guard: &AddressGuard,
    ) -> Result<String, CheckError> {
        migrations::run(self, secrets, guard).await
    }
}

fn default_table() -> String {
    "events".to_owned()
}

fn default_pool() -> NonZeroU32 {
    NonZeroU32::new(4).expect("four is not zero")
}

fn default_timeout() -> Duration {
    Duration::from_secs(15)
}
