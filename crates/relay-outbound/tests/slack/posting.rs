//! What is posted, and how fast.

use std::time::{Duration, Instant};

use bytes::Bytes;
use event_bus_core::Chain;
use event_bus_core::delivery::{DeliveryError, Disposition};
use event_bus_core::event::{Data, Event};
use futures_util::FutureExt as _;
use relay_outbound::sinks::Sink;
use serde_json::{Value, json};
use testkit::{CaptureSink, free_port, poll_until};

use crate::stub::{Slack, error, ok, text};
use crate::workshop::Workshop;
use crate::world::{LONG, World, event as numbered};

fn event(data: &Value) -> Event {
    Event::builder("1", "/s", "com.example.made")
        .data(Data::Json(Bytes::from(data.to_string())))
        .build()
        .unwrap()
}

async fn sink(slack: &Slack, more: &str) -> Box<dyn Sink> {
    let workshop = Workshop::open([("HOOK", &*slack.hook())]).await;
    workshop.build(&format!("sink.slack = {{ url = {{ env = \"HOOK\" }}{more} }}")).unwrap()
}

async fn deliver(sink: &dyn Sink, data: &Value) -> Result<(), DeliveryError> {
    sink.deliver(&[event(data)]).await.remove(0)
}

#[tokio::test]
async fn what_an_event_holds_cannot_mention_anybody() {
    let slack = Slack::start().await;
    let blocks = ", text = \"Merged: {data.title}\", blocks = [{ type = \"section\", \
                  text = { type = \"mrkdwn\", text = \"*{data.title}*\" } }]";
    let sink = sink(&slack, blocks).await;
    let title = "<!channel> & <https://evil.example|here> </b>";
    deliver(&*sink, &json!({ "title": title })).await.unwrap();
    let request = &slack.sink.requests()[0];
    let escaped = "&lt;!channel&gt; &amp; &lt;https://evil.example|here&gt; &lt;/b&gt;";
    let section = json!({ "type": "mrkdwn", "text": format!("*{escaped}*") });
    assert_eq!(
        request.json(),
        json!({
            "text": format!("Merged: {escaped}"),
            "blocks": [{ "type": "section", "text": section }],
        })
    );
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!((request.method.as_str(), &*request.path), ("POST", &*slack_path()));
}

fn slack_path() -> String {
    format!("/{}", crate::stub::SECRET_PATH)
}

#[tokio::test]
async fn a_missing_field_condemns_the_event_and_is_named() {
    let slack = Slack::start().await;
    let sink = sink(&slack, ", text = \"Merged: {data.pull_request.title}\"").await;
    for data in [json!({}), json!({ "pull_request": {} }), json!({ "pull_request": null })] {
        let error = deliver(&*sink, &data).await.unwrap_err();
        assert!(matches!(error, DeliveryError::Unencodable(_)), "{error:?}");
        assert!(Chain(&error).to_string().contains("{data.pull_request.title}"), "{error:?}");
    }
    assert_eq!(slack.sink.count(), 0);
}

#[tokio::test]
async fn a_text_that_is_too_long_is_cut() {
    let slack = Slack::start().await;
    let sink = sink(&slack, ", text = \"{data.long}\"").await;
    deliver(&*sink, &json!({ "long": "\u{1f600}".repeat(50_000) })).await.unwrap();
    let posted = slack.posted().remove(0);
    assert_eq!(posted.chars().count(), 40_000);
    assert!(posted.ends_with("\u{1f600}…"));
}

#[tokio::test]
async fn only_the_word_ok_is_a_success() {
    let slack = Slack::start().await;
    let sink = sink(&slack, "").await;
    for body in ["", "<html>ok</html>", "not_ok"] {
        slack.answer(move |_| error(200, body));
        let error = deliver(&*sink, &json!({})).await.unwrap_err();
        assert_eq!(error.disposition(), Disposition::Retry { after: None }, "{body}");
    }
}

