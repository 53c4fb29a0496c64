//! Keyed MACs. A key is scheduled once; a request costs one pass over its body per secret.

use std::fmt;

use hmac::digest::{KeyInit, Mac};
use hmac::{Hmac, digest::InvalidLength};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::SigningSecret;

/// The hash function of an HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC-SHA1: old senders only.
    Sha1,
    /// HMAC-SHA256.
    Sha256,
    /// HMAC-SHA512.
    Sha512,
}

/// One secret, ready to be used.
#[derive(Clone)]
pub(super) enum Key {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha512(Hmac<Sha512>),
}

impl Key {
    pub(super) fn new(algorithm: Algorithm, secret: &[u8]) -> Self {
        match algorithm {
            Algorithm::Sha1 => Self::Sha1(any_length(Hmac::new_from_slice(secret))),
            Algorithm::Sha256 => Self::Sha256(any_length(Hmac::new_from_slice(secret))),
            Algorithm::Sha512 => Self::Sha512(any_length(Hmac::new_from_slice(secret))),
        }
    }

    /// Whether one of the claimed MACs is the MAC of the parts, one after the other. Constant time for each claim.
    pub(super) fn matches<C: AsRef<[u8]>>(&self, parts: &[&[u8]], claims: &[C]) -> bool {
        match self {
            Self::Sha1(key) => any_matches(key.clone(), parts, claims),
            Self::Sha256(key) => any_matches(key.clone(), parts, claims),
            Self::Sha512(key) => any_matches(key.clone(), parts, claims),
        }
    }

    pub(super) fn sign(&self, parts: &[&[u8]]) -> Vec<u8> {
        match self {
            Self::Sha1(key) => finish(key.clone(), parts),
            Self::Sha256(key) => finish(key.clone(), parts),
            Self::Sha512(key) => finish(key.clone(), parts),
        }
    }
}

/// A key never shows itself.
impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// HMAC-SHA256 keys whose bytes are the text of the secrets, as most providers use them.
pub(super) fn text_keys(secrets: &[SigningSecret]) -> Vec<Key> {
    secrets.iter().map(|secret| Key::new(Algorithm::Sha256, secret.expose())).collect()
}

/// The index of the first key under which one of the claims is right.
pub(super) fn find_match<C: AsRef<[u8]>>(
    keys: &[Key],
    parts: &[&[u8]],
    claims: &[C],
) -> Option<usize> {
    keys.iter().position(|key| key.matches(parts, claims))
}

fn any_length<T>(key: Result<T, InvalidLength>) -> T {
    key.expect("HMAC takes keys of every length (RFC 2104 section 2)")
}

fn update<M: Mac>(mac: &mut M, parts: &[&[u8]]) {
    for part in parts {
        mac.update(part);
    }
}

fn any_matches<M: Mac + Clone, C: AsRef<[u8]>>(mut mac: M, parts: &[&[u8]], claims: &[C]) -> bool {
    update(&mut mac, parts);
    claims.iter().any(|claim| mac.clone().verify_slice(claim.as_ref()).is_ok())
}

fn finish<M: Mac>(mut mac: M, parts: &[&[u8]]) -> Vec<u8> {
    update(&mut mac, parts);
    mac.finalize().into_bytes().to_vec()
}
