//! What is particular to Kafka: formats, keys, sizes, topics.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use event_bus_core::delivery::{DeliveryError, Refusal};
use event_bus_core::event::{Data, Event, kafka as binding};
use event_bus_core::key::EventKey;
use relay_outbound::sinks::kafka::{Config, Format, MissingKey};
use serde_json::Value;
use testkit::{KafkaServer, NatsServer};

use super::suite::config;
use crate::harness::try_build;

fn event(id: &str, key: Option<&str>, data: Option<Data>) -> Event {
    let mut builder = Event::builder(id, "/hooks/test", "com.example.made")
        .subject("s \u{20ac}")
        .datacontenttype("application/json");
    if let Some(key) = key {
        builder = builder.extension("partitionkey", key);
    }
    if let Some(data) = data {
        builder = builder.data(data);
    }
    builder.build().unwrap()
}

fn json(text: &'static str) -> Option<Data> {
    Some(Data::Json(Bytes::from_static(text.as_bytes())))
}

fn value(record: &Value) -> Option<Vec<u8>> {
    record["value"].as_str().map(|text| STANDARD.decode(text).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_carries_the_event_in_each_format() {
    let nats = NatsServer::start().await;
    let client = nats.connect().await;
    let kafka = KafkaServer::start().await;
    let event = event("1", Some("k"), json(r#"{"a": 1.50}"#));
    let event_key = EventKey::of(&event).message_id();
    for (format, topic) in
        [(Format::Binary, "binary"), (Format::Structured, "structured"), (Format::Data, "data")]
    {
        let config = Config { format, ..config(&kafka.address(), topic) };
        let sink = try_build(&config, &client, []).unwrap();
        assert!(sink.deliver(std::slice::from_ref(&event)).await.remove(0).is_ok());
        sink.close().await;
        let record = kafka.records(topic).remove(0);
        assert_eq!(record["key"], "k", "{format:?}");
        let headers = record["headers"].as_object().unwrap();
        assert_eq!(headers["event-key"], event_key.as_str());
        if format == Format::Data {
            assert_eq!(value(&record).unwrap(), br#"{"a": 1.50}"#);
            assert!(!headers.keys().any(|name| name.starts_with("ce_")), "{headers:?}");
            continue;
        }
        let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
        let read = binding::decode(pairs, value(&record).map(Bytes::from)).unwrap();
        assert_eq!(read, event, "{format:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_come_from_an_attribute_and_an_event_without_data_is_a_tombstone() {
    let nats = NatsServer::start().await;
    let client = nats.connect().await;
    let kafka = KafkaServer::start().await;
    for (key, missing_key, topic, expected) in [
        ("subject", MissingKey::Null, "by-subject", Some("s \u{20ac}")),
        ("none", MissingKey::Null, "without", None),
        ("absent", MissingKey::Null, "absent", None),
        ("absent", MissingKey::Empty, "empty", Some("")),
    ] {
        let config = Config { key: key.to_owned(), missing_key, ..config(&kafka.address(), topic) };
        let sink = try_build(&config, &client, []).unwrap();
        assert!(sink.deliver(&[event("1", Some("k"), None)]).await.remove(0).is_ok());
        sink.close().await;
        let record = kafka.records(topic).remove(0);
        assert_eq!((record["key"].as_str(), value(&record)), (expected, None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_too_large_harms_none_of_its_neighbours() {
    let nats = NatsServer::start().await;
    let client = nats.connect().await;
    let kafka = KafkaServer::start().await;
    kafka.create_topic("small", 1, &["--config", "max.message.bytes=2000"]);
    let sink = try_build(&config(&kafka.address(), "small"), &client, []).unwrap();
    let text = |length: usize| Some(Data::Json(Bytes::from(format!("\"{}\"", "x".repeat(length)))));
    // Together they are larger than the topic takes, and each of them but one is small enough.
    let batch: Vec<_> = [800, 800, 800, 3000, 800]
        .into_iter()
        .enumerate()
        .map(|(number, length)| event(&number.to_string(), None, text(length)))
        .collect();
    let results = sink.deliver(&batch).await;
    for (number, result) in results.iter().enumerate() {
        match result {
            Ok(()) => assert_ne!(number, 3),
            Err(DeliveryError::Refused(Refusal::Constraint(_))) => assert_eq!(number, 3),
            other => panic!("{number}: {other:?}"),
        }
    }
    let huge = event("huge", None, text(1_100_000));
    let result = sink.deliver(&[huge]).await.remove(0);
    let refused = Err::<(), _>(DeliveryError::Refused(Refusal::TooLarge { limit: 1_000_000 }));
    assert_eq!(format!("{result:?}"), format!("{refused:?}"));
    sink.close().await;
    assert_eq!(kafka.records("small").len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_topic_gives_up_no_event_and_the_check_says_so() {
    let nats = NatsServer::start().await;
    let client = nats.connect().await;
    let builder = KafkaServer::builder().set("auto.create.topics.enable", "false");
    let kafka = builder.start().await;
    let sink = try_build(&config(&kafka.address(), "late.{type}"), &client, []).unwrap();
    let result = sink.deliver(&[event("1", None, None)]).await.remove(0);
    assert!(matches!(result, Err(DeliveryError::Unavailable { .. })), "{result:?}");
    assert_eq!(sink.check().await.unwrap(), "1 brokers answer; the topic depends on the event");
    let fixed = try_build(&config(&kafka.address(), "late"), &client, []).unwrap();
    let problem = fixed.check().await.unwrap_err().to_string();
    assert!(problem.contains("there is no topic late"), "{problem}");
    kafka.create_topic("late.com.example.made", 2, &[]);
    testkit::poll_until(Duration::from_secs(30), "the topic to be known", async || {
        sink.deliver(&[event("1", None, None)]).await.remove(0).ok()
    })
    .await;
    assert_eq!(kafka.records("late.com.example.made").len(), 1);
    sink.close().await;
    fixed.close().await;
}
