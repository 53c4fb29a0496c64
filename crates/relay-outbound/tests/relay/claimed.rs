//! Events whose data lies in the object store.

use async_nats::jetstream::object_store;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use event_bus_core::claim_check::ClaimCheck;
use event_bus_core::event::Event;
use testkit::CaptureSink;

use crate::world::{LONG, World};

/// Larger than any message of the bus.
const SIZE: usize = 3 * 1024 * 1024;

async fn put(world: &World, bucket: &str, object: &str, content: &[u8]) -> ClaimCheck {
    let config = object_store::Config { bucket: bucket.to_owned(), ..Default::default() };
    let store = world.jetstream.create_object_store(config).await.unwrap();
    let mut content = content;
    store.put(object, &mut content).await.unwrap();
    ClaimCheck { bucket: bucket.to_owned(), object: object.to_owned() }
}

fn event(id: &str, check: &ClaimCheck) -> Event {
    Event::builder(id, "/hooks/test", "com.example.made")
        .datacontenttype("application/json")
        .extension("dataref", &*check.to_dataref())
        .build()
        .unwrap()
}

fn route(name: &str, url: &str, more: &str) -> String {
    format!(
        "[[outbound.routes]]\nname = \"{name}\"\nsubjects = [\"fleet.>\"]\n\
         retry = {{ attempts = 1, schedule = [\"0s\"] }}\n{more}\n\
         sink.webhook = {{ url = \"{url}\", mode = \"{name}\" }}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn data_from_the_object_store_goes_out_in_both_modes_and_filters_see_it() {
    let world = World::start().await;
    let (binary, structured) = (CaptureSink::start().await, CaptureSink::start().await);
    let filter = "filter = \"data.wanted\"";
    let relay = world
        .relay(&format!(
            "{}{}",
            route("binary", &binary.url(), ""),
            route("structured", &structured.url(), filter)
        ))
        .await;
    let content = format!("{{\"wanted\":true,\"text\":\"{}\"}}", "x".repeat(SIZE));
    let check = put(&world, "EVENT_DATA", "2026/large ä.json", content.as_bytes()).await;
    let event = event("large", &check);
    world.publish("fleet.a", &event).await;
    let streamed = binary.wait_for(1, LONG).await.remove(0);
    assert_eq!(streamed.body.len(), content.len());
    assert_eq!(streamed.body, content.as_bytes());
    assert_eq!(streamed.header("content-type"), Some("application/json"));
    assert!(streamed.header("ce-dataref").unwrap().starts_with("nats-object-store:EVENT_DATA/"));
    let inlined = structured.wait_for(1, LONG).await.remove(0).json();
    assert_eq!(inlined["data"]["text"].as_str().map(str::len), Some(SIZE));
    assert_eq!(inlined["id"], "large");
    world.wait_for_settled("binary").await;
    assert_eq!(world.messages("DEAD_LETTERS").await, 0);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_of_an_event_that_is_for_another_route_is_not_fetched() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    let types = "types = [\"com.example.wanted\"]";
    let relay = world.relay(&route("structured", &sink.url(), types)).await;
    let gone = ClaimCheck { bucket: "EVENT_DATA".to_owned(), object: "gone".to_owned() };
    world.publish("fleet.a", &event("foreign", &gone)).await;
    world.wait_for_settled("structured").await;
    assert_eq!((sink.count(), world.messages("DEAD_LETTERS").await), (0, 0));
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_data_is_no_fault_of_the_destination() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    let relay = world.relay(&route("binary", &sink.url(), "")).await;
    let check = put(&world, "EVENT_DATA", "damaged", &vec![b'x'; SIZE]).await;
    damage(&world, &check).await;
    for number in 0..8 {
        world.publish("fleet.a", &event(&format!("e{number}"), &check)).await;
    }
    world.wait_for_dead_letters(8).await;
    assert_eq!(relay.metric("relay_outbound_route_state{route=\"binary\"}"), Some(0.0));
    assert!(sink.accepted().is_empty());
    relay.stop().await;
}

/// Replaces the digest of an object.
async fn damage(world: &World, check: &ClaimCheck) {
    let stream = world.jetstream.get_stream(format!("OBJ_{}", check.bucket)).await.unwrap();
    let subject = format!("$O.{}.M.{}", check.bucket, URL_SAFE.encode(&check.object));
    let meta = stream.get_last_raw_message_by_subject(&subject).await.unwrap();
    let mut info: serde_json::Value = serde_json::from_slice(&meta.payload).unwrap();
    info["digest"] = format!("SHA-256={}", URL_SAFE.encode([0_u8; 32])).into();
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Nats-Rollup", "sub");
    let sent = world.jetstream.publish_with_headers(subject, headers, info.to_string().into());
    sent.await.unwrap().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_forbidden_or_too_large_is_a_dead_letter_and_harms_no_other() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    let relay = world.relay(&route("structured", &sink.url(), "")).await;
    put(&world, "EVENT_DATA", "small", b"{}").await;
    let secret = put(&world, "OTHER", "secret", b"{}").await;
    let huge = vec![b' '; 17 * 1024 * 1024];
    let large = put(&world, "EVENT_DATA", "large", &huge).await;
    let gone = ClaimCheck { object: "gone".to_owned(), ..large.clone() };
    for (id, check) in [("gone", gone), ("forbidden", secret), ("large", large.clone())] {
        world.publish("fleet.a", &event(id, &check)).await;
    }
    world
        .publish("fleet.a", &event("good", &ClaimCheck { object: "small".to_owned(), ..large }))
        .await;
    world.wait_for_dead_letters(3).await;
    let delivered = sink.wait_for(1, LONG).await;
    assert_eq!(delivered[0].event_id().as_deref(), Some("good"));
    world.wait_for_settled("structured").await;
    relay.stop().await;
}
