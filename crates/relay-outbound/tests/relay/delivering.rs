use event_bus_core::event::{Event, http as http_binding};
use event_bus_core::key::EventKey;
use http::HeaderMap;
use testkit::{CaptureSink, CapturedRequest};

use crate::world::{LONG, World, event, route};

fn headers_of(request: &CapturedRequest) -> HeaderMap {
    request.headers.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_structured_body_is_byte_identical_to_the_message_on_the_stream() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    let relay = world.relay(&route("hooks", "fleet.>", &sink.url(), "")).await;
    let spaced = b" {\"specversion\" : \"1.0\", \"id\":\"x\\u0031\",\"source\":\"/s\",\"type\":\"t\",\"data\":{ \"a\" : 1.00 } }\n";
    let headers = vec![("Content-Type".into(), "application/cloudevents+json".to_owned())];
    world.publish_raw("fleet.a", headers, bytes::Bytes::from_static(spaced)).await;
    let requests = sink.wait_for(1, LONG).await;
    assert_eq!(requests[0].body, &spaced[..]);
    assert_eq!(
        requests[0].header("content-type"),
        Some("application/cloudevents+json; charset=utf-8")
    );
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn binary_mode_carries_equal_attributes() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    let url = sink.url();
    let text = format!(
        "[[outbound.routes]]\nname = \"hooks\"\nsubjects = [\"fleet.>\"]\nsink.webhook = {{ url = \"{url}\", mode = \"binary\" }}\n"
    );
    let relay = world.relay(&text).await;
    let sent = event("one");
    world.publish("fleet.a", &sent).await;
    let requests = sink.wait_for(1, LONG).await;
    let decoded =
        http_binding::decode(&headers_of(&requests[0]), requests[0].body.clone()).unwrap();
    let traceparent = requests[0].header("traceparent");
    assert_eq!(traceparent, Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
    assert_eq!(decoded, http_binding::Decoded::Single(Box::new(sent)));
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_signed_by_every_secret_over_the_bytes_that_were_sent() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    let url = sink.url();
    let secrets = "secrets = [{ env = \"SIGNING\" }, { env = \"SIGNING\" }]";
    let text = format!(
        "[[outbound.routes]]\nname = \"hooks\"\nsubjects = [\"fleet.>\"]\nsink.webhook = {{ url = \"{url}\", {secrets} }}\n"
    );
    let relay = world.relay(&text).await;
    let sent = event("one");
    world.publish("fleet.a", &sent).await;
    let request = &sink.wait_for(1, LONG).await[0];
    let id = request.header("webhook-id").unwrap();
    assert_eq!(id, EventKey::of(&sent).message_id());
    let timestamp: i64 = request.header("webhook-timestamp").unwrap().parse().unwrap();
    let secret =
        event_bus_core::signature::SigningSecret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let expected = event_bus_core::signature::sign::standard_webhooks(
        &[secret.clone(), secret],
        id,
        timestamp,
        &request.body,
    );
    assert_eq!(request.header("webhook-signature"), Some(expected.unwrap().as_str()));
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_passes_subjects_types_and_filter_is_delivered() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    let more = "types = [\"com.example.*\"]\nfilter = \"data.id != 'b' && data.missing != 1\"";
    let relay = world
        .relay(&route("hooks", "fleet.wanted", &sink.url(), "filter = \"data.id != 'b'\""))
        .await;
    let narrow = world.relay(&route("narrow", "fleet.wanted", &sink.url(), more)).await;
    world.publish("fleet.other", &event("a")).await;
    world.publish("fleet.wanted", &event("b")).await;
    world.publish("fleet.wanted", &event("c")).await;
    world.wait_for_settled("hooks").await;
    world.wait_for_settled("narrow").await;
    let ids: Vec<_> = sink.requests().iter().filter_map(CapturedRequest::event_id).collect();
    assert_eq!(ids, ["c"]);
    narrow.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_route_begins_where_its_start_says() {
    let world = World::start().await;
    let (all, new) = (CaptureSink::start().await, CaptureSink::start().await);
    let first = world.relay(&route("all", "fleet.>", &all.url(), "start = \"all\"")).await;
    world.publish("fleet.a", &event("old")).await;
    all.wait_for(1, LONG).await;
    let second = world.relay(&route("new", "fleet.>", &new.url(), "start = \"new\"")).await;
    testkit::poll_until(LONG, "the new route", async || {
        world.jetstream.get_stream("EVENTS").await.ok()?.consumer_info("new").await.ok()
    })
    .await;
    world.publish("fleet.a", &event("young")).await;
    let requests = new.wait_for(1, LONG).await;
    assert_eq!(requests[0].event_id().as_deref(), Some("young"));
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_share_the_work_and_none_delivers_twice() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    let text = route("hooks", "fleet.>", &sink.url(), "");
    let replicas = [world.relay(&text).await, world.relay(&text).await];
    for number in 0..200 {
        world.publish("fleet.a", &event(&format!("e{number}"))).await;
    }
    world.wait_for_settled("hooks").await;
    assert_eq!(sink.arrived().len(), 200);
    assert!(sink.arrived().values().all(|count| *count == 1));
    let delivered =
        "relay_outbound_deliveries_total{route=\"hooks\",sink=\"webhook\",outcome=\"delivered\"}";
    assert!(
        replicas.iter().all(|replica| replica.metric(delivered).is_some_and(|count| count > 0.0)),
        "one replica did all the work"
    );
    for replica in replicas {
        replica.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_in_binary_mode_from_another_publisher_is_delivered() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    let relay = world.relay(&route("hooks", "fleet.>", &sink.url(), "")).await;
    let (headers, payload) = event_bus_core::event::nats::encode_binary(&event("one"));
    world.publish_raw("fleet.a", headers, payload).await;
    let request = &sink.wait_for(1, LONG).await[0];
    assert_eq!(Event::from_structured(request.body.clone()).unwrap(), event("one"));
    relay.stop().await;
}
