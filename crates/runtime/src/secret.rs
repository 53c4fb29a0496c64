//! Secrets, by reference only.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::EnvMap;

/// Where a secret lives: `{ env = "NAME" }` or `{ file = "/run/secrets/name" }`. Never the value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretRef {
    /// The environment variable of that name.
    Env(String),
    /// The content of that file, less one line break at its end.
    File(PathBuf),
}

/// The value of a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

/// `[secrets]`: how secrets may be given.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SecretsConfig {
    /// Whether secrets may come from environment variables.
    pub allow_env: bool,
}

/// Turns references into secrets.
#[derive(Clone, Debug)]
pub struct SecretResolver {
    env: EnvMap,
    allow_env: bool,
}

/// Why a secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("environment variable {variable} is not set")]
    MissingVariable { variable: String },
}

impl Default for SecretsConfig {
    fn default() -> Self {
        Self { allow_env: true }
    }
}

impl SecretResolver {
    pub fn new(env: EnvMap, config: &SecretsConfig) -> Self {
        Self { env, allow_env: config.allow_env }
    }

    pub fn resolve(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        let _ = (reference, &self.env, self.allow_env);
        todo!()
    }

    pub fn env(&self) -> &EnvMap {
        &self.env
    }
}

impl Secret {
    pub fn new(value: impl Into<Vec<u8>>) -> Self {
        Self(value.into())
    }

    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The secret as text; none when it is not UTF-8.
    pub fn expose_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
