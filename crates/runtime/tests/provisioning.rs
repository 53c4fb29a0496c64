//! Streams are created where absent and never changed, whatever an operator made of them.

#![expect(clippy::unwrap_used, reason = "a test ends by a panic, helpers of tests included")]

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy};
use event_bus_runtime::bus::{
    Bus, BusConfig, ProvisionError, StreamRole, keep_provisioned, provision, supervise,
};
use event_bus_runtime::{EnvMap, Readiness, SecretResolver, SecretsConfig};
use testkit::{NatsServer, nats_versions, poll_until};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const SOON: Duration = Duration::from_secs(30);

async fn connect(server: &NatsServer) -> (Bus, BusConfig) {
    let config = BusConfig::for_url(&server.url()).unwrap();
    let secrets = SecretResolver::new(EnvMap::default(), &SecretsConfig::default());
    let bus = Bus::connect(&config, &secrets, "test").await.unwrap();
    assert!(bus.wait_connected(Instant::now() + SOON).await);
    (bus, config)
}

async fn settings(bus: &Bus, name: &str) -> Config {
    bus.jetstream().get_stream(name).await.unwrap().cached_info().config.clone()
}

#[tokio::test]
async fn every_server_version_gets_streams_that_fit() {
    for version in nats_versions() {
        let server = NatsServer::builder().version(version).start().await;
        let (bus, config) = connect(&server).await;
        let first = provision(&bus, &config, &StreamRole::ALL).await.unwrap();
        assert_eq!(first.created, ["EVENTS", "RETRIES", "DEAD_LETTERS"], "{version}");
        assert_eq!(first.warnings, Vec::<String>::new(), "{version}");
        let second = provision(&bus, &config, &StreamRole::ALL).await.unwrap();
        assert_eq!(second.found, first.created, "{version}");
        let retries = settings(&bus, "RETRIES").await;
        assert_eq!(retries.allow_message_schedules, bus.supports(2, 12), "{version}");
        let events = settings(&bus, "EVENTS").await;
        assert_eq!(events.discard, DiscardPolicy::New, "{version}");
        assert_eq!(events.duplicate_window, Duration::from_secs(7200), "{version}");
    }
}

#[tokio::test]
async fn an_operator_s_settings_stay_as_they_are() {
    let server = NatsServer::start().await;
    let (bus, mut config) = connect(&server).await;
    let made = Config {
        name: "EVENTS".to_owned(),
        subjects: vec!["fleet.>".to_owned(), "doctor.>".to_owned(), "ours.>".to_owned()],
        discard: DiscardPolicy::New,
        max_bytes: 64 << 20,
        max_messages: 12_345,
        max_age: Duration::from_secs(86_400),
        duplicate_window: Duration::from_secs(3 * 3600),
        description: Some("made by hand".to_owned()),
        ..Config::default()
    };
    bus.jetstream().create_stream(made).await.unwrap();
    let before = settings(&bus, "EVENTS").await;

    config.streams.events.max_age = Some(Duration::from_secs(9 * 3600));
    let provisioned = provision(&bus, &config, &[StreamRole::Events]).await.unwrap();
    assert_eq!(provisioned.found, ["EVENTS"]);
    assert_eq!(settings(&bus, "EVENTS").await, before);
}

#[tokio::test]
async fn a_stream_that_does_not_fit_is_reported_with_the_remedy_and_left_alone() {
    let server = NatsServer::start().await;
    let (bus, config) = connect(&server).await;
    let made = Config {
        name: "EVENTS".to_owned(),
        subjects: vec!["fleet.>".to_owned(), "doctor.>".to_owned()],
        ..Config::default()
    };
    bus.jetstream().create_stream(made).await.unwrap();
    let before = settings(&bus, "EVENTS").await;

    let readiness = Readiness::new("test");
    let error = keep_provisioned(&bus, &config, &[StreamRole::Events], &readiness).await;
    let Err(error @ ProvisionError::Incompatible(_)) = error else { panic!("{error:?}") };
    assert_eq!(
        error.to_string(),
        "EVENTS.discard: is old, must be new; run: nats stream edit EVENTS --discard=new\n\
         EVENTS.duplicate_window: is 2m, must be at least 2h; run: nats stream edit EVENTS --dupe-window=2h"
    );
    assert!(!readiness.is_ready());
    assert_eq!(settings(&bus, "EVENTS").await, before);
}

#[tokio::test]
async fn a_foreign_stream_on_our_subjects_is_reported() {
    let server = NatsServer::start().await;
    let (bus, config) = connect(&server).await;
    let foreign = Config {
        name: "FOREIGN".to_owned(),
        subjects: vec!["fleet.repo.>".to_owned()],
        ..Config::default()
    };
    bus.jetstream().create_stream(foreign).await.unwrap();
    let error = provision(&bus, &config, &StreamRole::ALL).await.unwrap_err();
    let text = error.to_string();
    assert!(!error.is_transient(), "{error:?}");
    assert!(
        text.starts_with("EVENTS: the server refuses it: ") && text.contains("10065"),
        "{text}"
    );
}

#[tokio::test]
async fn replicas_that_start_together_all_succeed() {
    for version in nats_versions() {
        let server = NatsServer::builder().version(version).start().await;
        let (bus, config) = connect(&server).await;
        let attempts = (0..8).map(|_| provision(&bus, &config, &StreamRole::ALL));
        for provisioned in futures_util::future::join_all(attempts).await {
            let provisioned = provisioned.unwrap();
            assert_eq!(provisioned.created.len() + provisioned.found.len(), 3, "{version}");
        }
    }
}

#[tokio::test]
async fn readiness_follows_the_broker_and_a_deleted_stream_comes_back() {
    let server = NatsServer::start().await;
    let (bus, config) = connect(&server).await;
    let readiness = Readiness::new("test");
    let which = vec![StreamRole::Events, StreamRole::Retries];
    keep_provisioned(&bus, &config, &which, &readiness).await.unwrap();
    assert!(readiness.is_ready());

    let shutdown = CancellationToken::new();
    let watching = supervise(bus.clone(), config, which, readiness.clone(), shutdown.clone());
    let story = async {
        bus.jetstream().delete_stream("RETRIES").await.unwrap();
        server.kill();
        poll_until(SOON, "unreadiness", async || (!readiness.is_ready()).then_some(())).await;
        server.restart().await;
        poll_until(SOON, "readiness", async || readiness.is_ready().then_some(())).await;
        assert!(bus.jetstream().get_stream("RETRIES").await.is_ok());
        shutdown.cancel();
    };
    tokio::join!(watching, story);
}
