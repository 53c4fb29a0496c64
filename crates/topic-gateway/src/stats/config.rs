//! `[topics.stats]`: where statistics are read.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use event_bus_runtime::SecretRef;
use event_bus_runtime::config::{Problem, duration};
use event_bus_runtime::postgres::TlsMode;
use schemars::JsonSchema;
use serde::Deserialize;

/// `[topics.stats]`: the PostgreSQL server whose tables `POST /stats/{topic}` reads. Without it, statistics fail.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatsConfig {
    /// Name or address of the server, or the folder of its Unix socket.
    pub host: String,
    /// Port of the server.
    #[serde(default = "default_port")]
    pub port: u16,
    /// Name of the database.
    pub database: String,
    /// Role that reads; it needs SELECT alone.
    pub user: String,
    /// Its password.
    #[serde(default)]
    pub password: Option<SecretRef>,
    /// How the connection is protected; default `verify-full`, on a Unix socket `disable`.
    #[serde(default)]
    pub tls: Option<TlsMode>,
    /// Certificates, in PEM, of authorities that are trusted beside those of the system.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// Pages that are read at once, each by a connection of its own; further ones wait, and after 5 s are answered 503.
    #[serde(default = "default_pool")]
    pub pool: NonZeroU32,
    /// Time for PostgreSQL to find a page; it ends the statement itself then.
    #[serde(default = "default_timeout", with = "duration")]
    #[schemars(with = "duration::Text")]
    pub timeout: Duration,
    /// Whether readers need a token, as producers do; `false` lets everybody read who reaches this address.
    #[serde(default = "default_authenticate")]
    pub authenticate: bool,
}

impl StatsConfig {
    /// What is wrong: the key, and why.
    pub(crate) fn validate(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut problem = |key: &str, why: &str| {
            problems.push(Problem::new(format!("topics.stats.{key}"), why));
        };
        let texts = [("host", &self.host), ("database", &self.database), ("user", &self.user)];
        for (key, text) in texts {
            if text.is_empty() || text.contains('\0') {
                problem(key, "must not be empty");
            }
        }
        if self.host.starts_with('/') && self.tls.is_some_and(|tls| tls != TlsMode::Disable) {
            problem("tls", "must be \"disable\" on a Unix socket");
        }
        if self.tls == Some(TlsMode::Disable) && self.ca.is_some() {
            problem("tls", "must not be \"disable\" if there are certificates");
        }
        if self.pool.get() > 100 {
            problem("pool", "must be at most 100");
        }
        if self.timeout < Duration::from_millis(10) || self.timeout > Duration::from_secs(600) {
            problem("timeout", "must be between 10ms and 10m");
        }
        problems
    }

    /// The secrets that it names, each with its path.
    pub(crate) fn secrets(&self) -> Vec<(String, SecretRef)> {
        let password = self.password.clone();
        password.map(|secret| ("topics.stats.password".to_owned(), secret)).into_iter().collect()
    }
}

fn default_port() -> u16 {
    5432
}

fn default_pool() -> NonZeroU32 {
    NonZeroU32::new(4).expect("four is not zero")
}

fn default_timeout() -> Duration {
    Duration::from_secs(30)
}

fn default_authenticate() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use event_bus_runtime::{Document, EnvMap};

    use super::*;

    fn read(more: &str) -> StatsConfig {
        let text = format!("host = 'db'\ndatabase = 'd'\nuser = 'u'\n{more}");
        Document::parse("event-bus.toml", &text, &EnvMap::default()).unwrap().get().unwrap()
    }

    #[test]
    fn by_default_only_those_with_a_token_read() {
        let config = read("");
        assert!(config.authenticate);
        assert_eq!((config.port, config.pool.get(), config.timeout.as_secs()), (5432, 4, 30));
        assert_eq!((config.validate(), config.secrets()), (vec![], vec![]));
        let named = read("password = { env = 'P' }").secrets();
        let password = ("topics.stats.password".to_owned(), SecretRef::Env("P".to_owned()));
        assert_eq!(named, [password]);
    }

    #[test]
    fn what_cannot_be_is_named() {
        for (more, key) in [
            ("pool = 101", "topics.stats.pool"),
            ("timeout = '9ms'", "topics.stats.timeout"),
            ("timeout = '11m'", "topics.stats.timeout"),
            ("tls = 'disable'\nca = 'ca.pem'", "topics.stats.tls"),
        ] {
            let problems = read(more).validate();
            let keys: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
            assert_eq!(keys, [key], "{more}");
        }
    }
}
