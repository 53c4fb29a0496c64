//! Standard Webhooks and Svix: signatures over `id.timestamp.body` in a list, `v1,` HMAC-SHA256 or `v1a,` Ed25519.
//!
//! The headers are `webhook-*` or `svix-*`, never a mixture: the family whose signature is there gives all three, `svix-*`
//! first. Ids must not hold `.`, or an old message could be framed anew as a fresh one with another id. Secrets are
//! `whsec_` and base64, or base64 alone; `whpk_` keys check `v1a` only. The body's `type` and `timestamp`, which the
//! specification recommends, become type and time; without them the type is `com.standardwebhooks.event`.

use std::time::Duration;

use ed25519_dalek::{Signature, VerifyingKey};
use time::OffsetDateTime;

use super::fields::Fields;
use super::mac::{Algorithm, Key};
use super::secret::decode_base64;
use super::verifier::Provider;
use super::{
    Description, Encoding, Outcome, RawRequest, Rejection, SecretProblem, SigningSecret, Verified,
    header, identity, timestamp,
};

/// Bounds the work that one unsigned header can cause.
const MOST_SIGNATURES: usize = 16;

pub(super) struct StandardWebhooks {
    keys: Vec<EndpointKey>,
    tolerance: Duration,
}

enum EndpointKey {
    Symmetric(Key),
    Public(Box<VerifyingKey>),
}

impl StandardWebhooks {
    pub(super) fn new(
        secrets: &[SigningSecret],
        tolerance: Duration,
    ) -> Result<Self, SecretProblem> {
        let keys = secrets.iter().map(EndpointKey::new).collect::<Result<_, _>>()?;
        Ok(Self { keys, tolerance })
    }

    fn find_match(&self, parts: &[&[u8]], list: &str) -> Result<usize, Rejection> {
        let entries: Vec<(&str, &str)> =
            list.split(' ').filter_map(|entry| entry.split_once(',')).collect();
        if list.split(' ').count() > MOST_SIGNATURES {
            return Err(Rejection::TooManySignatures);
        }
        let mut reason = Rejection::NoSupportedScheme;
        for (index, key) in self.keys.iter().enumerate() {
            let texts = entries
                .iter()
                .filter(|(version, _)| *version == key.version())
                .map(|(_, text)| text);
            let mut claims = Vec::new();
            for text in texts {
                match Encoding::Base64.decode(text) {
                    Some(claim) => claims.push(claim),
                    None => reason = Rejection::MalformedSignature,
                }
            }
            if key.matches(parts, &claims) {
                return Ok(index);
            }
            if !claims.is_empty() {
                reason = Rejection::SignatureMismatch;
            }
        }
        Err(reason)
    }
}

impl EndpointKey {
    fn new(secret: &SigningSecret) -> Result<Self, SecretProblem> {
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
        Ok(Self::Symmetric(Key::new(Algorithm::Sha256, &key)))
    }

    fn version(&self) -> &'static str {
        match self {
            Self::Symmetric(_) => "v1",
            Self::Public(_) => "v1a",
        }
    }

    fn matches(&self, parts: &[&[u8]], claims: &[Vec<u8>]) -> bool {
        match self {
            Self::Symmetric(key) => key.matches(parts, claims),
            Self::Public(key) => {
                let signatures =
                    claims.iter().filter_map(|claim| Signature::from_slice(claim).ok());
                // The strict form also refuses signatures that were altered without the private key.
                signatures
                    .into_iter()
                    .any(|signature| key.verify_strict(&parts.concat(), &signature).is_ok())
            }
        }
    }
}

impl Provider for StandardWebhooks {
    fn verify(&self, request: &RawRequest<'_>, now: OffsetDateTime) -> Result<Outcome, Rejection> {
        let [id, stamp, signature] = match request.headers.contains_key("svix-signature") {
            true => ["svix-id", "svix-timestamp", "svix-signature"],
            false => ["webhook-id", "webhook-timestamp", "webhook-signature"],
        };
        let list = header::signature(request, signature)?;
        let id = identity::delivery_id(header::id(request, id)?)?;
        if id.contains('.') {
            return Err(Rejection::MalformedId);
        }
        let stamp = header::timestamp(request, stamp)?;
        timestamp::check_seconds(timestamp::unix_seconds(stamp)?, now, self.tolerance)?;
        let parts: [&[u8]; 5] = [id.as_bytes(), b".", stamp.as_bytes(), b".", request.body];
        let secret = self.find_match(&parts, list)?;

        let mut verified = Verified::new(request, Some(secret));
        verified.id = Some(id);
        Ok(Outcome::Verified(verified))
    }

    fn describe(&self, verified: &Verified, source: &str) -> Result<Description, Rejection> {
        let id = verified.id.clone().ok_or(Rejection::MissingId)?;
        let fields = Fields::parse(&verified.body);
        let event = fields.as_ref().and_then(|fields| fields.string("type"));
        let kind = event.clone().filter(|kind| identity::name(kind).as_ref() == Some(kind));
        let kind = kind.unwrap_or_else(|| "com.standardwebhooks.event".to_owned());

        let mut description = Description::new(verified, id, identity::hook_source(source), kind);
        description.time = fields.and_then(|fields| fields.time("timestamp"));
        description.event = event;
        Ok(description)
    }
}
