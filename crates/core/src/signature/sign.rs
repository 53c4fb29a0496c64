//! The sending side: the same signatures, made. For samples, checks and outgoing webhooks.

use ed25519_dalek::{Signer as _, SigningKey};

use super::mac::{Algorithm, Key};
use super::secret::{decode_base64, require};
use super::{Encoding, HmacScheme, RawRequest, Rejection, SecretProblem, SigningSecret};

/// The value of `X-Hub-Signature-256`.
pub fn github(secret: &SigningSecret, body: &[u8]) -> String {
    format!("sha256={}", hex_hmac(secret, &[body]))
}

/// The value of `X-Slack-Signature` for the unix seconds in `X-Slack-Request-Timestamp`.
pub fn slack(secret: &SigningSecret, timestamp: i64, body: &[u8]) -> String {
    format!("v0={}", hex_hmac(secret, &[b"v0:", timestamp.to_string().as_bytes(), b":", body]))
}

/// The value of `Stripe-Signature`.
pub fn stripe(secret: &SigningSecret, timestamp: i64, body: &[u8]) -> String {
    format!(
        "t={timestamp},v1={}",
        hex_hmac(secret, &[timestamp.to_string().as_bytes(), b".", body])
    )
}

/// The value of `Linear-Signature`; the body must carry a fresh `webhookTimestamp`.
pub fn linear(secret: &SigningSecret, body: &[u8]) -> String {
    hex_hmac(secret, &[body])
}

/// The value of `webhook-signature`: one signature per secret, separated by blanks.
///
/// The id must not hold `.`. Whoever signs often keeps a [`StandardWebhooksSigner`] instead.
pub fn standard_webhooks(
    secrets: &[SigningSecret],
    id: &str,
    timestamp: i64,
    body: &[u8],
) -> Result<String, SecretProblem> {
    Ok(StandardWebhooksSigner::new(secrets)?.sign(id, timestamp, body))
}

/// The value of the signature header of a generic scheme, for a request that carries its other headers already.
pub fn hmac(
    scheme: &HmacScheme,
    secret: &SigningSecret,
    request: &RawRequest<'_>,
) -> Result<String, SignProblem> {
    let key = scheme.key(secret).map_err(SignProblem::Secret)?;
    let (content, _) = scheme.content(request).map_err(SignProblem::Request)?;
    let prefix = scheme.prefix.as_deref().unwrap_or_default();
    Ok(format!("{prefix}{}", scheme.encoding.encode(&key.sign(&content))))
}

/// Why a request cannot be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignProblem {
    /// The secret does not fit the scheme.
    #[error("the secret cannot sign")]
    Secret(#[source] SecretProblem),
    /// The request lacks something that the template signs.
    #[error("the request cannot be signed")]
    Request(#[source] Rejection),
}

/// Signs by Standard Webhooks with every current secret, so that receivers can change theirs at leisure.
#[derive(Clone, Debug)]
pub struct StandardWebhooksSigner {
    keys: Vec<SignerKey>,
}

#[derive(Clone)]
enum SignerKey {
    Symmetric(Box<Key>),
    Private(Box<SigningKey>),
}

impl StandardWebhooksSigner {
    /// Prepares the secrets, current first: `whsec_` and base64, base64 alone, or `whsk_` and a private Ed25519 key.
    pub fn new(secrets: &[SigningSecret]) -> Result<Self, SecretProblem> {
        require(secrets)?;
        let keys = secrets.iter().map(SignerKey::new).collect::<Result<_, _>>()?;
        Ok(Self { keys })
    }

    /// The value of `webhook-signature` for the very bytes that are sent.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let timestamp = timestamp.to_string();
        let parts: [&[u8]; 5] = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
        let signatures: Vec<String> = self.keys.iter().map(|key| key.sign(&parts)).collect();
        signatures.join(" ")
    }
}

impl SignerKey {
    fn new(secret: &SigningSecret) -> Result<Self, SecretProblem> {
        let text = secret.expose();
        if text.starts_with(b"whpk_") {
            return Err(SecretProblem::PublicKey);
        }
        if let Some(key) = text.strip_prefix(b"whsk_") {
            // Libraries write the seed alone or the seed and its public key.
            let bytes = decode_base64(key)?;
            let key = match <[u8; 32]>::try_from(bytes.as_slice()) {
                Ok(seed) => SigningKey::from_bytes(&seed),
                Err(_) => {
                    let pair = bytes.try_into().map_err(|_| SecretProblem::NotEd25519)?;
                    SigningKey::from_keypair_bytes(&pair).map_err(|_| SecretProblem::NotEd25519)?
                }
            };
            return Ok(Self::Private(Box::new(key)));
        }
        let key = decode_base64(text.strip_prefix(b"whsec_").unwrap_or(text))?;
        Ok(Self::Symmetric(Box::new(Key::new(Algorithm::Sha256, &key))))
    }

    fn sign(&self, parts: &[&[u8]]) -> String {
        match self {
            Self::Symmetric(key) => format!("v1,{}", Encoding::Base64.encode(&key.sign(parts))),
            Self::Private(key) => {
                format!("v1a,{}", Encoding::Base64.encode(&key.sign(&parts.concat()).to_bytes()))
            }
        }
    }
}

/// A key never shows itself.
impl std::fmt::Debug for SignerKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("***")
    }
}

fn hex_hmac(secret: &SigningSecret, parts: &[&[u8]]) -> String {
    hex::encode(Key::new(Algorithm::Sha256, secret.expose()).sign(parts))
}
