use std::time::Duration;

use testkit::{CaptureSink, Reply, Script};

use crate::world::{LONG, World, config, event, route};

#[tokio::test(flavor = "multi_thread")]
async fn changed_routes_take_over_and_the_others_go_on() {
    let world = World::start().await;
    let (kept, old, new) =
        (CaptureSink::start().await, CaptureSink::start().await, CaptureSink::start().await);
    let kept_route = route("kept", "fleet.>", &kept.url(), "");
    let relay =
        world.relay(&format!("{kept_route}{}", route("moved", "fleet.a", &old.url(), ""))).await;
    world.publish("fleet.a", &event("one")).await;
    old.wait_for(1, LONG).await;

    let changed = format!("{kept_route}{}", route("moved", "fleet.b", &new.url(), ""));
    relay.changes.send(config(&changed)).unwrap();
    testkit::poll_until(LONG, "the consumer to follow", async || {
        let stream = world.jetstream.get_stream("EVENTS").await.ok()?;
        (stream.consumer_info("moved").await.ok()?.config.filter_subject == "fleet.b").then_some(())
    })
    .await;
    world.publish("fleet.a", &event("two")).await;
    world.publish("fleet.b", &event("three")).await;
    let requests = new.wait_for(1, LONG).await;
    assert_eq!(requests[0].event_id().as_deref(), Some("three"));
    kept.wait_for(3, LONG).await;
    assert_eq!(old.count(), 1);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_of_one_route_keep_nobody_from_watching_the_others() {
    let world = World::start().await;
    let (sink, refusing) = (CaptureSink::start().await, CaptureSink::start().await);
    refusing.set_script(Script::reply(Reply::status(401)));
    let often = "retry = { attempts = 100, schedule = [\"0s\", \"100ms\"] }";
    let relay = world
        .relay(&format!(
            "{}{}",
            route("watched", "fleet.b", &sink.url(), ""),
            route("refused", "fleet.a", &refusing.url(), often)
        ))
        .await;
    for number in 0..20 {
        world.publish("fleet.a", &event(&format!("refused{number}"))).await;
    }
    refusing.wait_for(20, LONG).await;
    world.jetstream.delete_consumer_from_stream("watched", "EVENTS").await.unwrap();
    world.publish("fleet.b", &event("new")).await;
    let requests = sink.wait_for(1, Duration::from_secs(15)).await;
    assert_eq!(requests[0].event_id().as_deref(), Some("new"));
    assert_eq!(world.messages("DEAD_LETTERS").await, 0, "the refusals must still go on");
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_consumer_is_made_again_where_it_stood() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    let relay = world.relay(&route("hooks", "fleet.>", &sink.url(), "")).await;
    for number in 0..5 {
        world.publish("fleet.a", &event(&format!("old{number}"))).await;
    }
    sink.wait_for(5, LONG).await;
    world.wait_for_settled("hooks").await;
    testkit::poll_until(LONG, "a look of the monitor", async || {
        relay
            .metric("relay_outbound_pending_events{route=\"hooks\"}")
            .filter(|pending| *pending == 0.0)
    })
    .await;
    // The monitor looks every few seconds; two looks later it surely knows where the consumer stood.
    let until = tokio::time::Instant::now() + std::time::Duration::from_secs(11);
    testkit::poll_until(LONG, "two looks", async || {
        (tokio::time::Instant::now() > until).then_some(())
    })
    .await;
    world.jetstream.delete_consumer_from_stream("hooks", "EVENTS").await.unwrap();
    world.publish("fleet.a", &event("new")).await;
    sink.wait_for(6, LONG).await;
    assert_eq!(sink.arrived().get("new"), Some(&1));
    assert!(
        sink.arrived().values().all(|count| *count == 1),
        "history was delivered again: {:?}",
        sink.arrived()
    );
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_made_anew_is_delivered_from_its_beginning() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    let relay = world.relay(&route("hooks", "fleet.>", &sink.url(), "")).await;
    for number in 0..20 {
        world.publish("fleet.a", &event(&format!("old{number}"))).await;
    }
    world.wait_for_settled("hooks").await;
    testkit::poll_until(LONG, "a look of the monitor", async || {
        relay.metric("relay_outbound_pending_events{route=\"hooks\"}")
    })
    .await;
    world.jetstream.delete_stream("EVENTS").await.unwrap();
    for number in 0..5 {
        world.publish("fleet.a", &event(&format!("new{number}"))).await;
    }
    testkit::poll_until(LONG, "the new events", async || {
        (sink.accepted().len() == 25).then_some(())
    })
    .await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_secret_and_a_stricter_guard_are_taken_over() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let text = format!(
        "[[outbound.routes]]\nname = \"hooks\"\nsubjects = [\"fleet.>\"]\n\
         sink.webhook = {{ url = \"{}\", secrets = [{{ file = {secret:?} }}] }}\n",
        sink.url()
    );
    let relay = world.relay(&text).await;
    std::fs::write(&secret, "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").unwrap();
    relay.changes.send(config(&text)).unwrap();
    let mut number = 0;
    testkit::poll_until(LONG, "a signature by the new secret", async || {
        number += 1;
        world.publish("fleet.a", &event(&format!("e{number}"))).await;
        let request = sink.requests().pop()?;
        let timestamp = request.header("webhook-timestamp")?.parse().ok()?;
        let new =
            event_bus_core::signature::SigningSecret::new("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
        let id = request.header("webhook-id")?;
        let expected = event_bus_core::signature::sign::standard_webhooks(
            &[new],
            id,
            timestamp,
            &request.body,
        );
        (request.header("webhook-signature") == Some(expected.ok()?.as_str())).then_some(())
    })
    .await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_are_read_again_and_a_new_secret_delivers() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "old").unwrap();
    let sink = CaptureSink::scripted(Script::per_request(|request| {
        let is_new = request.header("authorization") == Some("Bearer new");
        Reply::status(if is_new { 200 } else { 401 })
    }))
    .await;
    let relay = world
        .relay(&format!(
            "[[outbound.routes]]\nname = \"rotated\"\nsubjects = [\"fleet.>\"]\n\
             retry = {{ attempts = 50, schedule = [\"0s\", \"300ms\"] }}\n\
             sink.webhook = {{ url = \"{}\", auth = {{ bearer = {{ file = {token:?} }} }} }}\n",
            sink.url()
        ))
        .await;
    world.publish("fleet.a", &event("first")).await;
    sink.wait_for(1, LONG).await;
    assert!(sink.accepted().is_empty());
    std::fs::write(&token, "new").unwrap();
    testkit::poll_until(LONG, "the delivery with the new secret", async || {
        sink.accepted().contains_key("first").then_some(())
    })
    .await;
    world.wait_for_no_retries().await;
    assert_eq!(world.messages("DEAD_LETTERS").await, 0);
    relay.stop().await;
}
