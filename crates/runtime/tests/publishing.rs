//! A confirmed message is stored, once; an unconfirmed one is reported in time.

#![expect(clippy::unwrap_used, reason = "a test ends by a panic, helpers of tests included")]

use std::time::Duration;

use async_nats::jetstream::stream::Config;
use event_bus_runtime::bus::{
    Bus, BusConfig, Outgoing, PubAck, PublishError, Publisher, StreamRole, provision,
};
use event_bus_runtime::{EnvMap, SecretResolver, SecretsConfig};
use futures_util::future::join_all;
use std::borrow::Cow;
use testkit::nats::NatsCluster;
use testkit::{NatsServer, nats_versions, poll_until};
use tokio::time::Instant;

const SOON: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(400);

struct Fixture {
    bus: Bus,
    config: BusConfig,
    publisher: Publisher,
}

impl Fixture {
    async fn new(urls: &[String]) -> Self {
        let mut config = BusConfig::for_url(&urls[0]).unwrap();
        config.url =
            event_bus_runtime::bus::ServerUrls::parse(urls.iter().map(String::as_str)).unwrap();
        let secrets = SecretResolver::new(EnvMap::default(), &SecretsConfig::default());
        let bus = Bus::connect(&config, &secrets, "test").await.unwrap();
        Self { publisher: Publisher::new(bus.clone()), bus, config }
    }

    /// With the streams in place.
    async fn provisioned(urls: &[String]) -> Self {
        let fixture = Self::new(urls).await;
        provision(&fixture.bus, &fixture.config, &StreamRole::ALL).await.unwrap();
        fixture
    }

    async fn publish(&self, id: &str, within: Duration) -> Result<PubAck, PublishError> {
        self.publish_to("fleet.test", "EVENTS", id, id.as_bytes(), within).await
    }

    async fn publish_to(
        &self,
        subject: &str,
        stream: &str,
        dedup_id: &str,
        payload: &[u8],
        within: Duration,
    ) -> Result<PubAck, PublishError> {
        let headers = [(Cow::Borrowed("ce-id"), dedup_id.to_owned())];
        let payload = payload.to_vec().into();
        let message =
            Outgoing { subject: subject.into(), headers: &headers, payload, dedup_id, stream };
        self.publisher.publish(message, Instant::now() + within).await
    }

    async fn stored(&self) -> u64 {
        let mut stream = self.bus.jetstream().get_stream("EVENTS").await.unwrap();
        stream.info().await.unwrap().state.messages
    }
}

#[tokio::test]
async fn a_message_is_stored_once_with_its_headers_on_every_version() {
    for version in nats_versions() {
        let server = NatsServer::builder().version(version).start().await;
        let fixture = Fixture::provisioned(&[server.url()]).await;
        let first = fixture.publish("one", SOON).await.unwrap();
        assert_eq!((first.stream.as_str(), first.seq, first.duplicate), ("EVENTS", 1, false));
        let again = fixture.publish("one", SOON).await.unwrap();
        assert_eq!((again.seq, again.duplicate), (1, true), "{version}");
        let stream = fixture.bus.jetstream().get_stream("EVENTS").await.unwrap();
        let message = stream.get_raw_message(1).await.unwrap();
        assert_eq!(message.headers.get("Nats-Msg-Id").unwrap().as_str(), "one");
        assert_eq!(message.headers.get("ce-id").unwrap().as_str(), "one");
        assert_eq!(&message.payload[..], b"one");
    }
}

#[tokio::test]
async fn every_confirmed_message_survives_restarts_and_is_stored_once() {
    let server = NatsServer::start().await;
    let fixture = Fixture::provisioned(&[server.url()]).await;
    let publish = |writer: usize| {
        let fixture = &fixture;
        async move {
            for number in 0..50 {
                let id = format!("{writer}-{number}");
                fixture.publish(&id, SOON).await.unwrap();
            }
        }
    };
    let restarts = async {
        for round in 1..=3 {
            let enough = async || (fixture.stored().await >= round * 50).then_some(());
            poll_until(SOON, "messages before the next restart", enough).await;
            server.restart().await;
            assert!(fixture.bus.wait_connected(Instant::now() + SOON).await);
        }
    };
    tokio::join!(join_all((0..20).map(publish)), restarts);
    assert_eq!(fixture.stored().await, 20 * 50);
}

