//! Signing secrets and what is wrong with them.
//!
//! A secret is checked when the verifier is built, never at the first request: a source that cannot verify anything
//! must not start. Nothing is trimmed here; reading a secret from a file is the reader's business.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::TemplateProblem;

/// Secrets are pasted by people: padding may be missing, and the last bits need not be zero.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A secret shared with a sender, as it stands in its file or variable. Its `Debug` form is `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Vec<u8>);

impl SigningSecret {
    /// Takes the bytes as they are.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    pub(super) fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The key bytes under an encoding.
    pub(super) fn decode(&self, encoding: SecretEncoding) -> Result<Vec<u8>, SecretProblem> {
        match encoding {
            SecretEncoding::Utf8 => Ok(self.0.clone()),
            SecretEncoding::Base64 => decode_base64(&self.0),
            SecretEncoding::Hex => hex::decode(&self.0).map_err(|_| SecretProblem::NotHex),
        }
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// How a secret is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SecretEncoding {
    /// The text itself is the key.
    #[default]
    Utf8,
    /// The key is the decoded base64.
    Base64,
    /// The key is the decoded hexadecimal text.
    Hex,
}

/// Why no verifier can be made of a scheme and its secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretProblem {
    /// No secret at all.
    #[error("no secret is configured")]
    Missing,
    /// A secret is empty or blank: anybody could sign with it.
    #[error("a secret is empty or blank")]
    Empty,
    /// A secret that must be base64 is not.
    #[error("a secret is not base64")]
    NotBase64,
    /// A secret that must be hexadecimal is not.
    #[error("a secret is not hexadecimal")]
    NotHex,
    /// A public or private key (`whpk_`, `whsk_`) is not an Ed25519 key.
    #[error("a key is not an ed25519 key")]
    NotEd25519,
    /// A private key was given where only the public one is needed.
    #[error("a private key (`whsk_`) is configured where its public key (`whpk_`) belongs")]
    PrivateKey,
    /// A public key was given where something has to be signed.
    #[error("a public key (`whpk_`) cannot sign")]
    PublicKey,
    /// Credentials for Basic are not `user:password`.
    #[error("a secret is not of the form `user:password`")]
    NotUserPassword,
    /// A secret was given to a scheme that checks nothing.
    #[error("an unsigned source cannot use its secret")]
    Unused,
    /// A token scheme names neither a header nor a query parameter.
    #[error("neither a header nor a query parameter is named for the token")]
    NoTokenPlace,
    /// The template of the signed content does not fit its settings.
    #[error("the template of the signed content is unusable")]
    Template(#[source] TemplateProblem),
}

impl SecretProblem {
    /// The stable name of this problem.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "no_secret",
            Self::Empty => "empty_secret",
            Self::NotBase64 | Self::NotHex | Self::NotEd25519 | Self::NotUserPassword => {
                "malformed_secret"
            }
            Self::PrivateKey => "private_key",
            Self::PublicKey => "public_key",
            Self::Unused => "unused_secret",
            Self::NoTokenPlace => "no_token_place",
            Self::Template(_) => "malformed_template",
        }
    }
}

/// Refuses to go on without secrets or with one that anybody could guess.
pub(super) fn require(secrets: &[SigningSecret]) -> Result<(), SecretProblem> {
    if secrets.is_empty() {
        return Err(SecretProblem::Missing);
    }
    if secrets.iter().any(|secret| secret.0.iter().all(u8::is_ascii_whitespace)) {
        return Err(SecretProblem::Empty);
    }
    Ok(())
}

pub(super) fn decode_base64(text: &[u8]) -> Result<Vec<u8>, SecretProblem> {
    let key = LENIENT.decode(text).map_err(|_| SecretProblem::NotBase64)?;
    if key.is_empty() { Err(SecretProblem::Empty) } else { Ok(key) }
}
