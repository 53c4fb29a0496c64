//! Documents with public keys: the reference's own, and JWKS (RFC 7517).

use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose};
use jsonwebtoken::DecodingKey;
use serde_json::Value;
use spki::SubjectPublicKeyInfoRef;
use spki::der::asn1::UintRef;
use spki::der::{Decode, Reader, SliceReader};

/// Most keys that are taken from a document: each may have to be tried for a token.
const MOST_KEYS: usize = 64;

/// Sizes of a modulus that are verified with, in bits.
const MODULUS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Largest public exponent, in bits.
const LARGEST_EXPONENT: usize = 33;

/// RSA encryption, PKCS #1 (RFC 8017, appendix A.1).
const RSA_ENCRYPTION: spki::ObjectIdentifier =
    spki::ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// Some providers pad what RFC 7515 wants without padding.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A public RSA key.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct PublicKey {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
    /// Its name, if the document gives one.
    pub id: Option<String>,
}

/// A document gives no keys to verify with.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It is not JSON.
    #[error("the document is not JSON")]
    Json(#[source] serde_json::Error),
    /// It names no key of RS256.
    #[error("the document names no key for RS256")]
    NoKey,
    /// It names too many.
    #[error("the document names more than {MOST_KEYS} keys")]
    TooManyKeys,
    /// A key is no base64.
    #[error("key {0} is not base64")]
    Base64(usize),
    /// A key is not what it should be.
    #[error("key {0} is not the DER of an RSA SubjectPublicKeyInfo")]
    Der(usize),
    /// A key is too short or too long.
    #[error("key {0} has an RSA modulus or exponent of unsupported size")]
    Size(usize),
}

/// The keys of a document: `{"keys": [{"key": base64 of DER}, …]}`, `{"key": base64 of DER}` or JWKS.
///
/// As in the reference, one bad `key` spoils the document. As RFC 7517, section 5, has it, a JWK that is not for
/// verifying RS256, or is broken, is skipped.
pub(super) fn parse(document: &[u8]) -> Result<Vec<PublicKey>, DocumentError> {
    let document: Value = serde_json::from_slice(document).map_err(DocumentError::Json)?;
    let single = std::slice::from_ref(&document);
    let items = document.get("keys").and_then(Value::as_array).map_or(single, Vec::as_slice);
    let mut keys = Vec::new();
    for (index, item) in items.iter().enumerate() {
        match item.get("key") {
            Some(key) => keys.push(PublicKey::from_base64_der(key, index)?),
            None => keys.extend(PublicKey::from_jwk(item)),
        }
        if keys.len() > MOST_KEYS {
            return Err(DocumentError::TooManyKeys);
        }
    }
    match keys.is_empty() {
        true => Err(DocumentError::NoKey),
        false => Ok(keys),
    }
}

impl PublicKey {
    /// For `jsonwebtoken`.
    pub(super) fn decoding_key(&self) -> DecodingKey {
        DecodingKey::from_rsa_raw_components(&self.modulus, &self.exponent)
    }

    fn from_base64_der(key: &Value, index: usize) -> Result<Self, DocumentError> {
        let text = key.as_str().ok_or(DocumentError::Base64(index))?;
        let text: String = text.split_ascii_whitespace().collect();
        let der = general_purpose::STANDARD.decode(text);
        let der = der.map_err(|_| DocumentError::Base64(index))?;
        let (modulus, exponent) = components(&der).ok_or(DocumentError::Der(index))?;
        Self::new(modulus, exponent, None).ok_or(DocumentError::Size(index))
    }

    fn from_jwk(jwk: &Value) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let meant_otherwise = |name: &str, meaning: &str| {
            jwk.get(name).is_some_and(|value| value.as_str() != Some(meaning))
        };
        let operations = jwk.get("key_ops").map(|operations| operations.as_array());
        let verifies = |operations: &Vec<Value>| operations.iter().any(|one| one == "verify");
        if text("kty") != Some("RSA")
            || meant_otherwise("use", "sig")
            || meant_otherwise("alg", "RS256")
            || operations.is_some_and(|operations| !operations.is_some_and(verifies))
        {
            return None;
        }
        let modulus = BASE64URL.decode(text("n")?).ok()?;
        let exponent = BASE64URL.decode(text("e")?).ok()?;
        Self::new(&modulus, &exponent, text("kid").map(str::to_owned))
    }

    fn new(modulus: &[u8], exponent: &[u8], id: Option<String>) -> Option<Self> {
        let (modulus, exponent) = (without_zeros(modulus), without_zeros(exponent));
        let odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
        let usable = MODULUS.contains(&bits(modulus))
            && (2..=LARGEST_EXPONENT).contains(&bits(exponent))
            && odd(modulus)
            && odd(exponent);
        usable.then(|| Self { modulus: modulus.to_vec(), exponent: exponent.to_vec(), id })
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = bits(&self.modulus);
        formatter.debug_struct("PublicKey").field("id", &self.id).field("bits", &bits).finish()
    }
}

/// Modulus and exponent of a SubjectPublicKeyInfo (RFC 5280, section 4.1) with an RSA key (RFC 8017, appendix A.1.1).
fn components(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let info = SubjectPublicKeyInfoRef::from_der(der).ok()?;
    if info.algorithm.oid != RSA_ENCRYPTION {
        return None;
    }
    let mut reader = SliceReader::new(info.subject_public_key.as_bytes()?).ok()?;
    let (modulus, exponent) =
        reader.sequence(|reader| Ok((UintRef::decode(reader)?, UintRef::decode(reader)?))).ok()?;
    reader.is_finished().then(|| (modulus.as_bytes(), exponent.as_bytes()))
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

/// How many bits a number without leading zeros has.
fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}