#[tokio::test]
async fn routes_of_one_hook_share_its_pace_and_a_wait_that_slack_asks_for() {
    let slack = Slack::start().await;
    let other = CaptureSink::start().await;
    let workshop = Workshop::open([("HOOK", &*slack.hook()), ("OTHER", &*other.url())]).await;
    let build = |name: &str| {
        workshop.build(&format!("sink.slack = {{ url = {{ env = \"{name}\" }} }}")).unwrap()
    };
    let (first, second, third) = (build("HOOK"), build("HOOK"), build("OTHER"));
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    for _ in 0..5 {
        first.turn().await;
        second.turn().await;
    }
    // Five at once, then one a second.
    assert_eq!(began.elapsed().as_secs(), 5);
    assert!(third.turn().now_or_never().is_some(), "another hook has its own pace");
    tokio::time::resume();
    slack.answer(|_| error(429, "rate_limited").header("Retry-After", "3000"));
    let error = deliver(&*first, &json!({})).await.unwrap_err();
    assert_eq!(error.disposition(), Disposition::Retry { after: Some(Duration::from_secs(3000)) });
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    second.turn().await;
    assert!((2900..=3000).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_posts_no_more_than_a_hook_takes() {
    let slack = Slack::start().await;
    slack.answer(|_| ok());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hook");
    std::fs::write(&file, slack.hook()).unwrap();
    let world = World::start().await;
    let route = |name: &str| {
        format!(
            "[[outbound.routes]]\nname = \"{name}\"\nsubjects = [\"fleet.>\"]\n\
             sink.slack = {{ url = {{ file = {file:?} }}, text = \"{name} {{id}}\" }}\n"
        )
    };
    let relay = world.relay(&format!("{}{}", route("one"), route("two"))).await;
    let began = Instant::now();
    for number in 0..5 {
        world.publish("fleet.a", &numbered(&format!("e{number}"))).await;
    }
    let requests = slack.sink.wait_for(10, LONG).await;
    // Five may come at once, so the other five need as many seconds.
    let took = requests[9].at - began;
    assert!(took >= Duration::from_secs(5), "{took:?}");
    let mut texts: Vec<_> = requests.iter().map(text).collect();
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), 10);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_does_not_queue_behind_events_that_wait_for_their_turn() {
    let slack = Slack::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hook");
    std::fs::write(&file, slack.hook()).unwrap();
    let world = World::start().await;
    let relay = world
        .relay(&format!(
            "[[outbound.routes]]\nname = \"slack\"\nsubjects = [\"fleet.>\"]\n\
             sink.slack = {{ url = {{ file = {file:?} }} }}\n"
        ))
        .await;
    // Their turns alone would take longer than anything here may.
    for number in 0..200 {
        world.publish("fleet.a", &numbered(&format!("e{number}"))).await;
    }
    slack.sink.wait_for(5, LONG).await;
    slack.sink.stop().await;
    let state = "relay_outbound_route_state{route=\"slack\"}";
    poll_until(LONG, "the hold", async || (relay.metric(state) == Some(1.0)).then_some(())).await;
    slack.sink.restart_on_same_port().await;
    slack.sink.clear();
    slack.sink.wait_for(1, LONG).await;
    relay.stop().await;
}

#[tokio::test]
async fn a_check_connects_and_posts_nothing() {
    let slack = Slack::start().await;
    let workshop = Workshop::open([("HOOK", &*slack.hook())]).await;
    let sink = workshop.build("sink.slack = { url = { env = \"HOOK\" } }").unwrap();
    let seen = sink.check().await.unwrap();
    assert_eq!(seen, format!("{} accepts connections; nothing was sent", slack.sink.address()));
    assert_eq!(slack.sink.count(), 0);
    slack.sink.stop().await;
    let error = sink.check().await.unwrap_err();
    assert!(error.to_string().ends_with("the connection is refused"), "{error}");
    let nobody = format!("https://127.0.0.1:{}/{}", free_port(), crate::stub::SECRET_PATH);
    let workshop = Workshop::open([("HOOK", &*nobody)]).await;
    let sink = workshop.build("sink.slack = { url = { env = \"HOOK\" } }").unwrap();
    let error = sink.check().await.unwrap_err();
    assert!(!Chain(&error).to_string().contains("hush"), "{}", Chain(&error));
}