#[tokio::test]
async fn a_publish_that_was_not_confirmed_is_reported_in_time_and_can_be_repeated() {
    let server = NatsServer::start().await;
    let fixture = Fixture::provisioned(&[server.url()]).await;
    server.pause();
    let start = Instant::now();
    let silent = fixture.publish("one", SHORT).await;
    assert!(matches!(silent, Err(PublishError::Unavailable(Some(_)))), "{silent:?}");
    assert!(start.elapsed() >= SHORT);
    server.resume();
    let stored = fixture.publish("one", SOON).await.unwrap();
    assert_eq!(stored.seq, 1);
    assert_eq!(fixture.stored().await, 1);
}

#[tokio::test]
async fn nothing_is_queued_while_the_broker_is_away() {
    let server = NatsServer::start().await;
    let fixture = Fixture::provisioned(&[server.url()]).await;
    server.kill();
    let down = async || (!fixture.bus.connected()).then_some(());
    poll_until(SOON, "the connection to break", down).await;
    let away = fixture.publish("refused", SHORT).await;
    assert!(matches!(away, Err(PublishError::Unavailable(Some(_)))), "{away:?}");
    server.restart().await;
    // It was refused for good, so the next message is the first of the stream.
    assert_eq!(fixture.publish("next", SOON).await.unwrap().seq, 1);
}

#[tokio::test]
async fn a_publish_waits_for_its_stream() {
    let server = NatsServer::start().await;
    let fixture = Fixture::new(&[server.url()]).await;
    let absent = fixture.publish("one", SHORT).await;
    assert!(matches!(absent, Err(PublishError::Unavailable(Some(_)))), "{absent:?}");
    let provision = provision(&fixture.bus, &fixture.config, &StreamRole::ALL);
    let (stored, _) = tokio::join!(fixture.publish("one", SOON), provision);
    assert_eq!(stored.unwrap().seq, 1);
}

#[tokio::test]
async fn a_refusal_says_why() {
    let server = NatsServer::start().await;
    let fixture = Fixture::provisioned(&[server.url()]).await;
    let small = Config {
        name: "SMALL".to_owned(),
        subjects: vec!["small".to_owned()],
        max_messages: 1,
        max_message_size: 1000,
        discard: async_nats::jetstream::stream::DiscardPolicy::New,
        ..Config::default()
    };
    fixture.bus.jetstream().create_stream(small).await.unwrap();
    let publish = async |subject: &str, stream: &str, size: usize| {
        fixture
            .publish_to(subject, stream, &format!("{subject}{size}"), &vec![b'x'; size], SOON)
            .await
    };
    publish("small", "SMALL", 1).await.unwrap();
    let full = publish("small", "SMALL", 2).await;
    assert!(matches!(full, Err(PublishError::StreamFull)), "{full:?}");
    let wide = publish("small", "SMALL", 2000).await;
    assert!(matches!(wide, Err(PublishError::TooLarge { limit: 1000 })), "{wide:?}");
    let limit = fixture.bus.max_payload();
    let huge = publish("fleet.test", "EVENTS", limit).await;
    assert!(matches!(huge, Err(PublishError::TooLarge { limit: 1_048_576 })), "{huge:?}");
    let strayed = publish("small", "EVENTS", 1).await;
    assert!(matches!(strayed, Err(PublishError::WrongStream)), "{strayed:?}");
    let broken = publish("fleet test", "EVENTS", 1).await;
    assert!(matches!(broken, Err(PublishError::Rejected { code: 0, .. })), "{broken:?}");
}

#[tokio::test]
async fn a_failover_of_a_replicated_stream_is_waited_out() {
    let cluster = NatsCluster::start(3).await;
    let mut fixture = Fixture::new(&cluster.urls()).await;
    fixture.config.streams.events.replicas = Some(3);
    let provisioned =
        async || provision(&fixture.bus, &fixture.config, &[StreamRole::Events]).await.ok();
    poll_until(SOON, "the replicated stream", provisioned).await;
    fixture.publish("before", SOON).await.unwrap();
    let leader = poll_until(SOON, "a leader", async || cluster.leader_of("EVENTS").await).await;
    cluster.kill(leader);
    let after = join_all(
        (0..100)
            .map(async |number| fixture.publish(&format!("after-{number}"), SOON).await.unwrap()),
    );
    assert_eq!(after.await.len(), 100);
    assert_eq!(fixture.stored().await, 101);
}
