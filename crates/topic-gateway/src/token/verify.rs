//! Whether a token is good, and whose it is.

use std::sync::Arc;

use event_bus_runtime::Clock;
use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header};

use super::claims::{Claims, Rules};
use super::keys::{KeySet, Keys};
use super::ring_provider;

/// Longest token, in bytes, that is looked at.
const LONGEST: usize = 16 * 1024;

/// Verifies tokens.
#[derive(Debug)]
pub struct Tokens {
    keys: Arc<Keys>,
    rules: Rules,
    clock: Clock,
    validation: Validation,
}

/// Whose token it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `sub` of the token, if it has one.
    pub subject: Option<String>,
}

/// Why a token is refused, for logs and counters. The sender hears the same of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// It is too long to be looked at.
    #[error("the token is too long")]
    TooLong,
    /// It is no JWT of three parts, or a part of it cannot be read.
    #[error("the token is not a JWT")]
    Malformed,
    /// It is signed by another algorithm than RS256.
    #[error("the token is not signed by RS256")]
    Algorithm,
    /// Its header asks for an extension of JWS, `crit` or `b64`.
    #[error("the token needs an extension that is not supported")]
    Extension,
    /// No known key has signed it.
    #[error("no known key has signed the token")]
    UnknownKey,
    /// The keys are older than allowed, and no newer ones could be had.
    #[error("the keys are too old to verify a token")]
    StaleKeys,
    /// It has expired.
    #[error("the token has expired")]
    Expired,
    /// It is from the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// It is for somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// It is from somebody else.
    #[error("the token is from another issuer")]
    Issuer,
    /// A claim is not of its type.
    #[error("a claim of the token is not of its type")]
    Claims,
}

/// Tokens cannot be verified here.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    /// Something else in this process has given `jsonwebtoken` its cryptography.
    #[error("another cryptography for tokens is installed in this process")]
    ForeignCryptography,
}

impl Refusal {
    /// Every one.
    pub const ALL: [Self; 11] = [
        Self::TooLong,
        Self::Malformed,
        Self::Algorithm,
        Self::Extension,
        Self::UnknownKey,
        Self::StaleKeys,
        Self::Expired,
        Self::NotYetValid,
        Self::Audience,
        Self::Issuer,
        Self::Claims,
    ];

    /// As the label of a counter.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Malformed => "malformed",
            Self::Algorithm => "algorithm",
            Self::Extension => "extension",
            Self::UnknownKey => "unknown_key",
            Self::StaleKeys => "stale_keys",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Audience => "audience",
            Self::Issuer => "issuer",
            Self::Claims => "claims",
        }
    }
}

impl Tokens {
    /// Verifies by `keys`. Where these are of an issuer, tokens must be from it unless the rules name others.
    pub fn new(keys: Arc<Keys>, mut rules: Rules, clock: Clock) -> Result<Self, TokensError> {
        if !ring_provider::install() {
            return Err(TokensError::ForeignCryptography);
        }
        if rules.issuers.is_empty() {
            rules.issuers.extend(keys.issuer().map(str::to_owned));
        }
        // Claims are judged here, by a clock that is given.
        let mut validation = Validation::new(Algorithm::RS256);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        Ok(Self { keys, rules, clock, validation })
    }

    /// The keys that it verifies by.
    pub fn keys(&self) -> &Arc<Keys> {
        &self.keys
    }

    /// Verifies a token. Waits only for one that is good but for its key: then for newer keys, some seconds at most.
    pub async fn verify(&self, token: &str) -> Result<Identity, Refusal> {
        let mut keys = self.keys.current();
        let are_fresh = self.keys.are_fresh(&keys);
        if are_fresh && let Some(claims) = keys.verified(token) {
            return claims.check(&self.rules, self.now());
        }
        let header = header(token)?;
        if !are_fresh {
            return Err(Refusal::StaleKeys);
        }
        if let Some(judged) = self.judge(token, &header, &keys) {
            return judged;
        }
        // Nobody waits, and no key server is asked, for a token that would be refused anyhow.
        let claims: Claims = insecure_decode_claims(token).map_err(|_| Refusal::Malformed)?;
        claims.check(&self.rules, self.now())?;
        // The first answer may be one that was under way already.
        for _ in 0..2 {
            let Some(newer) = self.keys.newer_than(&keys).await else { break };
            keys = newer;
            if let Some(judged) = self.judge(token, &header, &keys) {
                return judged;
            }
        }
        Err(Refusal::UnknownKey)
    }

    /// `None` if no key has signed it.
    fn judge(
        &self,
        token: &str,
        header: &Header,
        keys: &KeySet,
    ) -> Option<Result<Identity, Refusal>> {
        for key in keys.candidates(header.kid.as_deref()) {
            match decode::<Claims>(token, key, &self.validation) {
                Ok(verified) => {
                    let claims = Arc::new(verified.claims);
                    let judged = claims.check(&self.rules, self.now());
                    if judged.is_ok() {
                        keys.remember(token, claims);
                    }
                    return Some(judged);
                }
                Err(error) if *error.kind() == ErrorKind::InvalidSignature => {}
                Err(_) => return Some(Err(Refusal::Malformed)),
            }
        }
        None
    }

    fn now(&self) -> i64 {
        self.clock.now().unix_timestamp()
    }
}

/// The header of what looks like a token that can be verified.
fn header(token: &str) -> Result<Header, Refusal> {
    if token.len() > LONGEST {
        return Err(Refusal::TooLong);
    }
    let parts: Vec<&str> = token.split('.').collect();
    if parts.len() != 3 || parts.iter().any(|part| part.is_empty()) {
        return Err(Refusal::Malformed);
    }
    let header = decode_header(token).map_err(|_| Refusal::Malformed)?;
    if header.alg != Algorithm::RS256 {
        return Err(Refusal::Algorithm);
    }
    let detached = header.extras.inner().get("b64").is_some_and(|b64| *b64 != true);
    if header.crit.is_some() || detached {
        return Err(Refusal::Extension);
    }
    Ok(header)
}
