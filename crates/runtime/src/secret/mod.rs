//! Secrets, by reference only: the configuration says where a secret lives, never what it is.
//!
//! A secret of the environment or a file is read when it is resolved, so that a rotated file is seen by the next
//! resolution. One of a vault is fetched first and kept, and [`SecretResolver::keep_fresh`] reads it again. Errors name
//! the place and what to do about it, and hold nothing of the value.

#[cfg(feature = "aws-secrets-manager")]
mod aws_secrets_manager;
#[cfg(feature = "azure-key-vault")]
mod azure_key_vault;
mod cache;
mod config;
mod error;
mod reference;
mod vault;

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::EnvMap;
use cache::Cache;
pub use config::{AzureConfig, AzureCredential, SecretsConfig};
pub use error::{SecretError, VaultError};
pub use reference::{AwsSecret, AzureSecret, SecretRef};
use vault::Vault;

/// A longer file is no secret.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// The value of a secret: at least one byte that is not white space. It never prints itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

/// How long [`SecretResolver::fetch`] tries to reach a vault.
const FETCH_WITHIN: Duration = Duration::from_secs(30);

/// Bounds of the pauses of [`SecretResolver::keep_fresh`]: it must see what others fetched meanwhile.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// Turns references into secrets. Clones share what they fetched from vaults.
#[derive(Clone, Debug)]
pub struct SecretResolver {
    env: EnvMap,
    allow_env: bool,
    cache: Arc<Cache>,
}

impl SecretResolver {
    /// Resolves against this environment, the file system and the vaults.
    pub fn new(env: EnvMap, config: &SecretsConfig) -> Self {
        let vault = Box::new(vault::Vaults::new(config));
        Self::with(env, config, vault, Clock::system())
    }

    fn with(env: EnvMap, config: &SecretsConfig, vault: Box<dyn Vault>, clock: Clock) -> Self {
        let cache = Arc::new(Cache::new(vault, clock, config.refresh));
        Self { env, allow_env: config.allow_env, cache }
    }

    /// Fetches those of the secrets that live in a vault, so that they can be resolved; what is at hand and fresh is not
    /// read again. A vault that is away is tried for 30 s. Fails if one of them has no value then, and says why for the
    /// first; a value that could not be renewed is none of these.
    pub async fn fetch<'a>(
        &self,
        references: impl IntoIterator<Item = &'a SecretRef>,
    ) -> Result<(), SecretError> {
        self.fetch_within(references, FETCH_WITHIN).await
    }

    /// The same with another limit for a vault that is away.
    pub async fn fetch_within<'a>(
        &self,
        references: impl IntoIterator<Item = &'a SecretRef>,
        within: Duration,
    ) -> Result<(), SecretError> {
        let wanted = in_vaults(references);
        join_all(wanted.iter().map(|reference| self.cache.fetch(reference, within))).await;
        wanted.iter().try_for_each(|reference| self.cache.value(reference).map(drop))
    }

    /// Reads the secrets of vaults again however fresh they are, such as after a destination has refused one; each at
    /// most every 30 s. Says whether a value has changed. What cannot be read keeps its value.
    pub async fn refresh<'a>(&self, references: impl IntoIterator<Item = &'a SecretRef>) -> bool {
        let wanted = in_vaults(references);
        let changed = join_all(wanted.iter().map(|reference| self.cache.refresh(reference))).await;
        changed.contains(&true)
    }

    /// Reads every secret that was ever fetched again before it is stale or expires, until shutdown.
    pub async fn keep_fresh(self, shutdown: CancellationToken) {
        let (shortest, longest) = PAUSES;
        loop {
            let pause = self.cache.until_due().unwrap_or(longest).clamp(shortest, longest);
            if shutdown.run_until_cancelled(sleep(pause)).await.is_none() {
                return;
            }
            let renewal = self.renew();
            if shutdown.run_until_cancelled(renewal).await.is_none() {
                return;
            }
        }
    }

    /// Counts how often a secret of a vault got another value.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.cache.changes()
    }

    /// Forgets what was fetched for other references than these.
    pub fn retain<'a>(&self, references: impl IntoIterator<Item = &'a SecretRef>) {
        let wanted = in_vaults(references);
        self.cache.retain(|reference| wanted.contains(reference));
    }

    /// Reads the secret now; one of a vault must have been fetched.
    pub fn resolve(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        match reference {
            SecretRef::Env(variable) => self.read_variable(variable),
            SecretRef::File(path) => read_file(path),
            SecretRef::AzureKeyVault(_) | SecretRef::AwsSecretsManager(_) => {
                self.cache.value(reference)
            }
        }
    }

    /// Reads what is due.
    async fn renew(&self) {
        let due = self.cache.due();
        join_all(due.iter().map(|reference| self.cache.renew(reference))).await;
    }

    fn read_variable(&self, variable: &str) -> Result<Secret, SecretError> {
        let variable = variable.to_owned();
        if !self.allow_env {
            return Err(SecretError::EnvNotAllowed { variable });
        }
        match self.env.get(&variable) {
            None => Err(SecretError::MissingVariable { variable }),
            Some(value) => Secret::checked(value.as_bytes().to_vec())
                .ok_or(SecretError::EmptyVariable { variable }),
        }
    }
}

impl Secret {
    /// A secret that is at hand already, such as one that was just made.
    pub fn new(value: impl Into<Vec<u8>>) -> Self {
        Self(value.into())
    }

    /// The bytes themselves.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The secret as text.
    pub fn expose_str(&self) -> Result<&str, SecretError> {
        std::str::from_utf8(&self.0).map_err(|_| SecretError::NotText)
    }

    fn checked(value: Vec<u8>) -> Option<Self> {
        (!value.trim_ascii().is_empty()).then_some(Self(value))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Those that live in a vault, each once.
fn in_vaults<'a>(references: impl IntoIterator<Item = &'a SecretRef>) -> BTreeSet<&'a SecretRef> {
    references.into_iter().filter(|reference| reference.is_in_vault()).collect()
}

fn read_file(path: &Path) -> Result<Secret, SecretError> {
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => SecretError::MissingFile { path: path.to_owned() },
        _ => SecretError::Unreadable { path: path.to_owned(), source },
    };
    let mut value = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(MAX_SECRET_BYTES + 1).read_to_end(&mut value).map_err(unreadable)?;
    if u64::try_from(value.len()).is_ok_and(|length| length > MAX_SECRET_BYTES) {
        return Err(SecretError::TooLarge { path: path.to_owned() });
    }
    if value.ends_with(b"\n") {
        value.pop();
        if value.ends_with(b"\r") {
            value.pop();
        }
    }
    Secret::checked(value).ok_or_else(|| SecretError::EmptyFile { path: path.to_owned() })
}

#[cfg(test)]
mod tests;
