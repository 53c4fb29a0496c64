//! Documents that come late, not at all, or without a route for their topic.

use std::fs;

use serde_json::json;
use testkit::{CaptureSink, Reply, Script, http, poll_until};

use crate::world::{LONG, SCHEMA, USER, World};

async fn reload(world: &World) -> (u16, String) {
    let answer = http::send("POST", &world.admin_url("/reload"), &[], b"").await;
    (answer.status, answer.text())
}

#[tokio::test]
async fn who_withdraws_access_does_not_wait_for_schemas() {
    let host = CaptureSink::scripted(Script::reply(Reply::Hang)).await;
    let origin = format!("http://{}", host.address());
    let topics: Vec<_> = (0..12).map(|number| format!("t{number}")).collect();
    let topics: Vec<_> = topics.iter().map(String::as_str).collect();
    let world = World::new(&topics, &format!("reference_hosts = ['{origin}']")).await;
    let running = world.start("topic-gateway").await;
    // Each of them would take ten seconds.
    for topic in &topics {
        world.write(&format!("{topic}.json"), &format!(r#"{{"$ref": "{origin}/{topic}"}}"#));
    }
    poll_until(LONG, "a schema to be looked at", async || (host.count() > 0).then_some(())).await;
    assert_eq!(world.post("t0", r#"{"id":"a"}"#).await.status, 202);
    world.write("access.json", r#"{"t1": ["pipeline"]}"#);
    poll_until(LONG, "access to be withdrawn", async || {
        (world.post("t0", r#"{"id":"a"}"#).await.status == 403).then_some(())
    })
    .await;
    let (status, answer) = reload(&world).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains("the schema of topic t11 cannot be used"), "{answer}");
    assert_eq!(world.post("t1", r#"{"id":"a"}"#).await.status, 202);
    world.stop(running).await;
}

#[tokio::test]
async fn a_host_that_is_no_longer_allowed_is_part_of_no_schema() {
    let host =
        CaptureSink::scripted(Script::reply(Reply::status(200).body(r#"{"type": "object"}"#)))
            .await;
    let origin = format!("http://{}", host.address());
    let allowed = format!("reference_hosts = ['{origin}']");
    let world = World::new(&["orders", "plain"], &allowed).await;
    world.write("orders.json", &format!(r#"{{"$ref": "{origin}/any.json"}}"#));
    let running = world.start("topic-gateway").await;
    assert_eq!(world.post("orders", r#"{"id":"a"}"#).await.status, 202);
    world.configure(&["orders", "plain"], "");
    let (status, answer) = reload(&world).await;
    assert_eq!(status, 422, "{answer}");
    assert!(answer.contains("a host from which none may be fetched"), "{answer}");
    assert!(!answer.contains("topic plain"), "{answer}");
    // With a schema that needs it no more.
    world.write("orders.json", SCHEMA);
    assert_eq!(reload(&world).await.0, 200);
    assert_eq!(world.post("orders", r#"{"n":1}"#).await.status, 400);
    world.stop(running).await;
}

#[tokio::test]
async fn a_second_document_of_one_topic_is_named_and_keeps_nothing_from_starting() {
    let world = World::new(&["orders"], "").await;
    fs::create_dir(world.path("registry")).unwrap();
    world.write("registry/Returns.json", SCHEMA);
    world.write("registry/returns.json", "{}");
    world.write("access.json", &format!(r#"{{"returns": ["{USER}"]}}"#));
    world.configure(
        &["orders"],
        &format!("registry = {{ location = {:?} }}", world.path("registry")),
    );
    let running = world.start("topic-gateway").await;
    assert_eq!(world.post("returns", r#"{"n":1}"#).await.status, 400);
    running.wait_for_text("returns.json is not used: the schema of topic returns is", LONG).await;
    let registry = format!("registry = {{ location = {:?}, key = 'key' }}", world.path("registry"));
    world.configure(&["orders"], &registry);
    let (status, answer) = reload(&world).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains("is not used"), "{answer}");
    world.stop(running).await;
}

#[tokio::test]
async fn a_topic_of_the_registry_without_a_route_to_wait_for_takes_nothing() {
    let sink = CaptureSink::start().await;
    let world = World::new(&["orders"], "").await;
    fs::create_dir(world.path("registry")).unwrap();
    world.write("registry/returns.json", SCHEMA);
    world.write("access.json", &format!(r#"{{"orders": ["{USER}"], "returns": ["{USER}"]}}"#));
    let registry = world.path("registry");
    let registry = format!("registry = {{ location = {registry:?}, acknowledge = 'delivered' }}\n");
    world.configure(&["orders"], &registry);
    let running = world.start("topic-gateway").await;
    let answer = world.post("returns", r#"{"id":"a"}"#).await;
    let told =
        "Topic 'returns' waits for destinations, and no route tells of any; nothing is stored.";
    assert_eq!(answer.status, 500, "{}", answer.text());
    assert_eq!(answer.json()["errors"], json!([{ "type": "internal", "message": told }]));
    assert_eq!(world.post("returns", r#"{"n":1}"#).await.status, 400, "whose fault comes first");
    assert_eq!(world.post("orders", r#"{"id":"b"}"#).await.status, 202);
    assert_eq!(world.stored().await, ["b"]);
    let log = world.stop(running).await;
    let named = log.lines().filter(|line| line.contains("messages are refused"));
    let named: Vec<_> = named.collect();
    assert!(named.len() == 1 && named[0].contains("fleet.topic.returns"), "{log}");

    let route = format!(
        "{registry}[[outbound.routes]]\nname = 'all'\nsubjects = ['fleet.topic.>']\nreceipts = true\n\
         sink.webhook = {{ url = '{}' }}\n",
        sink.url()
    );
    world.configure(&["orders"], &route);
    let (running, relay) = world.start_with_relay().await;
    assert_eq!(world.post("returns", r#"{"id":"a"}"#).await.status, 202);
    let log = world.stop(running).await;
    assert!(!log.contains("messages are refused"), "{log}");
    drop(relay);
}
