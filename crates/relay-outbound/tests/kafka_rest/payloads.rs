//! Every published payload of GitHub through each API, read again by the CloudEvents SDK of another language.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use relay_outbound::sinks::kafka_rest::Api;
use serde_json::{Value, json};

use crate::github::Payloads;
use crate::stub::{Bridge, Stored};
use crate::workshop::Workshop;

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
    let payloads = Payloads::load();
    let events = payloads.events();
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
        let records = bridge.written().iter().map(readable).collect();
        payloads.assert_read_from(records, &format!("{api:?} {format}"));
    }
}
