//! Every published payload of GitHub, read again by `confluent-kafka` and the CloudEvents SDK of another language.

use event_bus_core::event::Value;
use relay_outbound::sinks::kafka::{Config, Format};
use testkit::{KafkaServer, NatsServer};

use super::suite::config;
use crate::harness::try_build;
use crate::payloads::Payloads;

#[tokio::test(flavor = "multi_thread")]
async fn stock_clients_read_every_published_payload_with_all_its_attributes() {
    let nats = NatsServer::start().await;
    let kafka = KafkaServer::start().await;
    let payloads = Payloads::load();
    let events = payloads.events();
    for (format, topic) in [(Format::Binary, "binary"), (Format::Structured, "structured")] {
        let config = Config { format, ..config(&kafka.address(), topic) };
        let sink = try_build(&config, &nats.connect().await, []).unwrap();
        for batch in events.chunks(100) {
            for result in sink.deliver(batch).await {
                assert!(result.is_ok(), "{result:?}");
            }
        }
        sink.close().await;
        // The topic has one partition, and nothing had to be repeated.
        let records = kafka.records(topic);
        for (record, event) in records.iter().zip(&events) {
            let key = event.extension("partitionkey").map(Value::to_text);
            assert_eq!(record["key"].as_str(), key.as_deref(), "{format:?}");
        }
        payloads.assert_read_from(records, topic);
    }
}
