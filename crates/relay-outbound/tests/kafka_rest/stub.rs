//! A bridge: one of the three APIs, and behind it a list instead of Kafka.
//!
//! It is as strict as documented: the exact path, the exact content type, and base64. Its answers are those of the
//! documentation and of the sources of the bridges: reports in the order of the records, with status 200 even if none of them
//! was written.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use event_bus_core::event::{Event, kafka};
use relay_outbound::sinks::kafka_rest::Api;
use serde_json::{Value, json};
use testkit::{CaptureSink, CapturedRequest, Reply, Script};

/// All of them.
pub(crate) const APIS: [Api; 3] = [Api::Strimzi, Api::ConfluentV2, Api::ConfluentV3];

/// Id of the cluster in the paths of v3.
pub(crate) const CLUSTER: &str = "4L6g3nShT-eMCtK--X86sw";

pub(crate) const TOO_LARGE: &str =
    "The request included a message larger than the max message size the server will accept.";

/// A record as Kafka would hold it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stored {
    pub(crate) topic: String,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) value: Option<Vec<u8>>,
}

/// What the bridge makes of a request.
pub(crate) enum Fate {
    /// Each record on its own: written, or an error's code and words.
    Each(Vec<Option<(i64, &'static str)>>),
    /// The request as a whole; nothing is written.
    Whole(Reply),
    /// So many records are written, and the connection breaks.
    BreakAfter(usize),
}

pub(crate) struct Bridge {
    pub(crate) sink: CaptureSink,
    pub(crate) api: Api,
    written: Arc<Mutex<Vec<Stored>>>,
}

impl Bridge {
    /// One that writes everything.
    pub(crate) async fn start(api: Api) -> Self {
        let bridge = Self { sink: CaptureSink::start().await, api, written: Arc::default() };
        bridge.answer(write_all);
        bridge
    }

    /// The sink's setting; the topic is `events` unless `more` says otherwise.
    pub(crate) fn setting(&self, more: &str) -> String {
        let name = match self.api {
            Api::Strimzi => "api = \"strimzi\"".to_owned(),
            Api::ConfluentV2 => "api = \"confluent-v2\"".to_owned(),
            Api::ConfluentV3 => format!("api = \"confluent-v3\", cluster_id = \"{CLUSTER}\""),
        };
        let topic = if more.contains("topic =") { "" } else { "topic = \"events\", " };
        format!("sink.kafka_rest = {{ {name}, {topic}url = \"{}\", {more} }}", self.sink.url())
    }

    /// What is in Kafka.
    pub(crate) fn written(&self) -> Vec<Stored> {
        self.written.lock().unwrap().clone()
    }

    /// Ids of the events in Kafka.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.written().iter().map(Stored::id).collect()
    }

    /// Decides so about each request from now on.
    pub(crate) fn answer(&self, decide: impl Fn(&[Stored]) -> Fate + Send + Sync + 'static) {
        let (api, written) = (self.api, Arc::clone(&self.written));
        self.sink.set_script(Script::per_request(move |request| {
            let records = match read(api, request) {
                Ok(records) => records,
                Err(status) => return problem(status),
            };
            let mut written = written.lock().unwrap();
            match decide(&records) {
                Fate::Whole(reply) => reply,
                Fate::BreakAfter(count) => {
                    written.extend_from_slice(&records[..count]);
                    Reply::Reset
                }
                Fate::Each(errors) => {
                    let fine = records.iter().zip(&errors).filter(|(_, error)| error.is_none());
                    written.extend(fine.map(|(record, _)| record.clone()));
                    reports(api, &errors)
                }
            }
        }));
    }
}

impl Stored {
    /// The event in it, as the Kafka binding reads it.
    pub(crate) fn event(&self) -> Event {
        let headers = self.headers.iter();
        let mut headers: Vec<_> =
            headers.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        if headers.is_empty() {
            // V2 has no headers, so only the value can tell what it is.
            headers.push(("content-type", "application/cloudevents+json"));
        }
        kafka::decode(headers.into_iter(), self.value.clone().map(Bytes::from)).unwrap()
    }

