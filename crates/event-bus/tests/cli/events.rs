//! `publish` and `listen`.

use serde_json::json;

use crate::world::{LONG, World, json_lines};

#[tokio::test]
async fn a_published_event_is_shown_to_whoever_listens() {
    let world = World::start("").await;
    let service = world.serve_inbound().await;
    let all = world.event_bus(&["listen", "--limit", "2", "--json"]).spawn();
    let filtered = world
        .event_bus(&[
            "listen",
            "--type",
            "com.example.*",
            "--filter",
            "data.n > 1",
            "--limit",
            "1",
            "--data",
        ])
        .spawn();
    for listening in [&all, &filtered] {
        listening.wait_for_text("listening to", LONG).await;
    }
    let published = world
        .json(&[
            "publish",
            "--type",
            "com.example.made",
            "--source",
            "/a",
            "--id",
            "1",
            "--subject",
            "thing",
            "--data",
            "{\n \"n\": 1\n}",
            "--extension",
            "traceid=x",
        ])
        .await;
    let expected = json!({
        "id": "1", "subject": "fleet.publish.made", "stream": "EVENTS", "seq": 1, "duplicate": false,
    });
    assert_eq!(published[0], expected);
    let second = ["publish", "--type", "com.example.made", "--id", "2", "--data", "{\"n\":2}"];
    assert_eq!(world.run(&second).await.code(), Some(0));
    let again = world.json(&second).await;
    assert_eq!((&again[0]["seq"], &again[0]["duplicate"]), (&json!(2), &json!(true)));

    let all = all.output(LONG).await;
    let events = json_lines(&all.stdout);
    assert_eq!((all.code(), events.len()), (Some(0), 2));
    let event = &events[0]["event"];
    assert_eq!(
        (&event["id"], &event["data"]["n"], &event["traceid"]),
        (&json!("1"), &json!(1), &json!("x"))
    );
    assert_eq!(events[0]["subject"], "fleet.publish.made");
    let filtered = filtered.output(LONG).await;
    assert!(filtered.stdout.contains("fleet.publish.made com.example.made"), "{}", filtered.stdout);
    assert!(filtered.stdout.ends_with("{\"n\":2}\n"), "{}", filtered.stdout);

    let past =
        world.json(&["listen", "--since", "all", "--limit", "1", "--source", "/event-bus/*"]).await;
    assert_eq!(past[0]["event"]["id"], "2");
    world.stop(service).await;
}

#[tokio::test]
async fn an_event_that_is_none_is_refused_before_it_is_sent() {
    let world = World::start("").await;
    let service = world.serve_inbound().await;
    let event = ["publish", "--type", "com.example.x"];
    for (more, expected) in [
        (&["--source", "not a uri"][..], "the attribute `source` is not a URI-reference"),
        (&["--id", ""], "the attribute `id` is empty"),
        (&["--extension", "Not-Valid=1"], "is not an attribute name"),
        (
            &["--data", "{", "--content-type", "application/json"],
            "the data is not application/json",
        ),
        (&["--content-type", "nonsense", "--data", "x"], "is not a media type"),
        (&["--nats-subject", "fleet.*"], "without wildcards"),
        (&["--nats-subject", "other.x"], "the stream of events holds fleet.>, doctor.> only"),
        (&["--nats-subject", "doctor.x"], "the doctor's own events"),
        (&["--data-file", "/gone"], "/gone cannot be read"),
    ] {
        let output = world.run(&[&event, more].concat()).await;
        assert_eq!(output.code(), Some(64), "{more:?}\n{}", output.stderr);
        assert!(output.stderr.contains(expected), "{more:?}\n{}", output.stderr);
    }
    let large = world.folder.path().join("large");
    std::fs::write(&large, "x".repeat(1 << 20)).unwrap();
    let output = world.run(&[&event, &["--data-file", large.to_str().unwrap()][..]].concat()).await;
    assert_eq!(output.code(), Some(64), "{}", output.stderr);
    assert!(output.stderr.contains("the broker takes"), "{}", output.stderr);
    let events = world.nats.jetstream().await.get_stream("EVENTS").await.unwrap();
    assert_eq!(events.cached_info().state.messages, 0);
    world.stop(service).await;
}

/// As in `event-bus listen | head -n 1`.
#[tokio::test]
async fn a_reader_that_goes_away_ends_a_command_quietly() {
    let world = World::start("").await;
    let service = world.serve_inbound().await;
    for id in ["1", "2", "3", "4", "5"] {
        let published = world.run(&["publish", "--type", "com.example.x", "--id", id]).await;
        assert_eq!(published.code(), Some(0));
    }
    let script = format!(
        "{{ {} listen --since all --config {} ; echo \"code $?\" >&2; }} | head -n 1",
        env!("CARGO_BIN_EXE_event-bus"),
        world.config().display()
    );
    let running = testkit::Bin::at("/bin/sh").args(["-c", &script]).spawn();
    // The command notices at the next event that nobody reads.
    testkit::poll_until(LONG, "the command to end", async || {
        world.run(&["publish", "--type", "com.example.x"]).await;
        running.stderr().contains("code").then_some(())
    })
    .await;
    let output = running.output(LONG).await;
    assert!(output.stderr.contains("code 0"), "{}", output.stderr);
    assert!(!output.stderr.contains("event-bus:") && !output.stderr.contains("panicked"));
    assert_eq!(output.stdout.lines().count(), 1);
    world.stop(service).await;
}

#[tokio::test]
async fn a_tail_goes_on_when_the_broker_was_restarted() {
    let world = World::start("").await;
    let service = world.serve_inbound().await;
    let tail = world.event_bus(&["listen", "--limit", "2", "--json"]).spawn();
    tail.wait_for_text("listening to", LONG).await;
    let publish = ["publish", "--type", "com.example.x", "--timeout", "30s", "--id"];
    world.json(&[&publish[..], &["before"]].concat()).await;
    tail.wait_for_text("before", LONG).await;
    world.nats.restart().await;
    world.json(&[&publish[..], &["after"]].concat()).await;
    let output = tail.output(LONG).await;
    let ids: Vec<_> =
        json_lines(&output.stdout).iter().map(|line| line["event"]["id"].clone()).collect();
    assert_eq!(ids, ["before", "after"], "{}", output.stderr);
    world.stop(service).await;
}
