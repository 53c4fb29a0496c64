//! One handshake: the sender's question and the answer that it expects.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Clone, Deserialize)]
pub struct HandshakeCase {
    pub id: String,
    pub provider: String,
    #[serde(default)]
    pub source: String,
    pub request: HandshakeRequest,
    pub expect: HandshakeExpectation,
    #[serde(default)]
    pub notes: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct HandshakeRequest {
    /// Absent when `see` points to a signature case.
    #[serde(default)]
    pub method: Option<String>,
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    #[serde(default)]
    pub query: Option<String>,
    #[serde(default)]
    pub json: Option<Value>,
    #[serde(default)]
    pub secret: Option<String>,
    /// `<file> <title of a case>` where the request stands.
    #[serde(default)]
    pub see: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub struct HandshakeExpectation {
    #[serde(default)]
    pub status: Option<u16>,
    #[serde(default)]
    pub status_in: Vec<u16>,
    /// Any of the values will do; `<positive integer>` and `contains POST` are descriptions.
    #[serde(default)]
    pub headers: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub headers_absent: Vec<String>,
    #[serde(default)]
    pub content_type: Option<String>,
    #[serde(default)]
    pub json: Option<Value>,
    #[serde(default)]
    pub text: Option<String>,
    #[serde(default)]
    pub note: Option<String>,
}

impl HandshakeExpectation {
    /// Whether a header's value is one of those expected under `name`.
    pub fn header_fits(&self, name: &str, value: &str) -> bool {
        let Some(allowed) = self.headers.get(name) else { return true };
        allowed.iter().any(|allowed| match allowed.as_str() {
            "<positive integer>" => value.parse::<u64>().is_ok_and(|number| number > 0),
            description if description.starts_with("contains ") => {
                value.contains(&description["contains ".len()..])
            }
            exact => exact == value,
        })
    }
}
