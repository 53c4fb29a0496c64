//! The keys of Standard Webhooks: what the prefix of a secret means and which signature versions it checks.

use ed25519_dalek::{Signature, VerifyingKey};

use crate::signature::mac::{Algorithm, Key};
use crate::signature::secret::decode_base64;
use crate::signature::{SecretProblem, SigningSecret};

/// A key for one kind of signature; it never checks the other kind.
pub(super) enum EndpointKey {
    /// HMAC-SHA256, version `v1`.
    Symmetric(Box<Key>),
    /// Ed25519, version `v1a`.
    Public(Box<VerifyingKey>),
}

impl EndpointKey {
    pub(super) fn new(secret: &SigningSecret) -> Result<Self, SecretProblem> {
        let text = secret.expose();
        if let Some(key) = text.strip_prefix(b"whpk_") {
            let key = decode_base64(key)?.try_into().map_err(|_| SecretProblem::NotEd25519)?;
            let key = VerifyingKey::from_bytes(&key).map_err(|_| SecretProblem::NotEd25519)?;
            return if key.is_weak() {
                Err(SecretProblem::NotEd25519)
            } else {
                Ok(Self::Public(Box::new(key)))
            };
        }
        if text.starts_with(b"whsk_") {
            return Err(SecretProblem::PrivateKey);
        }
        let key = decode_base64(text.strip_prefix(b"whsec_").unwrap_or(text))?;
        Ok(Self::Symmetric(Box::new(Key::new(Algorithm::Sha256, &key))))
    }

    pub(super) fn version(&self) -> &'static str {
        match self {
            Self::Symmetric(_) => "v1",
            Self::Public(_) => "v1a",
        }
    }

    pub(super) fn matches(&self, parts: &[&[u8]], claims: &[Vec<u8>]) -> bool {
        match self {
            Self::Symmetric(key) => key.matches(parts, claims),
            Self::Public(key) => {
                let message = parts.concat();
                let mut signatures =
                    claims.iter().filter_map(|claim| Signature::from_slice(claim).ok());
                // The strict form also refuses signatures that were altered without the private key.
                signatures.any(|signature| key.verify_strict(&message, &signature).is_ok())
            }
        }
    }
}
