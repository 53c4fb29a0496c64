//! Documents that come late or not at all.

use testkit::{CaptureSink, Reply, Script, http, poll_until};

use crate::world::{LONG, SCHEMA, World};

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
