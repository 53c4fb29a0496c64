//! What is known of events although the connection to the bus was lost meanwhile, or a receipt was missed.

#![expect(clippy::unwrap_used, reason = "a test ends by a panic, helpers of tests included")]

use std::time::Duration;

use async_nats::jetstream::kv::{self, Store};
use event_bus_core::key::EventKey;
use event_bus_core::wire::receipt::{self, Outcome, Receipt};
use event_bus_runtime::{Bus, EnvMap, SecretResolver, SecretsConfig};
use serde_json::json;
use testkit::{NatsServer, TcpProxy, poll_until};
use tokio::time::Instant;
use topic_gateway::{Known, Outcomes};

const LONG: Duration = Duration::from_secs(60);

/// How long a request waits: longer than it takes to see that a route does not deliver.
const WITHIN: Duration = Duration::from_secs(2);

async fn bucket(server: &NatsServer) -> Store {
    let settings = kv::Config { bucket: receipt::BUCKET.to_owned(), ..Default::default() };
    server.jetstream().await.create_key_value(settings).await.unwrap()
}

async fn connect(port: u16) -> Bus {
    let config = serde_json::from_value(json!({ "url": format!("nats://127.0.0.1:{port}") }));
    let secrets = SecretResolver::new(EnvMap::default(), &SecretsConfig::default());
    let bus = Bus::connect(&config.unwrap(), &secrets, "test").await.unwrap();
    assert!(bus.wait_connected(Instant::now() + LONG).await);
    bus
}

fn event(id: &str) -> EventKey {
    EventKey { ce_source: "/test".to_owned(), id: id.to_owned() }
}

async fn outcome(outcomes: &Outcomes, id: &str) -> Known {
    let waiter = outcomes.wait_for(&event(id));
    waiter.outcome(&["kafka".to_owned()], false, Instant::now() + WITHIN).await.remove(0)
}

#[tokio::test]
async fn a_route_that_delivers_again_is_known_after_a_reconnect() {
    let server = NatsServer::start().await;
    let (bucket, proxy) = (bucket(&server).await, TcpProxy::start(server.port()).await);
    let say = async |delivers: bool| {
        let state = json!({ "delivers": delivers, "detail": "no connection" }).to_string();
        bucket.put(receipt::route_key("kafka"), state.into()).await.unwrap();
    };
    say(false).await;
    let bus = connect(proxy.port()).await;
    let outcomes = Outcomes::new(bus.clone(), vec!["kafka".to_owned()]);
    let judging = async {
        let until = async |what: &str, expected: Known| {
            poll_until(LONG, what, async || {
                (outcome(&outcomes, "x").await == expected).then_some(())
            })
            .await;
        };
        until("the route to be held", Known::Held("no connection".to_owned())).await;
        proxy.refuse().await;
        let mut connection = bus.connection();
        connection.wait_for(|up| !up).await.unwrap();
        say(true).await;
        proxy.heal().await;
        until("the route to deliver", Known::Nothing).await;
    };
    tokio::select! {
        () = judging => {}
        () = outcomes.run() => {}
    }
}

#[tokio::test]
async fn a_receipt_that_was_not_heard_is_read_when_the_time_is_up() {
    let server = NatsServer::start().await;
    let bucket = bucket(&server).await;
    let receipt = Receipt::done(Outcome::Delivered);
    let text = serde_json::to_string(&receipt).unwrap();
    bucket.put(receipt::key(&event("missed"), "kafka"), text.into()).await.unwrap();
    let outcomes = Outcomes::new(connect(server.port()).await, vec!["kafka".to_owned()]);
    assert_eq!(outcome(&outcomes, "missed").await, Known::Receipt(receipt));
    assert_eq!(outcome(&outcomes, "other").await, Known::Nothing);
}
