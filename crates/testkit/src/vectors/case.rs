//! One signature case: a request, the secrets, the clock and the verdict.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A signed request and what a verifier must make of it.
#[derive(Debug, Clone, Deserialize)]
pub struct Case {
    pub id: String,
    #[serde(default)]
    pub title: String,
    /// `github`, `generic_hmac`, `generic_token`, …
    pub provider: String,
    #[serde(default)]
    pub source: String,
    pub level: Level,
    /// Several secrets stand for a rotation: any of them may match.
    pub secrets: Vec<SecretSpec>,
    /// How a generic provider is configured, in the vectors' own words.
    #[serde(default)]
    pub config: Value,
    /// The clock of the verifier, in Unix seconds.
    pub now: i64,
    pub request: RequestSpec,
    pub expect: Expectation,
    #[serde(default)]
    pub notes: String,
    /// Cases of one endpoint share their configuration.
    #[serde(default)]
    pub endpoint: String,
}

/// How binding a case is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Must,
    /// Either answer is defensible; the expected one is recommended.
    Policy,
}

/// A configured secret.
#[derive(Debug, Clone, Deserialize)]
pub struct SecretSpec {
    /// `utf8`, `base64`, `hex` or `basic`.
    pub encoding: String,
    #[serde(default)]
    pub value: String,
    #[serde(default)]
    pub user: String,
    #[serde(default)]
    pub password: String,
    /// `ed25519_public` for a verifying key, else absent.
    #[serde(default)]
    pub kind: Option<String>,
}

impl SecretSpec {
    /// The bytes that the encoding stands for; `user:password` for `basic`.
    pub fn bytes(&self) -> Vec<u8> {
        match self.encoding.as_str() {
            "utf8" => self.value.clone().into_bytes(),
            "base64" => STANDARD.decode(&self.value).expect("the vector's secret is base64"),
            "hex" => unhex(&self.value),
            "basic" => format!("{}:{}", self.user, self.password).into_bytes(),
            other => panic!("unknown encoding {other} of a secret"),
        }
    }
}

/// A request as it stands on the wire.
#[derive(Debug, Clone, Deserialize)]
pub struct RequestSpec {
    pub method: String,
    /// Order and duplicates matter.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    #[serde(rename = "body_b64", default, deserialize_with = "from_base64")]
    pub body: Bytes,
    /// The public URL, where the signature or a token depends on it.
    #[serde(default)]
    pub url: Option<String>,
}

/// The verdict on a request.
#[derive(Debug, Clone, Deserialize)]
pub struct Expectation {
    pub verdict: Verdict,
    /// A suggestion: names may be merged, verdicts may not change.
    #[serde(default)]
    pub reason: String,
    #[serde(default)]
    pub delivery_id: Option<String>,
    #[serde(default)]
    pub event_type: Option<String>,
    #[serde(default)]
    pub http_status: Option<u16>,
    /// For handshakes: `json`, `text`, `or_text`, `header`.
    #[serde(default)]
    pub response: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Accept,
    Reject,
    Handshake,
    /// Only in sequences: answered as a success, not published again.
    Duplicate,
}

pub(super) fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map(Bytes::from).map_err(serde::de::Error::custom)
}

fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "odd number of hex digits");
    let digits = |start| {
        u8::from_str_radix(&text[start..start + 2], 16).expect("the vector's secret is hex")
    };
    (0..text.len()).step_by(2).map(digits).collect()
}
