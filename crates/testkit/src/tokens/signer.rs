//! Signs tokens, good and bad, with keys that are in this repository and therefore nobody's.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use serde_json::{Value, json};

/// What stands before a 2048-bit key of PKCS #1 in a SubjectPublicKeyInfo.
const SPKI_PREFIX: [u8; 24] = [
    0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01,
    0x01, 0x05, 0x00, 0x03, 0x82, 0x01, 0x0f, 0x00,
];

/// Holds a private key for RS256.
#[derive(Debug)]
pub struct Signer(RsaKeyPair);

impl Signer {
    /// The PKCS #8 of the first key.
    pub const A: &[u8] = include_bytes!("test_only_key_a.pk8");

    pub fn a() -> Self {
        Self::new(Self::A)
    }

    pub fn b() -> Self {
        Self::new(include_bytes!("test_only_key_b.pk8"))
    }

    pub fn c() -> Self {
        Self::new(include_bytes!("test_only_key_c.pk8"))
    }

    fn new(pkcs8: &[u8]) -> Self {
        Self(RsaKeyPair::from_pkcs8(pkcs8).expect("the keys here are good"))
    }

    /// A token as whoever holds the key issues it.
    pub fn token(&self, claims: &Value) -> String {
        self.with_header(&json!({"alg": "RS256", "typ": "JWT"}), claims)
    }

    /// A token with any header.
    pub fn with_header(&self, header: &Value, claims: &Value) -> String {
        self.raw(header.to_string().as_bytes(), claims.to_string().as_bytes())
    }

    /// A good token of somebody, for that many seconds from `now` on, which is in seconds since 1970.
    pub fn token_of(&self, subject: &str, now: i64, seconds: i64) -> String {
        self.token(&json!({"sub": subject, "iat": now, "exp": now + seconds}))
    }

    /// Signs any two parts by RS256.
    pub fn raw(&self, header: &[u8], payload: &[u8]) -> String {
        self.signed_by(&RSA_PKCS1_SHA256, header, payload)
    }

    /// Signs by what the algorithm of that name says.
    pub fn algorithm(&self, name: &str, claims: &Value) -> String {
        let encoding: &dyn RsaEncoding = match name {
            "RS384" => &RSA_PKCS1_SHA384,
            "RS512" => &RSA_PKCS1_SHA512,
            "PS256" => &RSA_PSS_SHA256,
            _ => &RSA_PKCS1_SHA256,
        };
        let header = json!({"alg": name, "typ": "JWT"}).to_string();
        self.signed_by(encoding, header.as_bytes(), claims.to_string().as_bytes())
    }

    /// Signs any two parts in any way.
    pub fn signed_by(
        &self,
        encoding: &'static dyn RsaEncoding,
        header: &[u8],
        payload: &[u8],
    ) -> String {
        let message = message(header, payload);
        let mut signature = vec![0; self.0.public().modulus_len()];
        let random = SystemRandom::new();
        self.0
            .sign(encoding, &random, message.as_bytes(), &mut signature)
            .expect("RSA signs every message");
        format!("{message}.{}", encode(&signature))
    }

    /// DER of the SubjectPublicKeyInfo.
    pub fn spki(&self) -> Vec<u8> {
        [&SPKI_PREFIX, self.0.public().as_ref()].concat()
    }

    /// The same in Base64.
    pub fn spki_base64(&self) -> String {
        STANDARD.encode(self.spki())
    }

    /// The document of the reference with this key alone.
    pub fn document(&self) -> Value {
        document(&[self])
    }

    /// The public key as RFC 7517 writes it.
    pub fn jwk(&self, id: &str) -> Value {
        let PublicKeyComponents { n, e }: PublicKeyComponents<Vec<u8>> = self.0.public().into();
        json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": id, "n": encode(&n), "e": encode(&e)})
    }
}

/// The document of the reference with these keys.
pub fn document(signers: &[&Signer]) -> Value {
    let keys: Vec<Value> =
        signers.iter().map(|signer| json!({"key": signer.spki_base64()})).collect();
    json!({"keys": keys})
}

/// What is signed.
pub fn message(header: &[u8], payload: &[u8]) -> String {
    format!("{}.{}", encode(header), encode(payload))
}

/// A token signed by HMAC, as an attacker would.
pub fn hs256(secret: &[u8], claims: &Value) -> String {
    let message = message(br#"{"alg":"HS256","typ":"JWT"}"#, claims.to_string().as_bytes());
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
    format!("{message}.{}", encode(tag.as_ref()))
}

pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub fn decode(part: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part).expect("a part of a token is Base64")
}
