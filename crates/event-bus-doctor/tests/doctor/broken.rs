//! Each proof that is broken on purpose turns red, and no other one.

use event_bus_doctor::{Options, run};
use event_bus_runtime::Status;
use testkit::CaptureSink;

use super::world::{RETRIES, ROUND_TRIP, World, check_document, entry, ids, outbound, red, route};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_broker_only_the_readiness_is_red() {
    let world = World::start().await;
    let relay = world.relay("").await;
    relay.stop().await;
    let context = world.context().await;
    world.nats.terminate().await;
    let checks = world.checks(&outbound(""), true);
    let report = run(Options::default(), checks, context).await;
    check_document(&report);
    assert_eq!(red(&report), ["bus.readiness.connection"], "{}", report.to_text(false));
    assert_eq!(report.exit_code(), 1);
    assert_eq!(entry(&report, "bus.readiness.connection").code(), Some("EB0001"));
    for id in [ROUND_TRIP, RETRIES] {
        assert_eq!(entry(&report, id).status, Status::Skip);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_does_not_answer_makes_the_readiness_red() {
    let world = World::start().await;
    let relay = world.relay("").await;
    let mut config = relay.config.clone();
    config.admin_listen = Some(([127, 0, 0, 1], testkit::free_port()).into());
    let report = world.examine(&config).await;
    assert_eq!(red(&report), ["bus.readiness.relay-outbound"], "{}", report.to_text(false));
    assert_eq!(entry(&report, "bus.readiness.relay-outbound").code(), Some("EB0002"));
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_streams_are_named_and_not_created() {
    let world = World::start().await;
    let report = world.examine(&outbound("")).await;
    let streams = entry(&report, "bus.readiness.streams");
    assert_eq!(streams.code(), Some("EB0003"), "{}", report.to_text(false));
    assert_eq!(
        streams.evidence["missing"],
        serde_json::json!(["EVENTS", "RETRIES", "DEAD_LETTERS"])
    );
    assert!(world.jetstream.get_stream("EVENTS").await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_takes_nothing_makes_the_round_trip_red() {
    let world = World::start().await;
    let relay = world.relay("").await;
    relay.stop().await;
    let mut settings =
        world.jetstream.get_stream("EVENTS").await.unwrap().cached_info().config.clone();
    settings.max_bytes = 1;
    world.jetstream.update_stream(&settings).await.unwrap();
    let report = world.examine(&outbound("")).await;
    let round_trip = entry(&report, ROUND_TRIP);
    assert_eq!(round_trip.code(), Some("EB0004"), "{}", report.to_text(false));
    assert!(round_trip.message.contains("full"), "{}", round_trip.message);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_relay_the_retries_are_red() {
    let world = World::start().await;
    let relay = world.relay("").await;
    relay.stop().await;
    let before = world.content().await;
    let report = world.examine(&outbound("")).await;
    assert_eq!(red(&report), [RETRIES], "{}", report.to_text(false));
    assert_eq!(entry(&report, RETRIES).code(), Some("EB0201"));
    assert_eq!(world.content().await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_that_cannot_be_stored_make_the_proof_red() {
    let world = World::start().await;
    let relay = world.relay("").await;
    let stream = world.jetstream.get_stream("DEAD_LETTERS").await.unwrap();
    let mut settings = stream.cached_info().config.clone();
    settings.max_bytes = 1;
    world.jetstream.update_stream(&settings).await.unwrap();
    let mut context = world.context().await;
    context.deadline = std::time::Duration::from_secs(8);
    let report = run(Options::default(), world.checks(&relay.config, true), context).await;
    check_document(&report);
    let proof = entry(&report, RETRIES);
    assert_eq!(
        (proof.status, proof.code()),
        (Status::Fail, Some("EB0202")),
        "{}",
        report.to_text(false)
    );
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_route_without_a_relay_and_one_left_behind_are_named() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    let relay = world.relay(&route("old", &sink.url())).await;
    relay.stop().await;
    let report = world.examine(&outbound(&route("new", &sink.url()))).await;
    let text = report.to_text(false);
    assert_eq!(entry(&report, "relay-outbound.routes.new").code(), Some("EB0209"), "{text}");
    let left = entry(&report, "relay-outbound.left-behind.old");
    assert_eq!((left.status, left.code()), (Status::Warn, Some("EB0206")), "{text}");
    assert!(left.message.contains("event-bus routes remove old"), "{}", left.message);
    assert!(ids(&report, &[Status::Error]).is_empty(), "{text}");
}
