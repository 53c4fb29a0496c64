//! HTTP Basic (RFC 7617), UTF-8: the secret is `user:password`.
//!
//! Like a token it proves who sent a request, not what was sent. The id of an event is a hash of its body.

use time::OffsetDateTime;

use super::token::{credentials, find_equal, hashes};
use super::verifier::Provider;
use super::{
    Description, Encoding, Outcome, RawRequest, Rejection, SecretProblem, SigningSecret, Verified,
    header,
};

pub(super) struct Basic {
    hashes: Vec<[u8; 32]>,
}

impl Basic {
    pub(super) fn new(secrets: &[SigningSecret]) -> Result<Self, SecretProblem> {
        let sound =
            |secret: &SigningSecret| secret.expose().contains(&b':') && secret.expose() != b":";
        if !secrets.iter().all(sound) {
            return Err(SecretProblem::NotUserPassword);
        }
        Ok(Self { hashes: hashes(secrets) })
    }
}

impl Provider for Basic {
    fn verify(&self, request: &RawRequest<'_>, _now: OffsetDateTime) -> Result<Outcome, Rejection> {
        let value =
            header::single(request.headers, "authorization", Rejection::MalformedSignature)?;
        let value =
            value.and_then(|value| credentials(value, "basic")).ok_or(Rejection::MissingToken)?;
        let claim = Encoding::Base64.decode(value).filter(|claim| claim.contains(&b':'));
        let claim = claim.ok_or(Rejection::MalformedSignature)?;
        let secret = find_equal(&self.hashes, &claim).ok_or(Rejection::TokenMismatch)?;
        Ok(Outcome::Verified(Verified::new(request, Some(secret))))
    }

    fn describe(&self, verified: &Verified, source: &str) -> Result<Description, Rejection> {
        Ok(Description::generic(verified, source))
    }
}
