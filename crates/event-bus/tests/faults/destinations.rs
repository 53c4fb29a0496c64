//! A hundred thousand events to Kafka and to Postgres, while the destination and the relay are killed three times each.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_nats::jetstream::Context;
use serde_json::json;
use testkit::process::Running;
use testkit::{
    CaptureSink, KafkaServer, MotoServer, NatsServer, PostgresServer, Record, Reply, Script,
    poll_until,
};

use crate::world::{World, dead_letters, message};

const EVENTS: usize = 100_000;

/// Shares of the events, in percent, after which the relay is killed; and half-way between them the destination.
const KILLS: [usize; 3] = [10, 40, 70];
const HALF_WAY: usize = 15;

/// Long enough for a machine that does other things as well.
const ALL_WITHIN: Duration = Duration::from_secs(900);

/// How long the destination is away each time.
const AWAY: Duration = Duration::from_secs(2);

fn id(number: usize) -> String {
    format!("event-{number}")
}

/// Stores the events as serve-inbound does.
async fn fill(jetstream: &Context, count: usize) {
    let mut unconfirmed = Vec::new();
    for number in 0..count {
        let id = id(number);
        let (map, payload) = message(&id);
        let sent = jetstream.publish_with_headers("fleet.faults", map, payload).await;
        unconfirmed.push(sent.expect("the server takes it"));
        if unconfirmed.len() == 500 || number + 1 == count {
            for ack in unconfirmed.drain(..) {
                ack.await.expect("the server confirms it");
            }
        }
    }
}

/// How many events the route has not settled.
async fn open(jetstream: &Context) -> Option<usize> {
    let info = jetstream.get_stream("EVENTS").await.ok()?.consumer_info("faults").await.ok()?;
    Some(usize::try_from(info.num_pending).ok()? + info.num_ack_pending)
}

/// Runs the route to its end; `away` kills the destination, or starts it again.
async fn deliver_everything(
    server: &NatsServer,
    world: &World,
    away: impl AsyncFn(bool),
) -> Running {
    let jetstream = server.jetstream().await;
    let mut relay = world.start("relay-outbound");
    poll_until(ALL_WITHIN, "the stream", async || jetstream.get_stream("EVENTS").await.ok()).await;
    fill(&jetstream, EVENTS).await;
    let settled = async |percent: usize| {
        poll_until(ALL_WITHIN, "a part of the events", async || {
            let left = open(&jetstream).await?;
            (left * 100 <= EVENTS * (100 - percent)).then_some(())
        })
        .await;
    };
    for percent in KILLS {
        settled(percent).await;
        relay.kill9();
        relay = world.start("relay-outbound");
        settled(percent + HALF_WAY).await;
        away(true).await;
        tokio::time::sleep(AWAY).await;
        away(false).await;
    }
    poll_until(ALL_WITHIN, "every event to be settled", async || {
        let retries = jetstream.get_stream("RETRIES").await.ok()?.cached_info().state.messages;
        (open(&jetstream).await? == 0 && retries == 0).then_some(())
    })
    .await;
    relay
}

