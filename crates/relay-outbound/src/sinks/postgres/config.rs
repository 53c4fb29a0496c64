//! Settings of the Postgres sink.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use event_bus_runtime::config::duration;
use event_bus_runtime::{SecretRef, SecretResolver};
use schemars::JsonSchema;
use serde::Deserialize;

use super::PostgresSink;
use super::migrations::{migrate, migration_sql};
use super::rows::Column;
use crate::sinks::{BuildError, MigrateError, Settings, Sink, SinkContext};

/// Columns of own tables; a statement with more is no longer what this sink is for.
const MAX_COLUMNS: usize = 100;

/// `sink.postgres`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `postgres://user:password@host:port/database`. A secret, because the password stands in it.
    pub url: SecretRef,
    /// Table, with or without a schema.
    #[serde(default = "default_table")]
    pub table: String,
    /// Own columns instead of those of the shipped table: each with the value that it gets. A value is the name of an
    /// attribute or a path such as `data.pull_request.number`, or a text with `{…}` in it, which is a template.
    #[serde(default)]
    pub columns: BTreeMap<String, String>,
    /// How the connection is encrypted.
    #[serde(default)]
    pub tls: Tls,
    /// Most connections.
    #[serde(default = "default_pool")]
    pub pool: NonZeroU32,
    /// Time for one batch, connecting included.
    #[serde(default = "default_timeout", with = "duration")]
    #[schemars(with = "duration::Text")]
    pub timeout: Duration,
}

/// `tls` of the Postgres sink.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// What is demanded of the server.
    pub mode: TlsMode,
    /// File with the certificate authority (PEM); otherwise those of the system.
    pub ca: Option<PathBuf>,
    /// File with the client's certificate (PEM).
    pub certificate: Option<PathBuf>,
    /// File with the key of the client's certificate (PEM).
    pub key: Option<PathBuf>,
}

/// `mode` of `tls`, in the words of libpq.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TlsMode {
    /// Encrypted, with a certificate that is trusted and names the host.
    #[default]
    VerifyFull,
    /// Encrypted, with a certificate that is trusted.
    VerifyCa,
    /// Encrypted, whoever the server is.
    Require,
    /// Encrypted if the server can.
    Prefer,
    /// In the clear.
    Disable,
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
        1000
    }

    fn largest_data(&self) -> Option<u64> {
        Some(16 * 1024 * 1024)
    }

    fn validate(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        let mut report = |key: &str, message: String| problems.push((key.to_owned(), message));
        if self.table.split('.').count() > 2 || !self.table.split('.').all(is_identifier) {
            let message = format!(
                "`{}` is no table: write a name, or schema.name, of letters, digits and _",
                self.table
            );
            report("table", message);
        }
        if self.columns.len() > MAX_COLUMNS {
            report("columns", format!("must be at most {MAX_COLUMNS}"));
        }
        for (column, value) in &self.columns {
            if !is_identifier(column) {
                let message = format!("`{column}` is no column: use letters, digits and _");
                report("columns", message);
            }
            if let Err(error) = Column::parse(value) {
                report(&format!("columns.{column}"), error.to_string());
            }
        }
        if self.tls.certificate.is_some() != self.tls.key.is_some() {
            report("tls", "`certificate` and `key` belong together; name both or none".to_owned());
        }
        if self.timeout < Duration::from_millis(100) || self.timeout > Duration::from_secs(600) {
            report("timeout", "must be between 100ms and 10m".to_owned());
        }
        problems
    }

    fn secrets(&self) -> Vec<(String, SecretRef)> {
        vec![("url".to_owned(), self.url.clone())]
    }

    fn migration(&self) -> Option<String> {
        self.columns.is_empty().then(|| migration_sql(self))
    }

    async fn migrate(&self, secrets: &SecretResolver) -> Result<(), MigrateError> {
        migrate(self, secrets).await
    }

    fn build(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, BuildError> {
        Ok(Box::new(PostgresSink::build(self, context)?))
    }
}

/// Names that need no thought about quoting; they are quoted all the same.
fn is_identifier(name: &str) -> bool {
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    begins && name.len() <= 63 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn default_table() -> String {
    "events".to_owned()
}

fn default_pool() -> NonZeroU32 {
    NonZeroU32::new(4).unwrap_or(NonZeroU32::MIN)
}

fn default_timeout() -> Duration {
    Duration::from_secs(15)
}
