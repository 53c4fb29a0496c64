//! What becomes of events is kept for those who wait for it.

use std::time::Duration;

use async_nats::jetstream::stream;
use bytes::Bytes;
use event_bus_core::event::nats;
use event_bus_core::key::EventKey;
use event_bus_core::wire::receipt::{self, Outcome, Receipt, RouteReceipt};
use event_bus_runtime::CheckContext;
use event_bus_runtime::check::Status;
use relay_outbound::StreamNames;
use serde::de::DeserializeOwned;
use testkit::{CaptureSink, Reply, Script, poll_until};
use time::OffsetDateTime;

use crate::world::{LONG, World, config, event, route};

async fn stored<T: DeserializeOwned>(world: &World, key: &str) -> Option<T> {
    let bucket = world.jetstream.get_key_value(receipt::BUCKET).await.ok()?;
    serde_json::from_slice(&bucket.get(key).await.unwrap()?).ok()
}

async fn wait_for(world: &World, id: &str, route: &str, outcome: Outcome) -> Receipt {
    let key = receipt::key(&EventKey::of(&event(id)), route);
    poll_until(LONG, "a receipt", async || {
        stored::<Receipt>(world, &key).await.filter(|found| found.outcome == outcome)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_outcome_of_an_event_is_kept() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    sink.set_script(Script::per_id(|id, attempt| match (id, attempt) {
        ("refused", _) => Reply::status(400),
        ("slow", 1) => Reply::status(503),
        _ => Reply::status(204),
    }));
    let more = "receipts = true\nfilter = \"id != 'foreign'\"\n\
                retry = { attempts = 3, schedule = [\"0s\", \"2s\"] }";
    let relay = world.relay(&route("noted", "fleet.>", &sink.url(), more)).await;
    for id in ["good", "refused", "slow", "foreign"] {
        world.publish("fleet.a", &event(id)).await;
    }
    let good = wait_for(&world, "good", "noted", Outcome::Delivered).await;
    assert_eq!((good.status, good.detail.as_str()), (None, ""));
    let refused = wait_for(&world, "refused", "noted", Outcome::DeadLettered).await;
    assert_eq!(refused.status, Some(400));
    let slow = wait_for(&world, "slow", "noted", Outcome::Retrying).await;
    assert_eq!(slow.status, Some(503));
    assert!(!slow.detail.is_empty());
    wait_for(&world, "foreign", "noted", Outcome::Filtered).await;
    wait_for(&world, "slow", "noted", Outcome::Delivered).await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_waits_and_a_route_that_holds_are_told() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    sink.stop().await;
    let relay = world.relay(&route("away", "fleet.>", &sink.url(), "receipts = true")).await;
    for number in 0..10 {
        world.publish("fleet.a", &event(&format!("e{number}"))).await;
    }
    let waiting = wait_for(&world, "e0", "away", Outcome::Waiting).await;
    assert!(!waiting.detail.is_empty());
    let route_key = receipt::route_key("away");
    let delivers = async |wanted: bool| {
        poll_until(LONG, "the state of the route", async || {
            stored::<RouteReceipt>(&world, &route_key)
                .await
                .filter(|state| state.delivers == wanted)
        })
        .await
    };
    let first = delivers(false).await.detail;
    assert!(!first.is_empty());
    // It is there again, and fails in another way.
    sink.set_script(Script::reply(Reply::Reset));
    sink.restart_on_same_port().await;
    poll_until(LONG, "the reason of now", async || {
        let state = stored::<RouteReceipt>(&world, &route_key).await?;
        assert!(!state.delivers && !state.detail.is_empty(), "{state:?}");
        (state.detail != first).then_some(())
    })
    .await;
    sink.set_script(Script::always(204));
    for number in 0..10 {
        wait_for(&world, &format!("e{number}"), "away", Outcome::Delivered).await;
    }
    delivers(true).await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_without_receipts_makes_no_bucket() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    let relay = world.relay(&route("plain", "fleet.>", &sink.url(), "")).await;
    world.publish("fleet.a", &event("e")).await;
    sink.wait_for(1, LONG).await;
    assert!(world.jetstream.get_key_value(receipt::BUCKET).await.is_err());
    relay.stop().await;
}

/// Nothing more can be stored in the bucket.
async fn fill_up(world: &World) {
    let stream = world.jetstream.get_stream(receipt::STREAM).await.unwrap();
    let config = stream::Config {
        max_bytes: 1,
        discard: stream::DiscardPolicy::New,
        ..stream.cached_info().config.clone()
    };
    world.jetstream.update_stream(config).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_was_delivered_while_its_route_stops_is_not_delivered_again() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    let text = route("full", "fleet.>", &sink.url(), "receipts = true");
    let relay = world.relay(&text).await;
    fill_up(&world).await;
    world.publish("fleet.a", &event("once")).await;
    sink.wait_for(1, LONG).await;
    relay.stop().await;
    let relay = world.relay(&text).await;
    world.publish("fleet.a", &event("next")).await;
    world.wait_for_settled("full").await;
    assert_eq!(sink.requests().len(), 2, "once and next");
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_takes_nothing_stops_no_delivery() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    let more = "receipts = true\nwindow = 1";
    let relay = world.relay(&route("full", "fleet.>", &sink.url(), more)).await;
    fill_up(&world).await;
    for number in 0..3 {
        world.publish("fleet.a", &event(&format!("e{number}"))).await;
    }
    world.wait_for_settled("full").await;
    assert_eq!(sink.requests().len(), 3);
    let lost = "relay_outbound_receipts_lost_total{route=\"full\"}";
    poll_until(LONG, "the lost receipts", async || (relay.metric(lost) == Some(3.0)).then_some(()))
        .await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_was_deleted_is_made_again() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    let relay = world.relay(&route("gone", "fleet.>", &sink.url(), "receipts = true")).await;
    world.jetstream.delete_key_value(receipt::BUCKET).await.unwrap();
    world.publish("fleet.a", &event("e")).await;
    wait_for(&world, "e", "gone", Outcome::Delivered).await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_says_when_receipts_are_forgotten_too_early() {
    let mut world = World::start().await;
    let sink = CaptureSink::start().await;
    let text = route("aged", "fleet.>", &sink.url(), "receipts = true");
    let ask = async |world: &World| {
        let environment = world.environment().await;
        let streams = environment.bus_config.streams.clone();
        let context =
            CheckContext::new(environment.bus, streams, environment.secrets, environment.clock);
        let [events, retries, dead_letters] =
            ["EVENTS", "RETRIES", "DEAD_LETTERS"].map(str::to_owned);
        let names = StreamNames { events, retries, dead_letters };
        let checks = relay_outbound::checks(&config(&text), names, false);
        let check = checks.iter().find(|check| check.id() == "receipts").unwrap();
        check.run(&context).await.remove(0)
    };
    assert_eq!(ask(&world).await.status, Status::Skip);
    world.events.duplicate_window = Some(Duration::from_secs(60));
    let relay = world.relay(&text).await;
    assert_eq!(ask(&world).await.status, Status::Pass);
    relay.stop().await;
    world.events.duplicate_window = Some(Duration::from_secs(120));
    let found = ask(&world).await;
    assert_eq!((found.status, found.code), (Status::Warn, Some("EB0219")));
    assert_eq!(found.message, "receipts are kept for 1m, and events are known for 2m");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_that_holds_is_known_for_longer_than_receipts_are_kept() {
    let mut world = World::start().await;
    let kept = Duration::from_secs(2);
    world.events.duplicate_window = Some(kept);
    let sink = CaptureSink::start().await;
    sink.stop().await;
    let relay = world.relay(&route("away", "fleet.>", &sink.url(), "receipts = true")).await;
    for number in 0..10 {
        world.publish("fleet.a", &event(&format!("e{number}"))).await;
    }
    let bucket = world.jetstream.get_key_value(receipt::BUCKET).await.unwrap();
    let since = async |earliest: Option<OffsetDateTime>| {
        poll_until(LONG, "the state of the route", async || {
            let entry = bucket.entry(receipt::route_key("away")).await.unwrap()?;
            let state: RouteReceipt = serde_json::from_slice(&entry.value).ok()?;
            let is_new = earliest.is_none_or(|earliest| entry.created > earliest);
            (!state.delivers && is_new).then_some(entry.created)
        })
        .await
    };
    let first = since(None).await;
    since(Some(first + 2 * kept)).await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filtered_event_is_told_as_soon_as_the_bucket_is_back() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    for (name, more) in
        [("typed", "types = [\"com.example.other\"]"), ("judged", "filter = \"id == ''\"")]
    {
        let more = format!("receipts = true\n{more}");
        let relay = world.relay(&route(name, "fleet.>", &sink.url(), &more)).await;
        world.jetstream.delete_key_value(receipt::BUCKET).await.unwrap();
        world.publish("fleet.a", &event(name)).await;
        wait_for(&world, name, name, Outcome::Filtered).await;
        relay.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_read_is_told_to_be_a_dead_letter() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    let relay = world.relay(&route("broken", "fleet.>", &sink.url(), "receipts = true")).await;
    let (headers, _) = nats::encode_structured(&event("b \u{20ac}"));
    world.publish_raw("fleet.a", headers, Bytes::from_static(b"{")).await;
    let receipt = wait_for(&world, "b \u{20ac}", "broken", Outcome::DeadLettered).await;
    assert!(!receipt.detail.is_empty());
    world.wait_for_dead_letters(1).await;
    relay.stop().await;
}
