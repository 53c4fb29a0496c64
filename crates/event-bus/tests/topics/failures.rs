//! Destinations that fail: which are named, in which words, and that the same message is accepted once they are back.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use testkit::poll_until;

use crate::world::{Answer, LONG, Message, Mood, Part, TEST, World};

const SINKS: [&str; 3] = ["kafka", "eventbridge", "postgres"];

/// What follows on the words of the reference.
const FATES: [&str; 4] = [
    "; the event is kept and delivered once the destination is back",
    "; the event is kept and tried again",
    "; the event is kept as a dead letter",
    "; the event is kept; whether the destination has it is not known yet",
];

/// One way for each destination to fail, and how its answer begins.
async fn fail(world: &World, sink: &str, subset: usize) -> &'static str {
    match sink {
        "kafka" => {
            world.kafka().proxy.refuse().await;
            "Kafka writer failed: "
        }
        "postgres" => {
            world.database().proxy.refuse().await;
            "The Postgres writer failed with unknown error: "
        }
        _ => match subset {
            2 | 7 => {
                world.bridge().mood(Mood::FailsEntries);
                r#"1 EventBridge entries failed: [{"ErrorCode":"InternalFailure","ErrorMessage":"forced"}]; "#
            }
            3 => {
                world.bridge().mood(Mood::KnowsNoBus);
                "An error occurred (ResourceNotFoundException) when calling the PutEvents operation: \
                 Event bus topics does not exist.; "
            }
            _ => {
                world.bridge().go_away().await;
                "destination is unreachable: "
            }
        },
    }
}

async fn heal(world: &World) {
    world.kafka().proxy.heal().await;
    world.database().proxy.heal().await;
    world.bridge().come_back().await;
    world.bridge().mood(Mood::Takes);
}

/// How often each event stands in each destination.
fn places(world: &World) -> [BTreeMap<String, usize>; 3] {
    let mut kafka = BTreeMap::new();
    for record in world.kafka().server.records(TEST) {
        let value = STANDARD.decode(record["value"].as_str().unwrap()).unwrap();
        let value: Value = serde_json::from_slice(&value).unwrap();
        *kafka.entry(value["event_id"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    let bridge = world.bridge().entries().into_iter().map(|(id, found)| (id, found.len()));
    let mut rows = BTreeMap::new();
    for id in world.database().sql("SELECT event_id FROM public_cps_za_test").lines() {
        *rows.entry(id.to_owned()).or_default() += 1;
    }
    [kafka, bridge.collect(), rows]
}

fn count(places: &[BTreeMap<String, usize>; 3], message: &Message) -> [usize; 3] {
    places.each_ref().map(|place| place.get(&message.id).copied().unwrap_or_default())
}

fn assert_names(answer: &Answer, failed: &BTreeMap<usize, &str>) {
    assert_eq!(answer.status, 500, "{answer:?}");
    assert_eq!(answer.body["success"], false);
    assert_eq!(answer.body["statusCode"], 500);
    let errors = answer.errors();
    let kinds: Vec<_> = errors.iter().map(|(kind, _)| *kind).collect();
    let expected: Vec<_> = failed.keys().map(|index| SINKS[*index]).collect();
    assert_eq!(kinds, expected, "{answer:?}");
    for ((_, message), begin) in errors.iter().zip(failed.values()) {
        assert!(message.starts_with(begin), "{message}");
        assert!(FATES.iter().any(|fate| message.ends_with(fate)), "{message}");
        assert!(message.len() < 400, "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_set_of_failed_destinations_is_named_and_nothing_is_written_twice() {
    let world = World::new(&[Part::Kafka, Part::EventBridge, Part::Postgres]).await;
    let world = world.with_env("KAFKA_FLUSH_TIMEOUT", "1");
    let _gateway = world.start().await;
    let producer = world.producer();
    let mut sent = Vec::new();
    for subset in 1..8_usize {
        let before = Message::any();
        assert_eq!(producer.post(&before).await.status, 202);
        let mut failed = BTreeMap::new();
        for (index, sink) in SINKS.iter().enumerate().filter(|(index, _)| subset >> index & 1 == 1)
        {
            failed.insert(index, fail(&world, sink, subset).await);
        }
        let message = Message::any();
        let answer = producer.post(&message).await;
        assert_names(&answer, &failed);
        let repeated = producer.post(&message).await;
        assert_names(&repeated, &failed);
        heal(&world).await;
        let found = count(&places(&world), &message);
        for (index, count) in found.into_iter().enumerate() {
            assert!(failed.contains_key(&index) || count == 1, "{found:?}: {answer:?}");
        }
        poll_until(LONG, "the message to be accepted", async || {
            (producer.post(&message).await.status == 202).then_some(())
        })
        .await;
        sent.extend([before, message]);
    }
    for message in &sent {
        assert_eq!(producer.post(message).await.status, 202, "it was accepted before");
    }
    let places = places(&world);
    for message in &sent {
        assert_eq!(count(&places, message), [1, 1, 1], "{message:?}");
    }
}