fn expected() -> BTreeSet<String> {
    (0..EVENTS).map(id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_holds_every_event_exactly_once_over_kills_of_both_sides() {
    let (server, postgres) = (NatsServer::start().await, PostgresServer::start().await);
    let folder = tempfile::tempdir().expect("a folder");
    let url = folder.path().join("url");
    std::fs::write(&url, postgres.url()).expect("a file");
    let world = World::new(
        &format!("url = {:?}", server.url()),
        &format!(
            "[[outbound.routes]]\nname = \"faults\"\nsubjects = [\"fleet.>\"]\nwindow = 1000\n\
             sink.postgres = {{ url = {{ file = {url:?} }}, tls = \"disable\", timeout = \"5s\" }}\n"
        ),
    );
    world.command(&["routes", "migrate", "faults"]);
    let relay = deliver_everything(&server, &world, async |away| {
        if away { postgres.kill() } else { postgres.restart().await }
    })
    .await;
    let letters = dead_letters(&server.jetstream().await).await;
    assert!(letters.is_empty(), "{} dead letters\n{}", letters.len(), relay.stderr());
    let rows = postgres.psql("SELECT ce_id FROM events");
    let found: BTreeSet<String> = rows.lines().map(str::to_owned).collect();
    assert_eq!(found.len(), rows.lines().count(), "an event stands there twice");
    assert!(found == expected(), "{} of {EVENTS} events are there", found.len());
    println!(
        "{} events in Postgres, each once, over 3 kills of the relay and 3 of the database",
        found.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_holds_every_event_at_least_once_over_kills_of_both_sides() {
    let (server, kafka) = (NatsServer::start().await, KafkaServer::start().await);
    kafka.create_topic("faults", 3, &[]);
    let world = World::new(
        &format!("url = {:?}", server.url()),
        &format!(
            "[[outbound.routes]]\nname = \"faults\"\nsubjects = [\"fleet.>\"]\nwindow = 1000\n\
             sink.kafka = {{ brokers = [\"{}\"], topic = \"faults\", timeout = \"5s\" }}\n",
            kafka.address()
        ),
    );
    let relay = deliver_everything(&server, &world, async |away| {
        if away { kafka.kill() } else { kafka.restart().await }
    })
    .await;
    let letters = dead_letters(&server.jetstream().await).await;
    assert!(letters.is_empty(), "{} dead letters\n{}", letters.len(), relay.stderr());
    let records = kafka.records("faults");
    let mut keys: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for record in &records {
        let header = |name: &str| record["headers"][name].as_str().expect("every record has it");
        keys.entry(header("ce_id").to_owned()).or_default().insert(header("event-key"));
    }
    assert!(keys.keys().cloned().collect::<BTreeSet<_>>() == expected(), "{} events", keys.len());
    assert!(keys.values().all(|keys| keys.len() == 1), "a repeated record has another event key");
    println!(
        "{} events in Kafka, {} records repeated under the same event key, over 3 kills of the relay and 3 of the broker",
        keys.len(),
        records.len() - keys.len()
    );
}

/// Events of the look at the memory.
const WATCHED: usize = 20_000;

/// What an allocator may keep for later between a quarter of the events and all of them, in bytes.
const MAY_GROW: u64 = 16 * 1024 * 1024;

/// Delivers events and compares the memory after a quarter of them with that at the end.
async fn memory_stays_flat(sink: &str, migrate: bool) {
    let server = NatsServer::start().await;
    let route =
        format!("[[outbound.routes]]\nname = \"faults\"\nsubjects = [\"fleet.>\"]\n{sink}\n");
    let world = World::new(&format!("url = {:?}", server.url()), &route);
    if migrate {
        world.command(&["routes", "migrate", "faults"]);
    }
    let jetstream = server.jetstream().await;
    let relay = world.start("relay-outbound");
    poll_until(ALL_WITHIN, "the stream", async || jetstream.get_stream("EVENTS").await.ok()).await;
    let resident = async |count: usize| {
        fill(&jetstream, count).await;
        poll_until(ALL_WITHIN, "the events", async || (open(&jetstream).await? == 0).then_some(()))
            .await;
        relay.resident_bytes().expect("the relay runs")
    };
    // The same ids again are duplicates that the stream does not store, so the second part holds three quarters.
    let (quarter, all) = (resident(WATCHED / 4).await, resident(WATCHED).await);
    assert!(all < quarter + MAY_GROW, "{quarter} bytes after a quarter, {all} at the end: {sink}");
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_stays_flat_with_a_webhook() {
    let sink = CaptureSink::start_with(Script::always(200), Record::Ids).await;
    memory_stays_flat(&format!("sink.webhook = {{ url = \"{}\" }}", sink.url()), false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_stays_flat_with_kafka() {
    let kafka = KafkaServer::start().await;
    let sink = format!("sink.kafka = {{ brokers = [\"{}\"], topic = \"flat\" }}", kafka.address());
    memory_stays_flat(&sink, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_stays_flat_with_postgres() {
    let (postgres, folder) =
        (PostgresServer::start().await, tempfile::tempdir().expect("a folder"));
    let url = folder.path().join("url");
    std::fs::write(&url, postgres.url()).expect("a file");
    memory_stays_flat(
        &format!("sink.postgres = {{ url = {{ file = {url:?} }}, tls = \"disable\" }}"),
        true,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_stays_flat_with_eventbridge() {
    let (moto, folder) = (MotoServer::start().await, tempfile::tempdir().expect("a folder"));
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "secret").expect("a file");
    let sink = format!(
        "sink.eventbridge = {{ region = \"eu-central-1\", access_key_id = \"key\", \
         secret_access_key = {{ file = {secret:?} }}, endpoint_url = \"{}\" }}",
        moto.url()
    );
    memory_stays_flat(&sink, false).await;
}

/// A stub that answers as the Strimzi bridge documents it.
#[tokio::test(flavor = "multi_thread")]
async fn memory_stays_flat_with_kafka_rest() {
    let script = Script::per_request(|request| {
        let records = request.json()["records"].as_array().map_or(0, Vec::len);
        let offsets = vec![json!({ "partition": 0, "offset": 1 }); records];
        Reply::status(200)
            .header("Content-Type", "application/vnd.kafka.v2+json")
            .body(json!({ "offsets": offsets }).to_string())
    });
    let bridge = CaptureSink::start_with(script, Record::Ids).await;
    let sink = format!(
        "sink.kafka_rest = {{ api = \"strimzi\", url = \"{}\", topic = \"flat\" }}",
        bridge.url()
    );
    memory_stays_flat(&sink, false).await;
}
