//! Processes that are killed in the middle of a burst: what was accepted is everywhere, and in PostgreSQL once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::rngs::StdRng;
use serde_json::Value;
use testkit::process::Running;
use testkit::{Bin, poll_until, rng, size};

use crate::world::{LONG, Message, Part, Producer, RUNS, STATUS_CHANGE, TOPICS, World, at_once};

/// Longer than a burst takes with all the starts in between.
const ALL_WITHIN: Duration = Duration::from_secs(600);

fn burst(random: &mut StdRng, count: usize) -> Vec<Message> {
    (0..count).map(|index| Message::random(TOPICS[index % TOPICS.len()], random)).collect()
}

/// Sends each message until it is accepted, as a producer does that wants to be sure.
async fn send(producer: &Producer, messages: &[Message], accepted: &AtomicUsize) {
    at_once(32, messages, |message| async move {
        poll_until(ALL_WITHIN, "a message to be accepted", async || {
            (producer.try_post(message).await?.status == 202).then_some(())
        })
        .await;
        accepted.fetch_add(1, Ordering::Relaxed);
    })
    .await;
}

/// Starts a process until it stays: one that comes too early finds what the killed one has left behind.
async fn start(bin: &Bin) -> Running {
    poll_until(LONG, "the process to stay", async || {
        let running = bin.spawn();
        let ended = running.wait(Duration::from_secs(2)).await;
        ended.is_none().then_some(running)
    })
    .await
}

/// A burst in which processes are killed in turn and started again, each time after another share of it was accepted.
async fn burst_over(
    kills: usize,
    world: &World,
    messages: &[Message],
    bins: &[Bin],
    running: &mut [Running],
) {
    let accepted = AtomicUsize::new(0);
    let killing = async {
        for turn in 0..kills {
            let share = messages.len() * (turn + 1) / (kills + 2);
            poll_until(ALL_WITHIN, "a share of the burst", async || {
                (accepted.load(Ordering::Relaxed) >= share).then_some(())
            })
            .await;
            let place = turn % bins.len();
            running[place].kill9();
            running[place] = start(&bins[place]).await;
        }
    };
    let producer = world.producer();
    tokio::join!(send(&producer, messages, &accepted), killing);
}

fn assert_everywhere(world: &World, messages: &[Message]) {
    let mut places: BTreeMap<&str, BTreeMap<String, usize>> = BTreeMap::new();
    let kafka = places.entry("Kafka").or_default();
    for topic in TOPICS {
        for record in world.kafka().server.records(topic) {
            let value = STANDARD.decode(record["value"].as_str().unwrap()).unwrap();
            let value: Value = serde_json::from_slice(&value).unwrap();
            *kafka.entry(value["event_id"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    let entries = world.bridge().entries().into_iter().map(|(id, found)| (id, found.len()));
    places.insert("EventBridge", entries.collect());
    let postgres = places.entry("PostgreSQL").or_default();
    for table in TOPICS.map(|topic| topic.replace('.', "_")) {
        if table.ends_with("status_change") {
            continue;
        }
        for id in world.database().sql(&format!("SELECT event_id FROM {table}")).lines() {
            *postgres.entry(id.to_owned()).or_default() += 1;
        }
    }
    for message in messages {
        let count = |place: &str| places[place].get(&message.id).copied().unwrap_or_default();
        assert!(count("Kafka") > 0 && count("EventBridge") > 0, "{message:?} is missing");
        if message.topic != STATUS_CHANGE {
            assert_eq!(count("PostgreSQL"), 1, "{message:?}");
        }
    }
    let jobs = |message: &Message| message.value()["jobs"].as_array().map_or(0, Vec::len);
    let runs = messages.iter().filter(|message| message.topic == RUNS);
    let found = world.database().sql("SELECT count(*) FROM public_cps_za_runs_jobs");
    assert_eq!(found, runs.map(jobs).sum::<usize>().to_string(), "rows of jobs");
    let changes: Vec<_> =
        messages.iter().filter(|message| message.topic == STATUS_CHANGE).collect();
    crate::equality::assert_jobs(world, &changes);
    let twice = |place: &str| places[place].values().filter(|count| **count > 1).count();
    println!(
        "{} messages everywhere; more than once: {} in Kafka, {} on EventBridge, none in PostgreSQL",
        messages.len(),
        twice("Kafka"),
        twice("EventBridge")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_the_gateway_and_the_relay_in_a_burst_loses_nothing() {
    let mut random = rng("kills");
    let parts = [Part::Kafka, Part::EventBridge, Part::Postgres, Part::Nats];
    let world = World::new(&parts).await;
    // One start of the whole makes the configuration that the two run on.
    drop(world.start().await);
    let bins = [world.mode("topic-gateway"), world.mode("relay-outbound")];
    let mut running = [start(&bins[0]).await, start(&bins[1]).await];
    world.wait_until_well(&running[0]).await;
    let messages = burst(&mut random, size(400, 5000));
    let kills = size(4, 20);
    burst_over(kills, &world, &messages, &bins, &mut running).await;
    println!("{kills} kills of gateway and relay");
    assert_everywhere(&world, &messages);
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_the_whole_with_its_own_broker_in_a_burst_loses_nothing() {
    let mut random = rng("kills of the whole");
    let world = World::new(&[Part::Kafka, Part::EventBridge, Part::Postgres]).await;
    let bins = [world.gateway()];
    let mut running = [world.start().await];
    let messages = burst(&mut random, size(300, 5000));
    let kills = size(1, 6);
    burst_over(kills, &world, &messages, &bins, &mut running).await;
    println!("{kills} kills of gateway, relay and broker together");
    assert_everywhere(&world, &messages);
}
