use std::time::Duration;

use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::stream::{Config, DiscardPolicy};
use event_bus_runtime::{Bus, BusConfig, EnvMap, SecretResolver, SecretsConfig};
use futures_util::StreamExt as _;
use testkit::NatsServer;

use super::*;

const MESSAGE: usize = 1000;

/// A stream that holds about a hundred messages, filled to nine tenths.
async fn nearly_full(server: &NatsServer, duplicate_window: Duration) -> Stream {
    let config = Config {
        name: "EVENTS".to_owned(),
        subjects: vec!["fleet.>".to_owned()],
        max_bytes: 100 * 1050,
        discard: DiscardPolicy::New,
        duplicate_window,
        ..Config::default()
    };
    let jetstream = server.jetstream().await;
    let stream = jetstream.create_stream(config).await.unwrap();
    for count in [60, 30] {
        for _ in 0..count {
            jetstream.publish("fleet.a", vec![b'x'; MESSAGE].into()).await.unwrap().await.unwrap();
        }
        // Longer than the shortest window that a server takes: it must pass between the two.
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    stream
}

async fn bus(server: &NatsServer) -> Bus {
    let secrets = SecretResolver::new(EnvMap::default(), &SecretsConfig::default());
    let bus = Bus::connect(&BusConfig::for_url(&server.url()).unwrap(), &secrets, "janitor-test")
        .await
        .unwrap();
    assert!(bus.wait_connected(tokio::time::Instant::now() + Duration::from_secs(30)).await);
    bus
}

/// Takes messages; the first `settled` of them are acknowledged.
#[expect(clippy::disallowed_methods, reason = "this stands for a consumer of somebody else")]
async fn consume(stream: &Stream, name: &str, settled: usize) {
    let config = pull::Config { durable_name: Some(name.to_owned()), ..pull::Config::default() };
    let consumer = stream.create_consumer(config).await.unwrap();
    let mut messages = consumer.fetch().max_messages(90).messages().await.unwrap();
    for _ in 0..settled {
        messages.next().await.unwrap().unwrap().double_ack().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_every_consumer_has_settled_goes() {
    let server = NatsServer::start().await;
    let stream = nearly_full(&server, Duration::from_millis(100)).await;
    let bus = bus(&server).await;
    assert_eq!(
        sweep_once(&bus, "EVENTS").await.unwrap(),
        0,
        "without consumers nothing is known to be settled"
    );
    consume(&stream, "fast", 90).await;
    consume(&stream, "slow", 30).await;
    assert_eq!(sweep_once(&bus, "EVENTS").await.unwrap(), 30);
    assert_eq!(stream.get_info().await.unwrap().state.first_sequence, 31);
    assert_eq!(sweep_once(&bus, "EVENTS").await.unwrap(), 0, "there is room again");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_needed_to_recognise_duplicates_stays() {
    let server = NatsServer::start().await;
    let stream = nearly_full(&server, Duration::from_secs(3600)).await;
    consume(&stream, "fast", 90).await;
    assert_eq!(sweep_once(&bus(&server).await, "EVENTS").await.unwrap(), 0);
    assert_eq!(stream.get_info().await.unwrap().state.messages, 90);
}
