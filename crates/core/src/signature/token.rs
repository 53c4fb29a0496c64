//! A shared token in a header or in a query parameter.
//!
//! It proves who sent a request, not what was sent, and nothing about freshness. With `Authorization` the header is a
//! bearer token (RFC 6750). A token in the URL ends up in the logs of every proxy on the way. The id of an event is a hash
//! of its body: equal bodies are one event within the duplicate window.

use http::HeaderName;
use http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use time::OffsetDateTime;

use super::verifier::Provider;
use super::{
    Description, Outcome, RawRequest, Rejection, SecretProblem, SigningSecret, Verified, form,
    header,
};

/// Where the token stands; a request may use either place if both are named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenScheme {
    /// The header; `Authorization` means a bearer token.
    pub header: Option<HeaderName>,
    /// The query parameter, such as `access_token`.
    pub query_param: Option<String>,
}

impl TokenScheme {
    /// Whether the token is a bearer token of the `Authorization` header.
    pub fn is_bearer(&self) -> bool {
        self.header == Some(AUTHORIZATION)
    }

    fn in_header<'a>(&self, request: &RawRequest<'a>) -> Result<Option<&'a str>, Rejection> {
        let Some(name) = &self.header else { return Ok(None) };
        let value = header::single(request.headers, name.as_str(), Rejection::TokenMismatch)?;
        Ok(if self.is_bearer() {
            value.and_then(|value| credentials(value, "bearer"))
        } else {
            value
        })
    }

    fn in_query(&self, request: &RawRequest<'_>) -> Result<Option<Vec<u8>>, Rejection> {
        let (Some(name), Some(query)) = (&self.query_param, request.query) else { return Ok(None) };
        let mut values = form::pairs(query.as_bytes()).filter(|(key, _)| key == name.as_bytes());
        let value = values.next().map(|(_, value)| value);
        if values.next().is_some() {
            return Err(Rejection::DuplicateHeader);
        }
        Ok(value.filter(|value| !value.is_empty()))
    }
}

/// What follows an authentication scheme, whose name is case-insensitive (RFC 9110 section 11.1).
pub(super) fn credentials<'a>(value: &'a str, scheme: &str) -> Option<&'a str> {
    let (given, rest) = value.split_once(' ')?;
    let rest = rest.trim_matches(' ');
    (given.eq_ignore_ascii_case(scheme) && !rest.is_empty()).then_some(rest)
}

/// The index of the secret that equals a claim. Hashes are compared, so that not even the length shows in the time.
pub(super) fn find_equal(hashes: &[[u8; 32]], claim: &[u8]) -> Option<usize> {
    let claim: [u8; 32] = Sha256::digest(claim).into();
    hashes.iter().position(|hash| hash.ct_eq(&claim).into())
}

pub(super) fn hashes(secrets: &[SigningSecret]) -> Vec<[u8; 32]> {
    secrets.iter().map(|secret| Sha256::digest(secret.expose()).into()).collect()
}

pub(super) struct Token {
    scheme: TokenScheme,
    hashes: Vec<[u8; 32]>,
}

impl Token {
    pub(super) fn new(
        scheme: TokenScheme,
        secrets: &[SigningSecret],
    ) -> Result<Self, SecretProblem> {
        if scheme.header.is_none() && scheme.query_param.is_none() {
            return Err(SecretProblem::NoTokenPlace);
        }
        Ok(Self { scheme, hashes: hashes(secrets) })
    }
}

impl Provider for Token {
    fn verify(&self, request: &RawRequest<'_>, _now: OffsetDateTime) -> Result<Outcome, Rejection> {
        let in_header = self.scheme.in_header(request)?.map(|token| token.as_bytes().to_vec());
        let in_query = self.scheme.in_query(request)?;
        let token_in_query = in_query.is_some();
        let claim = match (in_header, in_query) {
            (Some(header), Some(query)) if header != query => {
                return Err(Rejection::DuplicateHeader);
            }
            (Some(claim), _) | (None, Some(claim)) => claim,
            (None, None) => return Err(Rejection::MissingToken),
        };
        let secret = find_equal(&self.hashes, &claim).ok_or(Rejection::TokenMismatch)?;
        Ok(Outcome::Verified(Verified { token_in_query, ..Verified::new(request, Some(secret)) }))
    }

    fn describe(&self, verified: &Verified, source: &str) -> Result<Description, Rejection> {
        Ok(Description::generic(verified, source))
    }
}
