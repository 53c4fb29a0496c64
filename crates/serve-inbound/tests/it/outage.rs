//! The broker away, silent, full or wrong: no 2xx that is not on the stream, and a recovery without help.

use std::time::Duration;

use event_bus_core::signature::{SigningSecret, sign};
use event_bus_runtime::BusConfig;
use event_bus_runtime::bus::{StreamRole, provision};
use testkit::http::Response;
use testkit::{NatsServer, free_port, poll_until};

use crate::world::{GITHUB, PATIENCE, Replica, SECRET, World, connect};

/// Slack hangs up first of all senders, so its outage is the shortest to wait for.
const SLACK: &str = r#"
[[inbound.sources]]
name = "slack"
provider = "slack"
secrets = [{ env = "SECRET" }]
"#;

async fn slack(world: &World, replica: &Replica, id: &str) -> Response {
    let body =
        format!(r#"{{"type":"event_callback","event_id":"{id}","event":{{"type":"message"}}}}"#);
    let now = world.clock.now().unix_timestamp();
    let signature = sign::slack(&SigningSecret::new(SECRET), now, body.as_bytes());
    let now = now.to_string();
    let headers = [
        ("Content-Type", "application/json"),
        ("X-Slack-Request-Timestamp", now.as_str()),
        ("X-Slack-Signature", signature.as_str()),
    ];
    replica.post("/hooks/slack", &headers, body.as_bytes()).await
}

fn is_away(response: &Response) {
    assert_eq!(response.status, 503, "{}", response.text());
    assert_eq!(response.header("retry-after"), Some("5"));
    assert_eq!(response.json()["code"], "bus_unavailable");
}

#[tokio::test]
async fn while_the_broker_is_away_senders_are_asked_to_come_back() {
    let world = World::start().await;
    let replica = world.serve(SLACK).await;
    assert_eq!(slack(&world, &replica, "before").await.status, 200);
    world.nats.kill();
    let started = tokio::time::Instant::now();
    is_away(&slack(&world, &replica, "meanwhile").await);
    assert!(started.elapsed() < Duration::from_secs(3), "Slack hung up after 3 s");
    // The signature counts, whether or not the bus is there.
    assert_eq!(replica.post("/hooks/slack", &[], b"{}").await.status, 401);
    world.nats.restart().await;
    let retried = poll_until(PATIENCE, "the recovery", async || {
        let response = slack(&world, &replica, "meanwhile").await;
        (response.status == 200).then_some(response)
    })
    .await;
    assert_eq!(retried.json()["subject"], "fleet.slack.message");
    assert_eq!(world.stored().await, 2);
    let line = r#"serve_inbound_requests_total{source="slack",outcome="accepted"} 2"#;
    replica.metric(line).await;
}

#[tokio::test]
async fn a_service_that_started_before_the_broker_recovers_by_itself() {
    let port = free_port();
    let bus = connect(&format!("nats://127.0.0.1:{port}")).await;
    let (clock, hand) = event_bus_runtime::Clock::manual();
    hand.set(crate::vectors::at(1_767_225_600));
    // A server of its own keeps the world whole; the bus is that of the broker which is not there yet.
    let world = World { nats: NatsServer::start().await, bus, clock, hand };
    let replica = world.serve(SLACK).await;
    is_away(&slack(&world, &replica, "early").await);
    let nats = NatsServer::builder().port(port).start().await;
    let world = World { nats, ..world };
    assert!(world.bus.wait_connected(tokio::time::Instant::now() + PATIENCE).await);
    // Still without its stream.
    is_away(&slack(&world, &replica, "early").await);
    world.provision().await;
    assert_eq!(slack(&world, &replica, "early").await.status, 200);
    assert_eq!(world.stored().await, 1);
}

#[tokio::test]
async fn a_broker_that_is_silent_for_a_while_delays_an_event_and_does_not_double_it() {
    let world = World::start().await;
    let replica = world.serve(GITHUB).await;
    world.nats.pause();
    let resume = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        world.nats.resume();
    };
    let (response, ()) = tokio::join!(replica.github("id-1", "push", b"{}"), resume);
    assert_eq!(response.status, 202, "{}", response.text());
    assert_eq!(replica.github("id-1", "push", b"{}").await.json()["duplicate"], true);
    assert_eq!(world.stored().await, 1);
}

#[tokio::test]
async fn a_full_stream_is_told_to_the_sender_and_drops_nothing() {
    let world = World::without_streams(NatsServer::start().await).await;
    let mut config = BusConfig::for_url(&world.nats.url()).unwrap();
    config.streams.events.max_bytes = Some("16KiB".parse().unwrap());
    provision(&world.bus, &config, &[StreamRole::Events]).await.unwrap();
    let replica = world.serve(GITHUB).await;
    let body = format!("{{\"a\":\"{}\"}}", "x".repeat(4000));
    let mut accepted = 0;
    let refused = loop {
        let response = replica.github(&format!("id-{accepted}"), "push", body.as_bytes()).await;
        if response.status != 202 {
            break response;
        }
        accepted += 1;
        assert!(accepted < 10, "16 KiB hold no 40 KiB");
    };
    assert_eq!((refused.status, &refused.json()["code"]), (503, &"bus_full".into()));
    assert!(refused.header("retry-after").is_some());
    assert!(accepted > 0);
    assert_eq!(world.stored().await, accepted);
}

#[tokio::test]
async fn a_subject_of_another_stream_is_not_stored_there() {
    let world = World::without_streams(NatsServer::start().await).await;
    let jetstream = world.bus.jetstream();
    for (name, subjects) in [("EVENTS", "fleet.repo.>"), ("OTHER", "fleet.other.>")] {
        let config = async_nats::jetstream::stream::Config {
            name: name.to_owned(),
            subjects: vec![subjects.to_owned()],
            ..Default::default()
        };
        jetstream.create_stream(config).await.unwrap();
    }
    let replica = world.serve(&format!("{GITHUB}subject = \"fleet.other.{{type}}\"")).await;
    let response = replica.github("id-1", "push", b"{}").await;
    assert_eq!((response.status, &response.json()["code"]), (503, &"bus_refused".into()));
    let other = jetstream.get_stream("OTHER").await.unwrap();
    assert_eq!(other.cached_info().state.messages, 0);
}
