//! One case of the CloudEvents suite.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use super::Level;
use super::case::from_base64;

/// An input of some kind and what must come out. The members of both depend on the kind.
#[derive(Debug, Clone, Deserialize)]
pub struct CloudEventsCase {
    pub id: String,
    /// `json-event`, `json-text`, `json-batch`, `http-binary`, `http-structured`, `http-batch`,
    /// `kafka`, `nats`, `header-encode` or `header-decode`.
    pub kind: String,
    #[serde(default)]
    pub source: String,
    pub level: Level,
    /// `json`, `text`, `headers` with `body_b64`, `event`, `value` or `header`.
    pub input: Value,
    /// `verdict`, then `sample`, `events`, `attributes`, `data_json`, `header`, `value`, …
    pub expect: Value,
    #[serde(default)]
    pub notes: String,
}

impl CloudEventsCase {
    /// Whether the input is valid.
    pub fn accepts(&self) -> bool {
        match self.expect["verdict"].as_str() {
            Some("accept") => true,
            Some("reject") => false,
            other => panic!("{}: unknown verdict {other:?}", self.id),
        }
    }

    /// `input.headers`, empty when there are none.
    pub fn headers(&self) -> Vec<(String, String)> {
        member(&self.input, "headers").unwrap_or_default()
    }

    /// `input.body_b64`, or `input.value_b64` of a Kafka case, decoded.
    pub fn body(&self) -> Option<Bytes> {
        #[derive(Deserialize)]
        struct Body(#[serde(deserialize_with = "from_base64")] Bytes);
        member::<Body>(&self.input, "body_b64")
            .or_else(|| member(&self.input, "value_b64"))
            .map(|body| body.0)
    }

    /// The bytes of a `json-event`, `json-batch` (`input.json`) or `json-text` (`input.text`) case.
    pub fn json_bytes(&self) -> Option<Bytes> {
        if let Some(text) = self.input.get("text").and_then(Value::as_str) {
            return Some(Bytes::copy_from_slice(text.as_bytes()));
        }
        self.input.get("json").map(|json| json.to_string().into())
    }
}

fn member<T: serde::de::DeserializeOwned>(object: &Value, name: &str) -> Option<T> {
    let value = object.get(name)?.clone();
    Some(
        serde_json::from_value(value)
            .unwrap_or_else(|error| panic!("member {name} of a vector: {error}")),
    )
}
