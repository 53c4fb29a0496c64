use std::collections::BTreeSet;
use std::time::Duration;

use rand::RngExt as _;
use testkit::{CaptureSink, NatsServer, Record, Reply, Script, poll_until, rng};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::world::{World, dead_letters, message, route};

const EVENTS: usize = 2000;
const RELAY_KILLS: usize = 50;
/// Every tenth kill takes the server as well: five in all.
const SERVER_KILL_EVERY: usize = 10;

/// Stores one event, again and again under the same id while the server is away.
async fn publish(jetstream: &async_nats::jetstream::Context, id: &str) {
    let (map, payload) = message(id);
    loop {
        let sent =
            jetstream.publish_with_headers("fleet.faults", map.clone(), payload.clone()).await;
        if let Ok(ack) = sent
            && ack.await.is_ok()
        {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_of_the_relay_and_five_of_the_server_lose_no_event() {
    let mut random = rng("relay kills");
    let server = NatsServer::start().await;
    let script =
        Script::per_id(|id, _| Reply::status(if id.starts_with("poison") { 500 } else { 200 }));
    let sink = CaptureSink::start_with(script, Record::Ids).await;
    let world = World::new(&format!("url = {:?}", server.url()), &route("hooks", &sink.url(), 3));
    let ids: Vec<String> = (0..EVENTS)
        .map(|number| {
            format!("{}-{number}", if random.random_bool(0.2) { "poison" } else { "good" })
        })
        .collect();

    let mut relay = world.start("relay-outbound");
    let jetstream = server.jetstream().await;
    poll_until(Duration::from_secs(30), "the stream", async || {
        jetstream.get_stream("EVENTS").await.ok()
    })
    .await;
    let mut publishing = JoinSet::new();
    let (all, publisher) = (ids.clone(), jetstream.clone());
    publishing.spawn(async move {
        for id in all {
            publish(&publisher, &id).await;
            sleep(Duration::from_millis(5)).await;
        }
    });
    for kill in 1..=RELAY_KILLS {
        sleep(Duration::from_millis(random.random_range(60..400))).await;
        relay.kill9();
        if kill % SERVER_KILL_EVERY == 0 {
            server.kill();
            server.restart().await;
        }
        relay = world.start("relay-outbound");
    }
    let last_kill = Instant::now();
    while publishing.join_next().await.is_some() {}

    // ack_wait, the schedule, and thirty seconds.
    let limit = Duration::from_secs(30 + 1 + 30);
    let everywhere = async || {
        let letters = dead_letters(&jetstream).await;
        let mut found: BTreeSet<String> = sink.accepted().into_keys().collect();
        found.extend(letters.keys().cloned());
        found
    };
    let expected: BTreeSet<_> = ids.iter().cloned().collect();
    while everywhere().await.len() < expected.len() && last_kill.elapsed() < limit {
        sleep(Duration::from_millis(200)).await;
    }
    let found = everywhere().await;
    let missing: Vec<_> = expected.difference(&found).collect();
    assert!(
        missing.is_empty(),
        "in neither the sink nor the dead letters: {missing:?}\n{}",
        relay.stderr()
    );

    let letters = dead_letters(&jetstream).await;
    for (id, reasons) in &letters {
        assert!(!reasons.contains(""), "{id} has no reason");
    }
    let poison = ids.iter().filter(|id| id.starts_with("poison")).count();
    let parked = letters.keys().filter(|id| id.starts_with("poison")).count();
    assert_eq!(parked, poison, "an event that always fails ends in the dead letters");
    let repeated = sink.accepted().values().filter(|count| **count > 1).count();
    println!(
        "{poison} poison, {} dead letters, {repeated} good events delivered more than once",
        letters.len()
    );
}
