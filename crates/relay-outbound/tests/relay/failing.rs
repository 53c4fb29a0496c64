use std::ops::ControlFlow;
use std::time::Duration;

use bytes::Bytes;
use event_bus_core::delivery::DeadLetterReason;
use event_bus_core::event::nats;
use event_bus_core::wire::{Attempts, Origin, Retry, header};
use event_bus_runtime::Bus;
use relay_outbound::StreamNames;
use relay_outbound::dead_letters::{DeadLetters, Entry, Selection};
use testkit::{CaptureSink, Reply, Script};

use crate::world::{LONG, World, event, route};

async fn dead_letters(world: &World) -> DeadLetters {
    let bus: Bus = world.environment().await.bus;
    let names = StreamNames {
        events: "EVENTS".into(),
        retries: "RETRIES".into(),
        dead_letters: "DEAD_LETTERS".into(),
    };
    DeadLetters::new(bus, names)
}

async fn all(letters: &DeadLetters) -> Vec<Entry> {
    let mut entries = Vec::new();
    let collect = |entry| {
        entries.push(entry);
        ControlFlow::Continue(())
    };
    letters.visit(&Selection::default(), collect).await.unwrap();
    entries
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_fails_is_tried_again_by_the_schedule_and_delivered_once() {
    let world = World::start().await;
    let sink = CaptureSink::scripted(Script::statuses([500, 500, 500, 200])).await;
    let retry = "retry = { attempts = 5, schedule = [\"0s\", \"200ms\", \"400ms\", \"800ms\"] }";
    let relay = world.relay(&route("hooks", "fleet.>", &sink.url(), retry)).await;
    world.publish("fleet.a", &event("one")).await;
    let requests = sink.wait_for(4, LONG).await;
    let gaps: Vec<_> = requests.windows(2).map(|pair| pair[1].at - pair[0].at).collect();
    for (gap, least) in gaps.iter().zip([160, 320, 640]) {
        assert!(*gap >= Duration::from_millis(least), "{gaps:?}");
    }
    let ids: Vec<_> =
        requests.iter().map(|request| request.header("webhook-id").unwrap().to_owned()).collect();
    assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "every attempt has the same id");
    world.wait_for_no_retries().await;
    assert_eq!(sink.count(), 4);
    assert_eq!(world.messages("DEAD_LETTERS").await, 0);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_always_fails_ends_in_the_dead_letters_and_can_be_redriven() {
    let world = World::start().await;
    let sink = CaptureSink::scripted(Script::always(500)).await;
    let relay = world.relay(&route("hooks", "fleet.>", &sink.url(), "")).await;
    let sent = event("one");
    let sequence = world.publish("fleet.a", &sent).await;
    world.wait_for_dead_letters(1).await;
    assert_eq!(sink.count(), 3);
    let letters = dead_letters(&world).await;
    let entry = &all(&letters).await[0];
    assert_eq!(entry.subject, "dead.hooks.fleet.a");
    assert_eq!(entry.letter.reason, DeadLetterReason::Exhausted);
    assert_eq!((entry.letter.status, entry.letter.attempts.made), (Some(500), 3));
    assert!(entry.letter.attempts.first < entry.letter.attempts.last);
    assert_eq!(
        (entry.letter.origin.sequence, entry.letter.origin.subject.as_str()),
        (sequence, "fleet.a")
    );
    assert_eq!(entry.payload, sent.to_structured());
    assert_eq!(entry.headers.get("ce-id").map(|value| value.as_str()), Some("one"));
    assert!(entry.headers.get("Nats-Scheduler").is_none());

    // It fails once more in all its attempts, and is a dead letter again, not swallowed as a duplicate.
    letters.redrive(entry).await.unwrap();
    world.wait_for_dead_letters(1).await;
    assert_eq!(sink.count(), 6);

    sink.set_script(Script::always(200));
    letters.redrive(&all(&letters).await[0]).await.unwrap();
    sink.wait_for(7, LONG).await;
    world.wait_for_no_retries().await;
    assert_eq!(world.messages("DEAD_LETTERS").await, 0);
    assert_eq!(sink.requests()[6].body, sent.to_structured());
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_answer_has_its_own_end() {
    let world = World::start().await;
    let sink =
        CaptureSink::scripted(Script::per_id(|id, _| Reply::status(id[1..].parse().unwrap())))
            .await;
    let relay = world.relay(&route("hooks", "fleet.>", &sink.url(), "")).await;
    let refused = [301, 400, 404, 405, 409, 413, 415, 418, 422];
    let tried_again = [401, 403, 408, 425, 429, 500, 503];
    for status in refused.iter().chain(&tried_again) {
        world.publish("fleet.a", &event(&format!("s{status}"))).await;
    }
    world.wait_for_dead_letters(u64::try_from(refused.len() + tried_again.len()).unwrap()).await;
    let letters = dead_letters(&world).await;
    for entry in all(&letters).await {
        let status = entry.letter.status.unwrap();
        let expected = if refused.contains(&status) {
            (DeadLetterReason::Refused, 1)
        } else {
            (DeadLetterReason::Exhausted, 3)
        };
        assert_eq!((entry.letter.reason, entry.letter.attempts.made), expected, "{status}");
    }
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_honoured_up_to_twice_the_wait() {
    let world = World::start().await;
    let busy = Reply::status(429).header("Retry-After", "3600");
    let sink = CaptureSink::scripted(Script::replies([busy, Reply::status(200)])).await;
    let retry = "retry = { attempts = 2, schedule = [\"0s\", \"500ms\"] }";
    let relay = world.relay(&route("hooks", "fleet.>", &sink.url(), retry)).await;
    world.publish("fleet.a", &event("one")).await;
    let requests = sink.wait_for(2, LONG).await;
    assert!(requests[1].at - requests[0].at >= Duration::from_secs(1));
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_event_is_kept_with_its_reason_and_harms_nobody() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    let relay = world.relay(&route("hooks", "fleet.>", &sink.url(), "")).await;
    let structured = vec![("Content-Type".into(), "application/cloudevents+json".to_owned())];
    for payload in [&b"not json"[..], b"{\"specversion\":\"1.0\"}", b"\xff\xfe", b""] {
        world.publish_raw("fleet.a", structured.clone(), Bytes::from_static(payload)).await;
        world.publish_raw("fleet.b", Vec::new(), Bytes::from_static(payload)).await;
    }
    world.publish("fleet.a", &event("good")).await;
    sink.wait_for(1, LONG).await;
    world.wait_for_dead_letters(8).await;
    let letters = dead_letters(&world).await;
    for entry in all(&letters).await {
        assert_eq!(entry.letter.reason, DeadLetterReason::Undecodable);
        assert!(!entry.letter.detail.is_empty());
    }
    assert_eq!(sink.count(), 1);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_at_the_servers_limit_is_retried_and_reaches_the_dead_letters() {
    let world = World::start().await;
    let sink = CaptureSink::scripted(Script::always(500)).await;
    let relay = world.relay(&route("hooks", "fleet.>", &sink.url(), "")).await;
    let limit = world.nats.connect().await.server_info().max_payload;
    let headers = vec![("Content-Type".into(), "application/cloudevents+json".to_owned())];
    let start =
        "{\"specversion\":\"1.0\",\"id\":\"big\",\"source\":\"/s\",\"type\":\"t\",\"data\":\"";
    let filler = "x".repeat(limit - start.len() - 2 - 200);
    let payload = Bytes::from(format!("{start}{filler}\"}}"));
    world.publish_raw("fleet.a", headers, payload.clone()).await;
    sink.wait_for(3, LONG).await;
    assert!(sink.requests().iter().all(|request| request.body == payload));
    world.wait_for_dead_letters(1).await;

    sink.set_script(Script::always(200));
    let letters = dead_letters(&world).await;
    letters.redrive(&all(&letters).await[0]).await.unwrap();
    assert_eq!(sink.wait_for(4, LONG).await[3].body, payload);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_event_in_five_that_fails_does_not_delay_the_others() {
    let world = World::start().await;
    let script = Script::per_id(|id, _| {
        let number: u32 = id[1..].parse().unwrap();
        Reply::status(if number.is_multiple_of(5) { 500 } else { 200 })
    });
    let sink = CaptureSink::scripted(script).await;
    let retry = "retry = { attempts = 3, schedule = [\"0s\", \"1h\"] }\nwindow = 4";
    let relay = world.relay(&route("hooks", "fleet.>", &sink.url(), retry)).await;
    for number in 0..100 {
        world.publish("fleet.a", &event(&format!("e{number}"))).await;
    }
    // Twenty events wait for an hour; a window of four would long be full if they waited in it.
    sink.wait_for(100, LONG).await;
    testkit::poll_until(LONG, "the answers", async || (sink.accepted().len() == 80).then_some(()))
        .await;
    testkit::poll_until(LONG, "the retries", async || {
        (world.messages("RETRIES").await == 20).then_some(())
    })
    .await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_fails_again_after_its_route_was_removed_is_not_taken_for_a_duplicate() {
    let world = World::start().await;
    let sink = CaptureSink::scripted(Script::always(500)).await;
    let text = route(
        "hooks",
        "fleet.>",
        &sink.url(),
        "retry = { attempts = 2, schedule = [\"0s\", \"1h\"] }",
    );
    let relay = world.relay(&text).await;
    world.publish("fleet.a", &event("one")).await;
    testkit::poll_until(LONG, "its retry", async || {
        (world.messages("RETRIES").await == 1).then_some(())
    })
    .await;
    relay.stop().await;
    let names = StreamNames {
        events: "EVENTS".into(),
        retries: "RETRIES".into(),
        dead_letters: "DEAD_LETTERS".into(),
    };
    let bus = world.environment().await.bus;
    assert_eq!(relay_outbound::routes::remove(&bus, &names, "hooks").await.unwrap(), Some(1));
    let relay = world.relay(&text).await;
    testkit::poll_until(LONG, "its retry again", async || {
        (world.messages("RETRIES").await == 1).then_some(())
    })
    .await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redriven_event_is_delivered_whatever_the_route_subscribes_to_now() {
    let world = World::start().await;
    let sink = CaptureSink::scripted(Script::always(400)).await;
    let relay = world.relay(&route("hooks", "fleet.a", &sink.url(), "")).await;
    world.publish("fleet.a", &event("one")).await;
    world.wait_for_dead_letters(1).await;
    relay.stop().await;
    sink.set_script(Script::always(200));
    let relay = world
        .relay(&route("hooks", "fleet.b", &sink.url(), "filter = \"data.id == 'other'\""))
        .await;
    let letters = dead_letters(&world).await;
    letters.redrive(&all(&letters).await[0]).await.unwrap();
    testkit::poll_until(LONG, "its acceptance", async || {
        (sink.accepted().get("one") == Some(&1)).then_some(())
    })
    .await;
    assert_eq!(sink.count(), 2);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_attempt_waits_if_the_schedule_says_so() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    let relay = world
        .relay(&route("hooks", "fleet.>", &sink.url(), "retry = { schedule = [\"2s\"] }"))
        .await;
    let sent = tokio::time::Instant::now();
    world.publish("fleet.a", &event("one")).await;
    let requests = sink.wait_for(1, LONG).await;
    assert!(requests[0].at - sent.into_std() >= Duration::from_millis(1500));
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_wait_fills_no_more_than_the_budget_of_retries() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    let more = "retry = { schedule = [\"1h\"], max_bytes = \"20KB\" }\nwindow = 8";
    let relay = world.relay(&route("hooks", "fleet.>", &sink.url(), more)).await;
    for number in 0..200 {
        world.publish("fleet.a", &event(&format!("e{number}"))).await;
    }
    testkit::poll_until(LONG, "the window to be full of what waits", async || {
        let stream = world.jetstream.get_stream("EVENTS").await.ok()?;
        (stream.consumer_info("hooks").await.ok()?.num_ack_pending == 8).then_some(())
    })
    .await;
    testkit::poll_until(LONG, "the budget to be used up", async || {
        (world.messages("RETRIES").await >= 10).then_some(())
    })
    .await;
    // Longer than the relay would take for the rest, and than a look at the budget.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let stored = world.messages("RETRIES").await;
    assert!(stored < 60, "{stored} retries of about 1 KB each");
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_is_not_taken_from_another_event_that_has_its_place() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    let relay = world.relay(&route("hooks", "fleet.a", &sink.url(), "")).await;
    let sequence = world.publish("fleet.a", &event("other")).await;
    sink.wait_for(1, LONG).await;
    let (mut headers, _) = nats::encode_structured(&event("lost"));
    let record = Retry {
        route: "hooks".to_owned(),
        origin: Origin { stream: "EVENTS".to_owned(), sequence, subject: "fleet.a".to_owned() },
        attempts: Attempts::default(),
        not_before: None,
    };
    let record = record
        .headers()
        .into_iter()
        .chain([(header::PAYLOAD, header::PAYLOAD_AT_ORIGIN.to_owned())]);
    headers.extend(record.map(|(name, value)| (name.into(), value)));
    world.publish_raw("retry.hooks", headers, Bytes::new()).await;
    world.wait_for_dead_letters(1).await;
    assert_eq!(sink.count(), 1, "the other event must not be delivered in its place");
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_delivered_over_and_over_and_never_settled_is_parked_untried() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    let text = route("hooks", "fleet.>", &sink.url(), "");
    world.relay(&text).await.stop().await;
    world.publish("fleet.a", &event("one")).await;
    // What a relay looks like to the server that is killed by the event each time.
    let client = world.nats.connect().await;
    let mut deliveries =
        client.queue_subscribe("deliver.EVENTS.hooks", "hooks".to_owned()).await.unwrap();
    for number in 0..501 {
        let delivery = futures_util::StreamExt::next(&mut deliveries).await.unwrap();
        if number == 500 {
            // The last one must come to the relay, and not to a subscription that nobody reads.
            deliveries.unsubscribe().await.unwrap();
            client.flush().await.unwrap();
        }
        client.publish(delivery.reply.unwrap(), "-NAK".into()).await.unwrap();
    }
    client.flush().await.unwrap();
    let relay = world.relay(&text).await;
    world.wait_for_dead_letters(1).await;
    let letters = dead_letters(&world).await;
    let letter = &all(&letters).await[0].letter;
    assert_eq!((letter.reason, letter.attempts.made), (DeadLetterReason::Crashing, 0));
    assert_eq!(sink.count(), 0);
    relay.stop().await;
}
