//! Batches: in the order of the stream, no larger than they may be, and each event settled on its own result.
//!
//! The destination is a stub of a REST bridge, because its requests show what was in a batch.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use testkit::{CaptureSink, CapturedRequest, Reply, Script};

use crate::world::{LONG, World, event};

fn ids(request: &CapturedRequest) -> Vec<String> {
    let body = request.json();
    let id = |record: &Value| {
        let value = STANDARD.decode(record["value"].as_str().unwrap()).unwrap();
        let event: Value = serde_json::from_slice(&value).unwrap();
        event["id"].as_str().unwrap().to_owned()
    };
    body["records"].as_array().unwrap().iter().map(id).collect()
}

/// Confirms every record but those whose id begins with `bad`.
fn bridge() -> Script {
    Script::per_request(|request| {
        let answer = |id: String| {
            if id.starts_with("bad") {
                json!({ "error_code": 2, "error": "not now" })
            } else {
                json!({ "partition": 0, "offset": 1 })
            }
        };
        let offsets: Vec<Value> = ids(request).into_iter().map(answer).collect();
        let body = json!({ "offsets": offsets }).to_string();
        Reply::status(200).header("Content-Type", "application/vnd.kafka.v2+json").body(body)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_keeps_the_order_of_the_stream_and_settles_each_event_by_itself() {
    let world = World::start().await;
    let sink = CaptureSink::scripted(bridge()).await;
    let text = |subjects: &str| {
        format!(
            "[[outbound.routes]]\nname = \"batched\"\nsubjects = [\"{subjects}\"]\n\
             retry = {{ attempts = 1, schedule = [\"0s\"] }}\n\
             batch = {{ max_events = 7, max_wait = \"300ms\" }}\n\
             sink.kafka_rest = {{ api = \"confluent-v2\", url = \"{}\", topic = \"t\" }}\n",
            sink.url()
        )
    };
    // The events are there before the relay is, so that batches can fill.
    let first = world.relay(&text("fleet.other")).await;
    first.stop().await;
    let mut sent = Vec::new();
    for number in 0..60 {
        let id = if number % 9 == 4 { format!("bad-{number}") } else { format!("good-{number}") };
        world.publish("fleet.a", &event(&id)).await;
        sent.push(id);
    }
    let relay = world.relay(&text("fleet.a")).await;
    world.wait_for_settled("batched").await;
    let bad = sent.iter().filter(|id| id.starts_with("bad")).count() as u64;
    world.wait_for_dead_letters(bad).await;
    let requests = sink.wait_for(1, LONG).await;
    let place = |id: &String| sent.iter().position(|each| each == id).unwrap();
    let mut seen = Vec::new();
    for request in &requests {
        let batch: Vec<_> = ids(request).iter().map(place).collect();
        assert!(batch.len() <= 7 && batch.is_sorted(), "{batch:?}");
        seen.extend(batch);
    }
    seen.sort_unstable();
    assert_eq!(
        seen,
        (0..60).collect::<Vec<_>>(),
        "each event once, whatever became of its neighbours"
    );
    assert!(requests.len() < 20, "{} requests for 60 events", requests.len());
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_waits_for_its_batch_no_longer_than_it_may() {
    let world = World::start().await;
    let sink = CaptureSink::scripted(bridge()).await;
    let relay = world
        .relay(&format!(
            "[[outbound.routes]]\nname = \"batched\"\nsubjects = [\"fleet.>\"]\n\
             batch = {{ max_events = 100, max_wait = \"50ms\" }}\n\
             sink.kafka_rest = {{ api = \"confluent-v2\", url = \"{}\", topic = \"t\" }}\n",
            sink.url()
        ))
        .await;
    world.publish("fleet.a", &event("alone")).await;
    let requests = sink.wait_for(1, LONG).await;
    assert_eq!(ids(&requests[0]), ["alone"]);
    world.wait_for_settled("batched").await;
    relay.stop().await;
}
