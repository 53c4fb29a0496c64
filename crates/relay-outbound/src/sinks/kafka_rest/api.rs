//! What the three REST APIs want: paths, media types, and how a record is written.
//!
//! Keys, values and headers go as base64 in each of them, so that Kafka gets exactly the bytes that the Kafka sink would
//! write: as JSON they would be parsed and printed again on the way.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use event_bus_core::event::kafka::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `api`: which REST API there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Api {
    /// Strimzi Kafka Bridge.
    Strimzi,
    /// Confluent REST Proxy, API v2. Its records have no headers.
    ConfluentV2,
    /// Confluent REST Proxy, API v3, and Confluent Cloud.
    ConfluentV3,
}

/// A record of Strimzi's bridge and of v2.
#[derive(Serialize)]
struct V2Record {
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// Required; `null` is a tombstone.
    value: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers: Vec<V2Header>,
}

#[derive(Serialize)]
struct V2Header {
    key: String,
    value: String,
}

/// A record of v3; without `value` it is a tombstone.
#[derive(Serialize)]
struct V3Record {
    headers: Vec<V3Header>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<V3Data>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<V3Data>,
}

#[derive(Serialize)]
struct V3Header {
    name: String,
    value: String,
}

#[derive(Serialize)]
struct V3Data {
    #[serde(rename = "type")]
    kind: &'static str,
    data: String,
}

impl Api {
    /// Whether its records have headers.
    pub(super) fn has_headers(self) -> bool {
        match self {
            Self::Strimzi | Self::ConfluentV3 => true,
            Self::ConfluentV2 => false,
        }
    }

    /// `Content-Type` of records. Strimzi's bridge compares it as a text, so nothing may be added to it.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Strimzi | Self::ConfluentV2 => "application/vnd.kafka.binary.v2+json",
            Self::ConfluentV3 => "application/json",
        }
    }

    /// `Accept` of every request.
    pub(super) fn accept(self) -> &'static str {
        match self {
            Self::Strimzi | Self::ConfluentV2 => "application/vnd.kafka.v2+json",
            Self::ConfluentV3 => "application/json",
        }
    }

    /// Path of the collection of topics. `cluster` matters to v3 alone.
    pub(super) fn topics(self, cluster: &str) -> Vec<&str> {
        match self {
            Self::Strimzi | Self::ConfluentV2 => vec!["topics"],
            Self::ConfluentV3 => vec!["v3", "clusters", cluster, "topics"],
        }
    }

    /// Path below a topic to which records are posted.
    pub(super) fn records(self) -> &'static [&'static str] {
        match self {
            Self::Strimzi | Self::ConfluentV2 => &[],
            Self::ConfluentV3 => &["records"],
        }
    }

    /// A record as it stands in a body.
    pub(super) fn record(self, record: &Record) -> Result<Vec<u8>, serde_json::Error> {
        let key = record.key.as_ref().map(|key| STANDARD.encode(key));
        let value = record.value.as_ref().map(|value| STANDARD.encode(value));
        let headers = record.headers.iter();
        let headers = headers.map(|(name, value)| (name.clone(), STANDARD.encode(value)));
        match self {
            Self::Strimzi => {
                let headers = headers.map(|(key, value)| V2Header { key, value }).collect();
                serde_json::to_vec(&V2Record { key, value, headers })
            }
            Self::ConfluentV2 => serde_json::to_vec(&V2Record { key, value, headers: Vec::new() }),
            Self::ConfluentV3 => {
                let binary = |data| V3Data { kind: "BINARY", data };
                let headers = headers.map(|(name, value)| V3Header { name, value }).collect();
                serde_json::to_vec(&V3Record {
                    headers,
                    key: key.map(binary),
                    value: value.map(binary),
                })
            }
        }
    }

    /// The body with these records. That of v3 is their concatenation, one report for each comes back.
    pub(super) fn body<'a>(self, records: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
        let (begin, between, end): (&[u8], &[u8], &[u8]) = match self {
            Self::Strimzi | Self::ConfluentV2 => (b"{\"records\":[", b",", b"]}"),
            Self::ConfluentV3 => (b"", b"\n", b""),
        };
        let mut body = begin.to_vec();
        for (index, record) in records.enumerate() {
            if index > 0 {
                body.extend_from_slice(between);
            }
            body.extend_from_slice(record);
        }
        body.extend_from_slice(end);
        body
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn record(key: Option<&str>, value: Option<&'static [u8]>) -> Record {
        Record {
            key: key.map(str::to_owned),
            headers: vec![("ce_id".to_owned(), "\u{e9}".to_owned())],
            value: value.map(Into::into),
        }
    }

    fn written(api: Api, record: &Record) -> Value {
        serde_json::from_slice(&api.record(record).unwrap()).unwrap()
    }

    #[test]
    fn a_record_is_written_as_each_api_documents_it() {
        let full = record(Some("k"), Some(b"\xff\x00"));
        assert_eq!(
            written(Api::Strimzi, &full),
            json!({ "key": "aw==", "value": "/wA=", "headers": [{ "key": "ce_id", "value": "w6k=" }] })
        );
        assert_eq!(written(Api::ConfluentV2, &full), json!({ "key": "aw==", "value": "/wA=" }));
        assert_eq!(
            written(Api::ConfluentV3, &full),
            json!({
                "headers": [{ "name": "ce_id", "value": "w6k=" }],
                "key": { "type": "BINARY", "data": "aw==" },
                "value": { "type": "BINARY", "data": "/wA=" },
            })
        );
    }

    #[test]
    fn a_tombstone_is_not_an_empty_value() {
        let (tombstone, empty) = (record(None, None), record(None, Some(b"")));
        for api in [Api::Strimzi, Api::ConfluentV2] {
            assert_eq!(written(api, &tombstone)["value"], Value::Null);
            assert!(written(api, &tombstone).as_object().unwrap().contains_key("value"));
            assert_eq!(written(api, &empty)["value"], "");
        }
        assert!(!written(Api::ConfluentV3, &tombstone).as_object().unwrap().contains_key("value"));
        assert_eq!(written(Api::ConfluentV3, &empty)["value"]["data"], "");
    }

    #[test]
    fn records_are_joined_to_a_body() {
        for (api, one, two) in [
            (Api::Strimzi, "{\"records\":[1]}", "{\"records\":[1,2]}"),
            (Api::ConfluentV2, "{\"records\":[1]}", "{\"records\":[1,2]}"),
            (Api::ConfluentV3, "1", "1\n2"),
        ] {
            let body = |records: &[&'static [u8]]| {
                String::from_utf8(api.body(records.iter().copied())).unwrap()
            };
            assert_eq!(body(&[b"1"]), one);
            assert_eq!(body(&[b"1", b"2"]), two);
        }
    }
}
