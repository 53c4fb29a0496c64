//! The URL of a hook is in no log, no error and no debug output.

use std::io::Write;
use std::sync::{Arc, Mutex};

use event_bus_core::Chain;
use event_bus_core::event::Event;
use testkit::Reply;
use tracing_subscriber::fmt::MakeWriter;

use crate::stub::{SECRET_PATH, Slack, error, ok};
use crate::workshop::Workshop;
use crate::world::{World, event};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn assert_kept(text: &str) {
    for part in [SECRET_PATH, "B00000000", "hush"] {
        assert!(!text.contains(part), "{text}");
    }
}

/// Everything that can go wrong at Slack, one answer after the other.
fn replies() -> Vec<Reply> {
    let echo = "/services/T00000000/B00000000/XXXXhushXXXX was not found";
    vec![
        error(400, "invalid_blocks"),
        error(400, echo),
        error(404, echo),
        error(500, "rollup_error"),
        error(429, "rate_limited"),
        Reply::status(302).header("Location", &format!("/{SECRET_PATH}")),
        Reply::Reset,
        error(410, "channel_is_archived"),
    ]
}

#[tokio::test]
async fn no_error_of_a_delivery_holds_the_url() {
    let slack = Slack::start().await;
    let workshop = Workshop::open([("HOOK", &*slack.hook())]).await;
    let sink =
        workshop.build("sink.slack = { url = { env = \"HOOK\" }, timeout = \"1s\" }").unwrap();
    let event = Event::builder("1", "/s", "t").build().unwrap();
    for reply in replies() {
        slack.answer(move |_| reply.clone());
        let error = sink.deliver(std::slice::from_ref(&event)).await.remove(0).unwrap_err();
        assert_kept(&format!("{} {error:?}", Chain(&error)));
    }
    slack.sink.stop().await;
    let error = sink.deliver(std::slice::from_ref(&event)).await.remove(0).unwrap_err();
    assert_kept(&format!("{} {error:?} {sink:?}", Chain(&error)));
    for url in [format!("http://example.com/{SECRET_PATH}"), format!("ftp://h/{SECRET_PATH}")] {
        let workshop = Workshop::open([("HOOK", &*url)]).await;
        let error = workshop.build("sink.slack = { url = { env = \"HOOK\" } }").unwrap_err();
        assert_kept(&format!("{} {error:?}", Chain(&error)));
    }
}

#[tokio::test]
async fn a_relay_logs_what_went_wrong_and_not_the_url() {
    let slack = Slack::start().await;
    slack.answer(|text| if text == "bad" { error(400, "invalid_blocks") } else { ok() });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hook");
    std::fs::write(&file, slack.hook()).unwrap();
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(lines.clone())
        .finish();
    // The runtime of this test has one thread, so this is the subscriber of every task in it.
    let _guard = tracing_subscriber::util::SubscriberInitExt::set_default(subscriber);
    let world = World::start().await;
    let relay = world
        .relay(&format!(
            "[[outbound.routes]]\nname = \"slack\"\nsubjects = [\"fleet.>\"]\n\
             sink.slack = {{ url = {{ file = {file:?} }}, text = \"{{id}}\" }}\n"
        ))
        .await;
    world.publish("fleet.a", &event("good")).await;
    world.publish("fleet.a", &event("bad")).await;
    world.wait_for_dead_letters(1).await;
    slack.answer(|_| error(404, "no_service"));
    world.publish("fleet.a", &event("another")).await;
    let state = "relay_outbound_route_state{route=\"slack\"}";
    testkit::poll_until(crate::world::LONG, "the route to be disabled", async || {
        (relay.metric(state) == Some(2.0)).then_some(())
    })
    .await;
    relay.stop().await;
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_kept(&text);
    assert!(text.contains("slack answered 400: invalid_blocks"), "{text}");
    assert!(text.contains("slack answered 404: no_service"), "{text}");
}
