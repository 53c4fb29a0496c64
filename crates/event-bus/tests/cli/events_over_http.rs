//! `publish --to`: through `POST /events` of an inbound.

use serde_json::{Value, json};
use testkit::{CaptureSink, Reply, Script};

use crate::world::{LONG, World};

const STORED: &str =
    r#"{"id":"1","subject":"fleet.made","stream":"EVENTS","seq":7,"duplicate":false}"#;

fn with_events(world: &World) {
    let file = world.folder.path().join("bearer");
    let events = format!(
        "[inbound.events]\nauth = {{ bearer = [{{ file = {file:?} }}] }}\nsubject = 'fleet.{{type}}'\n"
    );
    world.write(&events, "");
}

async fn publish(world: &World, url: &str, more: &[&str]) -> testkit::process::Output {
    let event = ["publish", "--to", url, "--type", "com.example.made", "--id", "1", "--json"];
    world.run(&[&event, more].concat()).await
}

#[tokio::test]
async fn an_event_goes_through_an_inbound() {
    let world = World::start("").await;
    with_events(&world);
    let service = world.serve_inbound().await;
    let url = format!("http://{}/events", world.inbound);
    let token = world.folder.path().join("bearer");
    let token = token.to_str().unwrap();
    for duplicate in [false, true] {
        let more = ["--token-file", token, "--data", "{\"n\": 1.0}", "--subject", "thing"];
        let output = publish(&world, &url, &more).await;
        assert_eq!(output.code(), Some(0), "{}", output.stderr);
        let answer: Value = serde_json::from_str(&output.stdout).unwrap();
        let expected = json!({
            "id": "1", "subject": "fleet.made", "stream": "EVENTS", "seq": 1, "duplicate": duplicate,
        });
        assert_eq!(answer, expected);
    }
    let stream = world.nats.jetstream().await.get_stream("EVENTS").await.unwrap();
    let message = stream.get_raw_message(1).await.unwrap();
    let stored = String::from_utf8(message.payload.to_vec()).unwrap();
    assert!(
        stored.contains("{\"n\": 1.0}") && stored.contains("\"subject\":\"thing\""),
        "{stored}"
    );

    for (more, expected) in [
        (&[][..], "the inbound refuses the event with 401"),
        (&["--token-file", "/gone"], "/gone cannot be read"),
        (&["--token-file", "/dev/null"], "/dev/null holds no token"),
        (&["--token-file", token, "--nats-subject", "fleet.x"], "cannot be used with"),
        (&["--token-file", token, "--source", "not a uri"], "is not a URI-reference"),
    ] {
        let output = publish(&world, &url, more).await;
        assert_eq!(output.code(), Some(64), "{more:?}\n{}", output.stderr);
        assert!(output.stderr.contains(expected), "{more:?}\n{}", output.stderr);
    }
    world.assert_silent_about_secrets();
    world.stop(service).await;
}

#[tokio::test]
async fn what_the_inbound_cannot_store_now_is_sent_again_under_the_same_id() {
    let world = World::start("").await;
    let script = [
        Reply::status(503).header("Retry-After", "1"),
        Reply::Reset,
        Reply::status(202).body(STORED),
    ];
    let inbound = CaptureSink::scripted(Script::replies(script)).await;
    let output = publish(&world, &inbound.url(), &[]).await;
    assert_eq!(output.code(), Some(0), "{}", output.stderr);
    assert_eq!(output.stdout.trim(), STORED);
    let ids: Vec<_> = inbound.requests().iter().map(|request| request.event_id()).collect();
    assert_eq!(ids, vec![Some("1".to_owned()); 3]);
    assert_eq!(inbound.requests()[0].body, inbound.requests()[2].body);
}

#[tokio::test]
async fn an_inbound_that_never_stores_ends_the_command_in_time() {
    let world = World::start("").await;
    for (reply, expected) in [
        (
            Reply::status(503).body(r#"{"title":"Bus away","detail":"\u001b[2Jno"}"#),
            "Bus away:  [2Jno",
        ),
        (Reply::Hang, "did not answer in time"),
        (Reply::Reset, "does not answer"),
        (Reply::status(200).body("<html>"), "is not that of an inbound"),
        (Reply::status(302).header("Location", "/x"), "refuses the event with 302"),
    ] {
        let inbound = CaptureSink::scripted(Script::reply(reply)).await;
        let started = std::time::Instant::now();
        let output = publish(&world, &inbound.url(), &["--timeout", "2s"]).await;
        assert!(matches!(output.code(), Some(1 | 64)), "{}", output.stderr);
        assert!(output.stderr.contains(expected), "{}", output.stderr);
        assert!(started.elapsed() < LONG);
    }
}
