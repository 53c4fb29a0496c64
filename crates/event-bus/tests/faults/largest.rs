use testkit::{CaptureSink, NatsServer, Script, poll_until};

use crate::world::{LONG, World, route};

/// A body of that size: JSON with a long string.
fn body(size: usize) -> String {
    let frame = "{\"repository\":{\"url\":\"https://api.github.com/repos/o/r\"},\"fill\":\"\"}";
    frame.replace("\"\"", &format!("\"{}\"", "x".repeat(size - frame.len())))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_admitted_event_reaches_the_dead_letters_in_both_encodings() {
    let server = NatsServer::start().await;
    let sink = CaptureSink::scripted(Script::always(500)).await;
    let world = World::new(&format!("url = {:?}", server.url()), &route("hooks", &sink.url(), 2));
    let (_inbound, _relay) = (world.start("serve-inbound"), world.start("relay-outbound"));
    poll_until(LONG, "a first webhook to be taken", async || {
        world.send("first").await.filter(|answer| answer.status == 202)
    })
    .await;

    for source in ["github", "verbatim"] {
        let mut size = 3_000_000;
        // Each refusal names the limit: first that of any body, then that of this one in its envelope.
        let taken = loop {
            let answer = world.send_to(source, source, &body(size)).await.expect("an answer");
            if answer.status != 413 {
                break answer;
            }
            let limit = answer.json()["limit"].as_u64().expect("a limit");
            size = usize::try_from(limit).expect("a size").min(size - 1);
        };
        assert_eq!(taken.status, 202, "{source}: {}", taken.text());
    }

    let jetstream = server.jetstream().await;
    poll_until(LONG, "three dead letters", async || {
        let stream = jetstream.get_stream("DEAD_LETTERS").await.ok()?;
        (stream.cached_info().state.messages == 3).then_some(())
    })
    .await;
    let (events, letters) = (
        jetstream.get_stream("EVENTS").await.expect("the stream"),
        jetstream.get_stream("DEAD_LETTERS").await.expect("the stream"),
    );
    let mut largest = 0;
    for sequence in 1..=3 {
        let letter = letters.get_raw_message(sequence).await.expect("a dead letter");
        assert!(
            letter.headers.get("Event-Bus-Payload").is_none(),
            "it was stored without its payload"
        );
        let origin = letter.headers.get("Event-Bus-Origin-Sequence").expect("an origin");
        let event = events
            .get_raw_message(origin.as_str().parse().expect("a number"))
            .await
            .expect("the event");
        assert_eq!(letter.payload, event.payload);
        largest = largest.max(event.payload.len());
    }
    assert!(largest > 1_020_000, "the largest event has {largest} bytes only");
}
