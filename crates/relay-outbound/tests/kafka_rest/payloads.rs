//! Every published payload of GitHub through each API, read again by the CloudEvents SDK of another language.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use event_bus_core::event::{Data, Event};
use relay_outbound::sinks::kafka_rest::Api;
use serde_json::{Value, json};
use testkit::tools;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::stub::{Bridge, Stored};
use crate::workshop::Workshop;

const READ: &str = include_str!("read.py");

fn payloads() -> Vec<(String, Value)> {
    let file = tools::locate("node/octokit-webhooks-examples/api.github.com/index.json");
    let all: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let all = all.as_array().unwrap().iter().flat_map(|event| {
        let name = event["name"].as_str().unwrap();
        event["examples"].as_array().unwrap().iter().map(|each| (name.to_owned(), each.clone()))
    });
    all.collect()
}

fn attributes(number: usize, name: &str) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("id", format!("payload-{number}")),
        ("source", "https://api.github.com/repos/o/r%C3%A4".to_owned()),
        ("type", format!("com.github.{name}")),
        ("subject", format!("{name} \u{20ac}\u{1f600} 50%")),
        ("time", "2026-11-21T10:00:00.123456+00:00".to_owned()),
        ("datacontenttype", "application/json".to_owned()),
        ("partitionkey", format!("key-{}", number % 7)),
    ])
}

fn event(attributes: &BTreeMap<&'static str, String>, data: &Value) -> Event {
    let of = |name: &str| attributes[name].as_str();
    Event::builder(of("id"), of("source"), of("type"))
        .subject(of("subject"))
        .time(OffsetDateTime::parse(of("time"), &Rfc3339).unwrap())
        .datacontenttype(of("datacontenttype"))
        .extension("partitionkey", of("partitionkey"))
        .data(Data::Json(Bytes::from(data.to_string())))
        .build()
        .unwrap()
}

/// A record for Python. The SDK tells the mode by a header, which v2 does not have.
fn readable(record: &Stored) -> Value {
    let mut headers: BTreeMap<_, _> = record.headers.iter().cloned().collect();
    if headers.is_empty() {
        headers.insert("content-type".to_owned(), "application/cloudevents+json".to_owned());
    }
    json!({
        "headers": headers,
        "key": record.key.as_ref().map(|key| String::from_utf8(key.clone()).unwrap()),
        "value": STANDARD.encode(record.value.as_ref().unwrap()),
    })
}

#[tokio::test]
async fn a_python_sdk_reads_every_published_payload_from_each_api() {
    let payloads = payloads();
    assert!(payloads.len() >= 300, "only {} payloads", payloads.len());
    let sent: Vec<_> = payloads
        .iter()
        .enumerate()
        .map(|(number, (name, data))| (attributes(number, name), data))
        .collect();
    let events: Vec<_> = sent.iter().map(|(attributes, data)| event(attributes, data)).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("records.json");
    for (api, format) in [
        (Api::Strimzi, "binary"),
        (Api::Strimzi, "structured"),
        (Api::ConfluentV2, "structured"),
        (Api::ConfluentV3, "binary"),
        (Api::ConfluentV3, "structured"),
    ] {
        let bridge = Bridge::start(api).await;
        let setting = bridge.setting(&format!("format = \"{format}\""));
        let sink = Workshop::open([]).await.build(&setting).unwrap();
        for batch in events.chunks(100) {
            assert!(sink.deliver(batch).await.iter().all(Result::is_ok), "{api:?} {format}");
        }
        let records: Vec<_> = bridge.written().iter().map(readable).collect();
        std::fs::write(&file, Value::from(records).to_string()).unwrap();
        let read = tools::python(READ, &[file.to_str().unwrap()]);
        let read: Vec<Value> =
            read.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(read.len(), sent.len());
        for (read, (attributes, data)) in read.iter().zip(&sent) {
            let mut expected = json!(attributes);
            expected["specversion"] = "1.0".into();
            assert_eq!(read["attributes"], expected, "{api:?} {format}");
            assert_eq!(&read["data"], *data, "{api:?} {format}");
        }
    }
}
