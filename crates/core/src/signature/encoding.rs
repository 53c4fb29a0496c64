//! How signatures are written: strictly, so that one signature has one text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// How a MAC is written in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Hexadecimal digits of either case.
    Hex,
    /// Base64 of the standard alphabet with its padding (RFC 4648 section 4).
    Base64,
}

impl Encoding {
    /// Decodes a MAC; `None` if the text is not the one canonical form (but for the case of hexadecimal digits).
    pub(super) fn decode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Hex => hex::decode(text).ok(),
            Self::Base64 => STANDARD.decode(text).ok(),
        }
    }

    pub(super) fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Hex => hex::encode(bytes),
            Self::Base64 => STANDARD.encode(bytes),
        }
    }
}

/// Decodes exactly 32 bytes of lower-case hexadecimal digits, the only form that GitHub, Slack, Stripe and Linear send.
pub(super) fn sha256_hex(text: &str) -> Option<[u8; 32]> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}
