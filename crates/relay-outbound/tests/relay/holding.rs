use std::time::Duration;

use testkit::{CaptureSink, Reply, Script};

use crate::world::{LONG, RunningRelay, World, event, route};

const STATE: &str = "relay_outbound_route_state{route=\"away\"}";

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_is_away_is_waited_for_and_no_attempt_is_counted() {
    let world = World::start().await;
    let (away, other) = (CaptureSink::start().await, CaptureSink::start().await);
    let retry = "retry = { attempts = 1, schedule = [\"0s\"] }";
    let text = format!(
        "{}{}",
        route("away", "fleet.>", &away.url(), retry),
        route("other", "fleet.>", &other.url(), retry)
    );
    away.stop().await;
    let relay = world.relay(&text).await;
    for number in 0..300 {
        world.publish("fleet.a", &event(&format!("e{number}"))).await;
    }
    other.wait_for(300, LONG).await;
    testkit::poll_until(LONG, "the hold", async || {
        (relay.metric(STATE) == Some(1.0)).then_some(())
    })
    .await;
    // Half a minute: what a restart of a destination takes, and time for several probes to fail.
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!((world.messages("RETRIES").await, world.messages("DEAD_LETTERS").await), (0, 0));

    away.restart_on_same_port().await;
    world.wait_for_settled("away").await;
    assert_eq!(away.accepted().len(), 300);
    assert_eq!((world.messages("RETRIES").await, world.messages("DEAD_LETTERS").await), (0, 0));
    assert_eq!(relay.metric(STATE), Some(0.0));
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_cannot_reach_the_destination_does_not_hold_the_events_of_the_others() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    let proxy = testkit::TcpProxy::start(sink.address().port()).await;
    let cut_off = route("away", "fleet.>", &format!("http://{}/", proxy.address()), "window = 64");
    proxy.refuse().await;
    let cut_off = world.relay(&cut_off).await;
    for number in 0..20 {
        world.publish("fleet.a", &event(&format!("early{number}"))).await;
    }
    testkit::poll_until(LONG, "the hold", async || {
        (cut_off.metric(STATE) == Some(1.0)).then_some(())
    })
    .await;
    let healthy = world.relay(&route("away", "fleet.>", &sink.url(), "window = 64")).await;
    for number in 0..1000 {
        world.publish("fleet.a", &event(&format!("e{number}"))).await;
    }
    // All but the few that the other one had taken before it knew.
    testkit::poll_until(LONG, "the others", async || (sink.accepted().len() >= 1000).then_some(()))
        .await;
    proxy.heal().await;
    testkit::poll_until(LONG, "all", async || (sink.accepted().len() == 1020).then_some(())).await;
    healthy.stop().await;
    cut_off.stop().await;
}

