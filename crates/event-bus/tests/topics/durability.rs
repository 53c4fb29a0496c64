//! Brokers that are killed or stand still: 202 is never said of a message that is not on the stream, or of one that a
//! destination has not confirmed.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use testkit::{poll_until, size};

use crate::world::{LONG, Message, Part, Producer, TEST, World, at_once};

/// Sends each message once, all together; which of them were accepted, or no answer came.
async fn send(producer: &Producer, messages: &[Message]) -> Vec<Option<u16>> {
    at_once(300, messages, |message| async move {
        producer.try_post(message).await.map(|answer| answer.status)
    })
    .await
}

/// Sends each message once, all together, to a gateway that can accept none of them, and says so with this status.
async fn refused(producer: &Producer, messages: &[Message], status: u16) -> usize {
    let answers = at_once(300, messages, |message| producer.try_post(message)).await;
    for answer in &answers {
        assert_eq!(answer.as_ref().map(|answer| answer.status), Some(status), "{answer:?}");
    }
    answers.len()
}

/// Sends messages again until each is accepted.
async fn repeat(producer: &Producer, messages: &[Message]) {
    at_once(300, messages, |message| async move {
        poll_until(LONG, "a repeated message to be accepted", async || {
            (producer.try_post(message).await?.status == 202).then_some(())
        })
        .await;
    })
    .await;
}

fn some(count: usize) -> Vec<Message> {
    (0..count).map(|_| Message::any()).collect()
}

/// How often each event stands on the stream of events.
pub(crate) async fn on_stream(world: &World) -> BTreeMap<String, usize> {
    let jetstream = world.nats().jetstream().await;
    let stream = jetstream.get_stream("EVENTS").await.unwrap();
    let (mut counts, mut sequence) = (BTreeMap::new(), 1);
    while let Ok(message) = stream.get_first_raw_message_by_subject(">", sequence).await {
        sequence = message.sequence + 1;
        let event: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
        *counts.entry(event["id"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_accepted_that_a_broker_has_not_stored() {
    let world = World::new(&[Part::Nats, Part::EventBridge]).await;
    let gateway = world.start().await;
    let (producer, nats) = (world.producer(), world.nats());
    let (mut all, mut accepted, mut away) = (Vec::new(), 0, 0);
    for _ in 0..size(1, 5) {
        let well = some(30);
        assert!(send(&producer, &well).await.iter().all(|status| *status == Some(202)));
        // Under load, when it may have heard half of them.
        let load = some(300);
        let (answers, ()) = tokio::join!(send(&producer, &load), async {
            poll_until(LONG, "a part of the load", async || {
                (world.bridge().entries().len() >= all.len() + well.len() + 50).then_some(())
            })
            .await;
            nats.kill();
        });
        let during = answers.iter().filter(|status| **status == Some(202)).count();
        accepted += during + well.len();
        away += answers.len() - during;
        assert!(
            answers.iter().flatten().all(|status| [202, 500, 503].contains(status)),
            "{answers:?}"
        );
        let gone = some(20);
        away += refused(&producer, &gone, 503).await;
        nats.restart().await;
        for messages in [&well, &load, &gone] {
            repeat(&producer, messages).await;
        }
        let stuck = some(20);
        nats.pause();
        away += refused(&producer, &stuck, 503).await;
        nats.resume();
        repeat(&producer, &stuck).await;
        all.extend([well, load, gone, stuck].concat());
    }
    let found = on_stream(&world).await;
    assert_eq!(found.len(), all.len());
    let wrong = all.iter().find(|message| found.get(&message.id) != Some(&1));
    assert!(
        wrong.is_none(),
        "{wrong:?} stands on the stream {:?} times",
        wrong.map(|m| found.get(&m.id))
    );
    let entries = world.bridge().entries();
    assert!(all.iter().all(|message| entries.contains_key(&message.id)));
    println!(
        "{accepted} accepted at once and {away} refused while the broker was away; all {} once on the stream at last",
        all.len()
    );
    assert!(gateway.exited().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_accepted_that_kafka_has_not_confirmed() {
    let world = World::new(&[Part::Kafka]).await.with_env("KAFKA_FLUSH_TIMEOUT", "2");
    let _gateway = world.start().await;
    let (producer, kafka) = (world.producer(), &world.kafka().server);
    let (mut all, mut never_seen, mut away) = (Vec::new(), Vec::new(), 0);
    for _ in 0..size(1, 5) {
        let load = some(300);
        let (answers, ()) = tokio::join!(send(&producer, &load), async {
            assert_eq!(producer.post(&Message::any()).await.status, 202);
            kafka.kill();
        });
        away += answers.iter().filter(|status| **status != Some(202)).count();
        let gone = some(20);
        away += refused(&producer, &gone, 500).await;
        kafka.restart().await;
        for messages in [&load, &gone] {
            repeat(&producer, messages).await;
        }
        all.extend(load);
        never_seen.extend(gone);
    }
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for record in kafka.records(TEST) {
        let value = STANDARD.decode(record["value"].as_str().unwrap()).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&value).unwrap();
        *found.entry(value["event_id"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    let missing = all.iter().find(|message| !found.contains_key(&message.id));
    assert!(missing.is_none(), "{missing:?}");
    // What it had on its way when it was killed may have been written, and is written again.
    let wrong = never_seen.iter().find(|message| found.get(&message.id) != Some(&1));
    assert!(wrong.is_none(), "{wrong:?}");
    let twice = found.values().filter(|count| **count > 1).count();
    println!(
        "{away} of {} refused while Kafka was away; all in it at last, {twice} of those on their way more than once",
        all.len() + never_seen.len()
    );
}
