//! The connection outlives its broker, and says clearly when it never can be made.

#![expect(clippy::unwrap_used, reason = "a test ends by a panic, helpers of tests included")]

use std::time::Duration;

use event_bus_runtime::bus::{Bus, BusConfig, BusError, ProvisionError, StreamRole, provision};
use event_bus_runtime::{EnvMap, SecretRef, SecretResolver, SecretsConfig};
use testkit::{NatsServer, free_port, poll_until};
use tokio::time::Instant;

const SOON: Duration = Duration::from_secs(30);

fn secrets<const COUNT: usize>(env: [(&str, &str); COUNT]) -> SecretResolver {
    SecretResolver::new(EnvMap::from(env), &SecretsConfig::default())
}

async fn connect(config: &BusConfig) -> Bus {
    Bus::connect(config, &secrets([]), "test").await.unwrap()
}

#[tokio::test]
async fn a_process_that_starts_before_the_broker_connects_when_it_comes() {
    let port = free_port();
    let config = BusConfig::for_url(&format!("nats://127.0.0.1:{port}")).unwrap();
    let bus = connect(&config).await;
    assert!(!bus.connected());
    assert_eq!(bus.server_version(), None);
    assert!(!bus.wait_connected(Instant::now()).await);
    assert!(bus.last_problem().is_some());
    let early = provision(&bus, &config, &StreamRole::ALL).await;
    assert!(matches!(early, Err(ProvisionError::Unavailable(_))), "{early:?}");

    let server = NatsServer::builder().port(port).start().await;
    assert!(bus.wait_connected(Instant::now() + SOON).await);
    assert_eq!(bus.server_version().unwrap().to_string(), server.version());
    assert!(provision(&bus, &config, &StreamRole::ALL).await.is_ok());
}

#[tokio::test]
async fn a_killed_broker_is_seen_and_found_again() {
    let server = NatsServer::start().await;
    let bus = connect(&BusConfig::for_url(&server.url()).unwrap()).await;
    assert!(bus.wait_connected(Instant::now() + SOON).await);
    let mut connection = bus.connection();
    connection.wait_for(|up| *up).await.unwrap();

    server.kill();
    connection.wait_for(|up| !up).await.unwrap();
    poll_until(SOON, "the state to follow", async || (!bus.connected()).then_some(())).await;

    server.restart().await;
    assert!(bus.wait_connected(Instant::now() + SOON).await);
    connection.wait_for(|up| *up).await.unwrap();
    assert_eq!(bus.last_problem(), None);
}

#[tokio::test]
async fn refused_credentials_are_an_error() {
    let server = NatsServer::builder().user("bridge", "right").start().await;
    let plain = BusConfig::for_url(&server.url()).unwrap();
    let with_user = BusConfig {
        user: Some("bridge".to_owned()),
        password: Some(SecretRef::Env("PASSWORD".to_owned())),
        ..plain.clone()
    };
    let with_token =
        BusConfig { token: Some(SecretRef::Env("PASSWORD".to_owned())), ..plain.clone() };
    for (config, password) in [(&plain, "right"), (&with_user, "wrong"), (&with_token, "right")] {
        let refused = Bus::connect(config, &secrets([("PASSWORD", password)]), "test").await;
        assert!(matches!(refused, Err(BusError::Refused(_))), "{refused:?}");
    }
    let absent = Bus::connect(&with_user, &secrets([]), "test").await;
    assert!(matches!(absent, Err(BusError::Secret { setting: "password", .. })), "{absent:?}");
    assert!(Bus::connect(&with_user, &secrets([("PASSWORD", "right")]), "test").await.is_ok());
}

#[tokio::test]
async fn credentials_that_are_none_are_an_error_without_a_server() {
    let plain = BusConfig::for_url(&format!("nats://127.0.0.1:{}", free_port())).unwrap();
    let of = |name: &str| Some(SecretRef::Env(name.to_owned()));
    let config = BusConfig { credentials: of("JUNK"), ..plain.clone() };
    let error = Bus::connect(&config, &secrets([("JUNK", "hunter2")]), "test").await.unwrap_err();
    assert_eq!(error.to_string(), "bus.credentials does not hold what it should");

    let mut config = plain;
    config.tls.ca = Some("/nowhere/ca.pem".into());
    let error = Bus::connect(&config, &secrets([]), "test").await.unwrap_err();
    assert_eq!(error.to_string(), "bus.tls: file /nowhere/ca.pem cannot be used");
}

#[tokio::test]
async fn a_rotated_password_is_found_at_the_next_connection() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "first\n").unwrap();
    let server = NatsServer::builder().user("bridge", "first").start().await;
    let port = server.port();
    let config = BusConfig {
        user: Some("bridge".to_owned()),
        password: Some(SecretRef::File(file.clone())),
        ..BusConfig::for_url(&server.url()).unwrap()
    };
    let bus = connect(&config).await;
    let mut connection = bus.connection();
    connection.wait_for(|up| *up).await.unwrap();

    drop(server);
    connection.wait_for(|up| !up).await.unwrap();
    let _server = NatsServer::builder().port(port).user("bridge", "second").start().await;
    let refused = async || bus.last_problem().filter(|problem| problem.contains("authorization"));
    poll_until(SOON, "the old password to be refused", refused).await;
    std::fs::write(&file, "second\n").unwrap();
    assert!(bus.wait_connected(Instant::now() + SOON).await);
}

#[tokio::test]
async fn a_closed_bus_is_closed_within_its_grace() {
    let server = NatsServer::start().await;
    let bus = connect(&BusConfig::for_url(&server.url()).unwrap()).await;
    bus.close(SOON).await;
    poll_until(SOON, "the connection to end", async || (!bus.connected()).then_some(())).await;
    bus.close(SOON).await;
}
