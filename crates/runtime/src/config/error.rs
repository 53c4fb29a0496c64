//! What is wrong with a configuration, and where.

use super::Document;

/// One thing that a `validate` step found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, such as `inbound.sources[1].provider`.
    pub path: String,
    /// What is wrong: lowercase, no full stop, never a secret.
    pub message: String,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("configuration is invalid")]
    Invalid(Vec<Problem>),
}

impl Problem {
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

impl ConfigError {
    /// The problems of a `validate` step, with their lines.
    pub fn invalid(source: &Document, problems: Vec<Problem>) -> Self {
        let _ = source;
        Self::Invalid(problems)
    }
}
