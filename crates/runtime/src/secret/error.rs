//! Why a secret cannot be used. Every error names the place and what to do, and holds nothing of the value.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::SecretRef;

/// Why a secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable does not exist.
    #[error("environment variable {variable} is not set; set it or name a file instead")]
    MissingVariable {
        /// Name of the variable.
        variable: String,
    },
    /// The variable exists and holds nothing.
    #[error("environment variable {variable} is empty; put the secret into it")]
    EmptyVariable {
        /// Name of the variable.
        variable: String,
    },
    /// `[secrets] allow_env = false` stands against it.
    #[error(
        "environment variable {variable} may not hold a secret, since secrets.allow_env is false; name a file instead"
    )]
    EnvNotAllowed {
        /// Name of the variable.
        variable: String,
    },
    /// The file does not exist.
    #[error("file {} does not exist; create it with the secret in it", path.display())]
    MissingFile {
        /// Path of the file.
        path: PathBuf,
    },
    /// The file may not be read.
    #[error("file {} cannot be read; check its permissions", path.display())]
    Unreadable {
        /// Path of the file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The file holds nothing but white space.
    #[error("file {} is empty; put the secret into it", path.display())]
    EmptyFile {
        /// Path of the file.
        path: PathBuf,
    },
    /// The file is larger than any secret.
    #[error("file {} is larger than 64 KiB and thus no secret", path.display())]
    TooLarge {
        /// Path of the file.
        path: PathBuf,
    },
    /// A text is wanted and the secret is none.
    #[error("the secret is not UTF-8 text")]
    NotText,
    /// The vault did not give it.
    #[error("{reference} cannot be read")]
    Vault {
        /// Where it lives.
        reference: Box<SecretRef>,
        /// What the vault says.
        #[source]
        source: Arc<VaultError>,
    },
    /// It lives in a vault that has not been asked yet.
    #[error("{reference} has not been read yet")]
    NotFetched {
        /// Where it lives.
        reference: Box<SecretRef>,
    },
}

/// Why a vault did not give a secret.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// Asking again gives the same answer.
    #[error("the vault refuses: {0}")]
    Refused(String),
    /// Asking again may help.
    #[error("the vault does not answer: {0}")]
    Unavailable(String),
    /// The vault gave something that cannot be the secret.
    #[error("{0}")]
    Unusable(String),
    /// The build leaves this kind of vault out.
    #[error("this build cannot read it; build with the feature {0}")]
    NotCompiledIn(&'static str),
}

impl SecretError {
    /// The secret that a vault did not give; none where the configuration, the environment or a file is to blame.
    pub fn in_vault(&self) -> Option<&SecretRef> {
        match self {
            Self::Vault { reference, .. } | Self::NotFetched { reference } => Some(reference),
            Self::MissingVariable { .. }
            | Self::EmptyVariable { .. }
            | Self::EnvNotAllowed { .. }
            | Self::MissingFile { .. }
            | Self::Unreadable { .. }
            | Self::EmptyFile { .. }
            | Self::TooLarge { .. }
            | Self::NotText => None,
        }
    }
}

impl VaultError {
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::Refused(_) | Self::Unusable(_) | Self::NotCompiledIn(_) => false,
        }
    }
}