    pub(crate) fn id(&self) -> String {
        self.event().id().to_owned()
    }
}

pub(crate) fn write_all(records: &[Stored]) -> Fate {
    Fate::Each(vec![None; records.len()])
}

/// This error for the records of events whose id contains `bad`, and the others are written.
pub(crate) fn error_for_bad(
    error: (i64, &'static str),
) -> impl Fn(&[Stored]) -> Fate + Send + Sync + 'static {
    move |records| {
        let of = |record: &Stored| record.id().contains("bad").then_some(error);
        Fate::Each(records.iter().map(of).collect())
    }
}

/// The error of a whole request.
pub(crate) fn problem(status: u16) -> Reply {
    let body = json!({ "error_code": status, "message": "as it is documented" });
    Reply::status(status).body(body.to_string())
}

fn read(api: Api, request: &CapturedRequest) -> Result<Vec<Stored>, u16> {
    let content_type = match api {
        Api::Strimzi | Api::ConfluentV2 => "application/vnd.kafka.binary.v2+json",
        Api::ConfluentV3 => "application/json",
    };
    if request.method != "POST" {
        return Err(405);
    }
    if request.header("content-type") != Some(content_type) {
        return Err(415);
    }
    let topic = match api {
        Api::Strimzi | Api::ConfluentV2 => request.path.strip_prefix("/topics/"),
        Api::ConfluentV3 => request
            .path
            .strip_prefix(&format!("/v3/clusters/{CLUSTER}/topics/"))
            .and_then(|rest| rest.strip_suffix("/records")),
    };
    let topic = topic.filter(|topic| !topic.contains('/')).ok_or(404_u16)?;
    let records: Vec<Value> = match api {
        Api::Strimzi | Api::ConfluentV2 => {
            let body: BTreeMap<String, Vec<Value>> =
                serde_json::from_slice(&request.body).map_err(|_| 422_u16)?;
            body.get("records").ok_or(422_u16)?.clone()
        }
        Api::ConfluentV3 => {
            let values = serde_json::Deserializer::from_slice(&request.body).into_iter();
            values.collect::<Result<_, _>>().map_err(|_| 400_u16)?
        }
    };
    records.iter().map(|record| stored(api, topic, record).ok_or(422)).collect()
}

fn stored(api: Api, topic: &str, record: &Value) -> Option<Stored> {
    let decode = |text: &Value| STANDARD.decode(text.as_str()?).ok();
    let data = |part: &Value| match api {
        Api::Strimzi | Api::ConfluentV2 => decode(part),
        Api::ConfluentV3 => (part["type"] == "BINARY").then(|| decode(&part["data"])).flatten(),
    };
    let name = match api {
        Api::Strimzi => "key",
        Api::ConfluentV3 => "name",
        // Unknown members are an error there.
        Api::ConfluentV2 if record.get("headers").is_some() => return None,
        Api::ConfluentV2 => "",
    };
    if api == Api::Strimzi && record.get("value").is_none() {
        return None;
    }
    let header = |header: &Value| {
        let value = String::from_utf8(decode(&header["value"])?).ok()?;
        Some((header[name].as_str()?.to_owned(), value))
    };
    let headers = record["headers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let part = |name: &str| match record.get(name) {
        None | Some(Value::Null) => Some(None),
        Some(part) => data(part).map(Some),
    };
    Some(Stored {
        topic: topic.to_owned(),
        key: part("key")?,
        headers: headers.iter().map(header).collect::<Option<_>>()?,
        value: part("value")?,
    })
}

fn reports(api: Api, errors: &[Option<(i64, &'static str)>]) -> Reply {
    let report = |(offset, error): (usize, &Option<(i64, &str)>)| match (api, error) {
        (Api::Strimzi, None) => json!({ "partition": 0, "offset": offset }),
        (Api::Strimzi, Some((code, words))) => json!({ "error_code": code, "message": words }),
        (Api::ConfluentV2, None) => {
            json!({ "partition": 0, "offset": offset, "error_code": null, "error": null })
        }
        (Api::ConfluentV2, Some((code, words))) => {
            json!({ "partition": null, "offset": null, "error_code": code, "error": words })
        }
        (Api::ConfluentV3, None) => json!({
            "error_code": 200, "cluster_id": CLUSTER, "topic_name": "events",
            "partition_id": 0, "offset": offset, "timestamp": "2026-11-21T10:00:00Z",
        }),
        (Api::ConfluentV3, Some((code, words))) => json!({ "error_code": code, "message": words }),
    };
    let each: Vec<_> = errors.iter().enumerate().map(report).collect();
    let status = match (api, errors.iter().flatten().next()) {
        (Api::ConfluentV2, Some((40101, _))) => 401,
        (Api::ConfluentV2, Some((40301, _))) => 403,
        _ => 200,
    };
    let body = match api {
        Api::Strimzi => json!({ "offsets": each }).to_string(),
        Api::ConfluentV2 => {
            json!({ "offsets": each, "key_schema_id": null, "value_schema_id": null }).to_string()
        }
        Api::ConfluentV3 => each.iter().map(Value::to_string).collect::<Vec<_>>().join("\r\n"),
    };
    let media_type = match api {
        Api::Strimzi | Api::ConfluentV2 => "application/vnd.kafka.v2+json",
        Api::ConfluentV3 => "application/json",
    };
    Reply::status(status).header("Content-Type", media_type).body(body)
}
