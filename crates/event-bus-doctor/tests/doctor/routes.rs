//! What the doctor says about routes that are not doing well.

use async_nats::jetstream::consumer::pull;
use event_bus_doctor::{Entry, Report};
use event_bus_runtime::Status;
use testkit::{CaptureSink, NatsServer, Script, nats_versions, poll_until};

use super::world::{LONG, World, entry, outbound, red, route};

/// Asks again and again until the finding is there with this code.
async fn wait_for(
    world: &World,
    relay: &relay_outbound::Config,
    id: &str,
    code: &str,
) -> (Report, Entry) {
    poll_until(LONG, &format!("{id} with {code}"), async || {
        let report = world.examine_routes(relay, time::Duration::ZERO).await;
        let found = report.entries().iter().find(|entry| entry.id == id)?.clone();
        (found.code() == Some(code)).then_some((report, found))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_route_is_a_warning_and_its_backlog_is_counted() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    let relay = world.relay(&route("orders", &sink.url())).await;
    sink.stop().await;
    for number in 0..8 {
        world.publish("orders", &number.to_string()).await;
    }
    let (report, held) =
        wait_for(&world, &relay.config, "relay-outbound.routes.orders", "EB0207").await;
    assert_eq!(held.status, Status::Warn);
    let backlog = entry(&report, "relay-outbound.backlog.orders");
    assert_eq!(backlog.status, Status::Pass, "{}", report.to_text(false));
    let count = |key: &str| backlog.evidence[key].as_u64().unwrap();
    assert_eq!(count("in_flight") + count("pending"), 8);
    // The destination itself is asked as well. Nothing else is red: the doctor's route is another one.
    let destination = entry(&report, "relay-outbound.sinks.orders");
    assert_eq!((destination.status, destination.code()), (Status::Fail, Some("EB0213")));
    assert_eq!(red(&report), ["relay-outbound.sinks.orders"], "{}", report.to_text(false));
    sink.restart_on_same_port().await;
    let report = world.examine_routes(&relay.config, time::Duration::ZERO).await;
    assert_eq!(entry(&report, "relay-outbound.sinks.orders").status, Status::Pass);
    assert_eq!(sink.count(), 0, "no event was sent to find that out");
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_is_judged_by_its_age() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    let relay = world.relay(&route("orders", &sink.url())).await;
    relay.stop().await;
    world.publish("orders", "1").await;
    let config = outbound(&route("orders", &sink.url()));
    for (hours, expected) in [(1, Status::Pass), (40, Status::Warn), (60, Status::Fail)] {
        let report = world.examine_routes(&config, time::Duration::hours(hours)).await;
        let backlog = entry(&report, "relay-outbound.backlog.orders");
        assert_eq!(backlog.status, expected, "{hours} h\n{}", report.to_text(false));
        assert_eq!(backlog.evidence["pending"], 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disabled_route_is_a_failure() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    sink.set_script(Script::always(410));
    let relay = world.relay(&route("orders", &sink.url())).await;
    world.publish("orders", "1").await;
    let (_, disabled) =
        wait_for(&world, &relay.config, "relay-outbound.routes.orders", "EB0208").await;
    assert_eq!(disabled.status, Status::Fail);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_are_counted_for_each_route_but_not_the_doctor_s() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    sink.set_script(Script::always(400));
    let relay = world.relay(&route("orders", &sink.url())).await;
    world.publish("orders", "1").await;
    world.jetstream.publish("dead.event-bus-doctor.x", "".into()).await.unwrap().await.unwrap();
    let (report, found) =
        wait_for(&world, &relay.config, "relay-outbound.dead-letters.dead.orders", "EB0205").await;
    assert_eq!((found.status, &found.evidence["count"]), (Status::Warn, &1.into()));
    let all = report.entries().iter().filter(|entry| entry.code() == Some("EB0205"));
    assert_eq!(all.count(), 1, "{}", report.to_text(false));
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_of_somebody_else_is_named() {
    let world = World::start().await;
    world.relay("").await.stop().await;
    let stream = world.jetstream.get_stream("EVENTS").await.unwrap();
    let config = pull::Config { durable_name: Some("orders".to_owned()), ..Default::default() };
    stream.create_consumer(config).await.unwrap();
    let config = outbound(&route("orders", "http://127.0.0.1:1/"));
    let report = world.examine_routes(&config, time::Duration::ZERO).await;
    let found = entry(&report, "relay-outbound.routes.orders");
    assert_eq!(found.code(), Some("EB0210"), "{}", report.to_text(false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_aged_out_are_remembered_by_the_bus() {
    // Older ones keep no metadata.
    for version in nats_versions().into_iter().filter(|version| !version.starts_with("2.9.")) {
        let world = World::on(NatsServer::builder().version(version).start().await).await;
        let sink = CaptureSink::start().await;
        let text = format!("{}window = 1\n", route("orders", &sink.url()));
        let relay = world.relay(&text).await;
        sink.stop().await;
        for number in 0..4 {
            world.publish("orders", &number.to_string()).await;
        }
        // The relay must have seen them wait before they go.
        let waiting = "relay_outbound_pending_events{route=\"orders\"} 3";
        poll_until(LONG, "the relay to see three events wait", async || {
            relay.metrics.encode().lines().any(|line| line == waiting).then_some(())
        })
        .await;
        let stream = world.jetstream.get_stream("EVENTS").await.unwrap();
        stream.purge().await.unwrap();
        let id = "relay-outbound.expired-events.orders";
        let (_, found) = wait_for(&world, &relay.config, id, "EB0204").await;
        assert_eq!(
            (found.status, &found.evidence["events"]),
            (Status::Fail, &3.into()),
            "{version}"
        );
        // It outlives the relay, and becomes a warning when it is a day old.
        let config = relay.config.clone();
        relay.stop().await;
        let report = world.examine_routes(&config, time::Duration::hours(25)).await;
        assert_eq!(entry(&report, id).status, Status::Warn, "{}", report.to_text(false));
    }
}
