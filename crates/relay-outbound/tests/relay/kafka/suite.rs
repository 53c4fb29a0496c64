//! The contract of all sinks, with a broker that is told how to behave by its topics' settings and by a proxy.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::Client;
use relay_outbound::sinks::Sink;
use relay_outbound::sinks::kafka::{Config, Format, MissingKey};
use serde_json::Value;
use testkit::sink_suite::{Behaviour, Outcome, SinkHarness, check};
use testkit::{KafkaServer, NatsServer, TcpProxy, free_port};

use crate::harness::{deliver, try_build};
use crate::journey::{Destination, outlasts_an_outage};

/// Ids of the events in a topic.
fn ids(kafka: &KafkaServer, topic: &str) -> Vec<String> {
    let id = |record: Value| record["headers"]["ce_id"].as_str().unwrap().to_owned();
    kafka.records(topic).into_iter().map(id).collect()
}

pub(super) fn config(broker: &str, topic: &str) -> Config {
    Config {
        brokers: vec![broker.to_owned()],
        topic: topic.to_owned(),
        format: Format::Binary,
        key: "partitionkey".to_owned(),
        missing_key: MissingKey::Null,
        sasl: None,
        tls: None,
        librdkafka: [].into(),
        librdkafka_secrets: [].into(),
        timeout: Duration::from_secs(3),
    }
}

struct Harness {
    kafka: KafkaServer,
    proxy: TcpProxy,
    /// The topic depends on what the broker shall do: its type is the last part of its name.
    sink: Box<dyn Sink>,
    topic: &'static str,
}

impl Harness {
    async fn start(client: &Client) -> Self {
        let port = free_port();
        let proxy = TcpProxy::start(port).await;
        let builder = KafkaServer::builder().advertise(proxy.port());
        let kafka = builder.set("auto.create.topics.enable", "false").start_on(port).await;
        kafka.create_topic("good", 3, &[]);
        kafka.create_topic("small", 1, &["--config", "max.message.bytes=200"]);
        let sink = try_build(&config(&proxy.address().to_string(), "good"), client, []).unwrap();
        Self { kafka, proxy, sink, topic: "good" }
    }

    fn use_topic(&mut self, client: &Client, topic: &'static str) {
        self.topic = topic;
        let config = config(&self.proxy.address().to_string(), topic);
        self.sink = try_build(&config, client, []).unwrap();
    }
}

struct WithClient {
    harness: Harness,
    client: Client,
}

impl SinkHarness for WithClient {
    async fn behave(&mut self, behaviour: Behaviour) -> bool {
        let topic = match behaviour {
            Behaviour::Accept | Behaviour::Silence | Behaviour::Away | Behaviour::BreakMidway => {
                "good"
            }
            Behaviour::Refuse => "small",
            // The broker answers that it has no such topic, and makes none.
            Behaviour::Fail => "missing",
            // A broker knows none of these.
            Behaviour::Busy { .. }
            | Behaviour::Reject
            | Behaviour::Retire
            | Behaviour::Break
            | Behaviour::RefuseSome => return false,
        };
        self.harness.proxy.heal().await;
        if topic != self.harness.topic {
            self.harness.sink.close().await;
            self.harness.use_topic(&self.client, topic);
        }
        match behaviour {
            Behaviour::Silence => self.harness.proxy.blackhole(),
            Behaviour::BreakMidway | Behaviour::Away => {
                self.harness.proxy.cut();
                self.harness.proxy.refuse().await;
            }
            _ => {}
        }
        true
    }

    async fn deliver(&mut self, batch: &[Vec<u8>]) -> Vec<Outcome> {
        deliver(&*self.harness.sink, batch).await
    }

    async fn received(&mut self) -> Vec<String> {
        // The reader has to pass the proxy too, and what lies in it must not arrive after all.
        self.harness.proxy.cut();
        self.harness.proxy.heal().await;
        if self.harness.topic == "missing" {
            return Vec::new();
        }
        ids(&self.harness.kafka, self.harness.topic)
    }

    async fn close(self) {
        self.harness.sink.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_conforms() {
    let nats = NatsServer::start().await;
    let client = nats.connect().await;
    check(WithClient { harness: Harness::start(&client).await, client }).await;
}

impl Destination for KafkaServer {
    async fn leave(&mut self) {
        self.kill();
    }

    async fn come_back(&mut self) {
        self.restart().await;
    }

    async fn ids(&mut self) -> Vec<String> {
        let distinct: BTreeSet<_> = ids(self, "journey").into_iter().collect();
        distinct.into_iter().collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kafka_route_outlasts_an_outage() {
    let mut kafka = KafkaServer::start().await;
    let sink = format!(
        "sink.kafka = {{ brokers = [\"{}\"], topic = \"journey\", timeout = \"5s\" }}",
        kafka.address()
    );
    outlasts_an_outage("kafka", &sink, &mut kafka, 1000).await;
}
