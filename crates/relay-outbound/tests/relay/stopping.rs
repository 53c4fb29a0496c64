use std::time::Duration;

use testkit::{CaptureSink, Reply, Script};
use tokio::time::Instant;

use crate::world::{LONG, World, event, route};

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_under_way_is_finished_and_the_rest_goes_to_the_next_relay() {
    let world = World::start().await;
    let slow = Script::per_id(|_, _| Reply::status(200).after(Duration::from_millis(500)));
    let sink = CaptureSink::scripted(slow).await;
    let text = route("hooks", "fleet.>", &sink.url(), "window = 4");
    let first = world.relay(&text).await;
    for number in 0..40 {
        world.publish("fleet.a", &event(&format!("e{number}"))).await;
    }
    sink.wait_for(2, LONG).await;
    first.stop().await;
    let second = world.relay(&text).await;
    world.wait_for_settled("hooks").await;
    assert_eq!(sink.arrived().len(), 40);
    assert!(sink.arrived().values().all(|count| *count == 1), "{:?}", sink.arrived());
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_whose_destination_is_away_still_stops() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    sink.stop().await;
    let relay = world.relay(&route("hooks", "fleet.>", &sink.url(), "")).await;
    for number in 0..20 {
        world.publish("fleet.a", &event(&format!("e{number}"))).await;
    }
    let began = Instant::now();
    relay.stop().await;
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_starts_before_the_broker_delivers_once_it_is_there() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    world.nats.kill();
    let relay = world.relay_unready(&route("hooks", "fleet.>", &sink.url(), "")).await;
    assert!(!relay.readiness.is_ready());
    world.nats.restart().await;
    world.publish("fleet.a", &event("one")).await;
    sink.wait_for(1, LONG).await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_was_killed_is_used_again_and_nothing_is_lost() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    let relay = world.relay(&route("hooks", "fleet.>", &sink.url(), "")).await;
    for round in 0..3 {
        for number in 0..50 {
            world.publish("fleet.a", &event(&format!("e{round}-{number}"))).await;
        }
        world.nats.kill();
        world.nats.restart().await;
    }
    testkit::poll_until(LONG, "all events", async || (sink.accepted().len() == 150).then_some(()))
        .await;
    relay.stop().await;
}