async fn with_an_event_that_hangs() -> (World, CaptureSink, RunningRelay) {
    let world = World::start().await;
    let script =
        Script::per_id(|id, _| if id == "hang" { Reply::Hang } else { Reply::status(200) });
    let sink = CaptureSink::scripted(script).await;
    let relay = world.relay(&route("away", "fleet.>", &sink.url(), "")).await;
    world.publish("fleet.a", &event("hang")).await;
    (world, sink, relay)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_event_that_hangs_the_destination_does_not_hold_the_others() {
    let (world, sink, relay) = with_an_event_that_hangs().await;
    for number in 0..600 {
        world.publish("fleet.a", &event(&format!("e{number}"))).await;
    }
    testkit::poll_until(LONG, "the others", async || (sink.accepted().len() == 600).then_some(()))
        .await;
    // It fails alone, so its failures become its own attempts in the end.
    let mut number = 600;
    testkit::poll_until(Duration::from_secs(120), "its dead letter", async || {
        number += 1;
        world.publish("fleet.a", &event(&format!("e{number}"))).await;
        (world.messages("DEAD_LETTERS").await == 1).then_some(())
    })
    .await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_one_event_caused_alone_ends_with_the_next_event() {
    let (world, sink, relay) = with_an_event_that_hangs().await;
    testkit::poll_until(LONG, "the hold", async || {
        (relay.metric(STATE) == Some(1.0)).then_some(())
    })
    .await;
    world.publish("fleet.a", &event("good")).await;
    testkit::poll_until(LONG, "the good one", async || {
        sink.accepted().contains_key("good").then_some(())
    })
    .await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gone_disables_the_route_and_keeps_its_events() {
    let world = World::start().await;
    let sink = CaptureSink::scripted(Script::always(410)).await;
    let text = route("away", "fleet.>", &sink.url(), "");
    let relay = world.relay(&text).await;
    for number in 0..5 {
        world.publish("fleet.a", &event(&format!("e{number}"))).await;
    }
    testkit::poll_until(LONG, "the route to be disabled", async || {
        (relay.metric(STATE) == Some(2.0)).then_some(())
    })
    .await;
    relay.stop().await;
    assert_eq!(world.messages("DEAD_LETTERS").await, 0);

    sink.set_script(Script::always(200));
    let relay = world.relay(&text).await;
    testkit::poll_until(LONG, "all events", async || (sink.accepted().len() == 5).then_some(()))
        .await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_age_out_undelivered_are_counted() {
    let mut world = World::start().await;
    world.events.max_age = Some(Duration::from_secs(6));
    world.events.duplicate_window = Some(Duration::from_secs(1));
    let away = CaptureSink::start().await;
    away.stop().await;
    let relay = world.relay(&route("away", "fleet.>", &away.url(), "window = 4")).await;
    for number in 0..50 {
        world.publish("fleet.a", &event(&format!("e{number}"))).await;
    }
    // Four are held here and are not lost; the others age out on the stream.
    let expired = "relay_outbound_expired_total{route=\"away\"}";
    testkit::poll_until(LONG, "the count", async || {
        relay.metric(expired).filter(|count| *count >= 46.0)
    })
    .await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_restarts_while_the_destination_is_away_use_up_no_attempt() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    sink.stop().await;
    let text =
        route("away", "fleet.>", &sink.url(), "retry = { attempts = 1, schedule = [\"0s\"] }");
    for round in 0..12 {
        let relay = world.relay(&text).await;
        if round == 0 {
            for number in 0..20 {
                world.publish("fleet.a", &event(&format!("e{number}"))).await;
            }
        }
        testkit::poll_until(LONG, "the hold", async || {
            (relay.metric(STATE) == Some(1.0)).then_some(())
        })
        .await;
        relay.stop().await;
    }
    sink.restart_on_same_port().await;
    let relay = world.relay(&text).await;
    testkit::poll_until(LONG, "all events", async || (sink.accepted().len() == 20).then_some(()))
        .await;
    assert_eq!(world.messages("DEAD_LETTERS").await, 0);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_whose_destination_hangs_gives_its_events_back_after_a_while() {
    let world = World::start().await;
    let (hangs, works) =
        (CaptureSink::scripted(Script::reply(Reply::Hang)).await, CaptureSink::start().await);
    let first = world.relay(&route("away", "fleet.>", &hangs.url(), "window = 16")).await;
    for number in 0..200 {
        world.publish("fleet.a", &event(&format!("e{number}"))).await;
    }
    testkit::poll_until(LONG, "the hold", async || {
        (first.metric(STATE) == Some(1.0)).then_some(())
    })
    .await;
    let second = world.relay(&route("away", "fleet.>", &works.url(), "window = 16")).await;
    // All but the few that still probe; the whole window lay with the first one when the hold began.
    testkit::poll_until(LONG * 2, "the others", async || {
        (works.accepted().len() >= 196).then_some(())
    })
    .await;
    first.stop().await;
    testkit::poll_until(LONG, "the last", async || (works.accepted().len() == 200).then_some(()))
        .await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_age_out_while_no_relay_runs_are_counted_by_the_next() {
    let mut world = World::start().await;
    world.events.max_age = Some(Duration::from_secs(15));
    world.events.duplicate_window = Some(Duration::from_secs(1));
    let away = CaptureSink::start().await;
    away.stop().await;
    let text = route("away", "fleet.>", &away.url(), "window = 4");
    let relay = world.relay(&text).await;
    for number in 0..50 {
        world.publish("fleet.a", &event(&format!("e{number}"))).await;
    }
    testkit::poll_until(LONG, "the mark on the consumer", async || {
        let stream = world.jetstream.get_stream("EVENTS").await.ok()?;
        stream.consumer_info("away").await.ok()?.config.metadata.get("event-bus-behind").cloned()
    })
    .await;
    relay.stop().await;
    testkit::poll_until(LONG, "the events to age out", async || {
        (world.messages("EVENTS").await == 0).then_some(())
    })
    .await;
    let relay = world.relay(&text).await;
    let expired = "relay_outbound_expired_total{route=\"away\"}";
    let count = testkit::poll_until(LONG, "the count", async || {
        relay.metric(expired).filter(|count| *count > 0.0)
    })
    .await;
    assert!((46.0..=50.0).contains(&count), "{count}");
    relay.stop().await;
}
