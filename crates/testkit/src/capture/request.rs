//! One request as the capture sink saw it.

use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Method, Version};
use serde::Deserialize;

/// A request that arrived completely.
#[derive(Debug, Clone)]
pub struct CapturedRequest {
    pub method: Method,
    /// Path and query as sent.
    pub path: String,
    pub version: Version,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// When its last byte had been read.
    pub at: Instant,
}

impl CapturedRequest {
    /// A header's first value, when it is there and readable.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The CloudEvents id: of the `ce-id` header as sent, else the member `id` of a JSON body.
    pub fn event_id(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Identified {
            id: String,
        }
        if let Some(id) = self.header("ce-id") {
            return Some(id.to_owned());
        }
        serde_json::from_slice::<Identified>(&self.body).ok().map(|event| event.id)
    }

    /// The body as JSON; panics when it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("the captured body is JSON")
    }
}
