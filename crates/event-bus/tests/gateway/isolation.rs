//! One subject, one topic or one destination cannot take what others need.

use futures_util::future::join_all;
use serde_json::json;
use testkit::{CaptureSink, Reply, Script, Signer, poll_until};

use crate::world::{LONG, World, sample, token};

/// Requests of a topic that may wait, by the configuration.
const PLACES: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_hangs_slows_no_other_topic() {
    let (slow, quick) =
        (CaptureSink::scripted(Script::reply(Reply::Hang)).await, CaptureSink::start().await);
    let route = |topic: &str, url: &str| {
        format!(
            "[[outbound.routes]]\nname = '{topic}'\nsubjects = ['fleet.topic.{topic}']\nreceipts = true\n\
             sink.webhook = {{ url = '{url}', timeout = '60s' }}\n"
        )
    };
    let more = format!(
        "delivered_within = '20s'\nlimits = {{ max_concurrent_requests = 2, max_waiting_per_topic = {PLACES} }}\n\n{}{}",
        route("slow", &slow.url()),
        route("quick", &quick.url()),
    );
    let world = World::new(&["slow", "quick"], &more).await;
    let (running, _relay) = world.start_with_relay().await;
    let waiting = async || sample(&world.metrics().await, "topic_gateway_waiting_requests", "slow");
    // More than wait at once, and more than are handled at once, one after the other and all still open.
    let hanging = join_all((0..PLACES).map(async |n| {
        poll_until(LONG, "its turn", async || (waiting().await as usize == n).then_some(())).await;
        world.post("slow", &format!("{{\"id\":\"s-{n}\"}}")).await
    }));
    let beside = async {
        poll_until(LONG, "all places to be taken", async || {
            (waiting().await as usize == PLACES).then_some(())
        })
        .await;
        // Whoever comes now hears at once that the event is kept.
        let late = world.post("slow", r#"{"id":"late"}"#).await;
        assert_eq!(late.status, 500);
        let message = late.json()["errors"][0]["message"].as_str().unwrap().to_owned();
        assert!(
            message.contains("too many requests wait") && message.contains("kept"),
            "{message}"
        );
        // Others are answered with what they wait for.
        for n in 0..20 {
            let answer = world.post("quick", &format!("{{\"id\":\"q-{n}\"}}")).await;
            assert_eq!(answer.status, 202, "{}", answer.text());
        }
        assert_eq!(waiting().await as usize, PLACES, "the first ones wait still");
        assert!(world.stored().await.contains(&"late".to_owned()));
        slow.set_script(Script::always(200));
        slow.stop().await;
        slow.restart_on_same_port().await;
    };
    let (answers, ()) = tokio::join!(hanging, beside);
    // What the destination says of them now is another matter; they were answered.
    assert!(answers.iter().all(|answer| [202, 500].contains(&answer.status)));
    let page = world.metrics().await;
    assert_eq!(sample(&page, "topic_gateway_waiting_requests", "slow"), 0.0);
    assert!(
        page.contains(
            r#"topic_gateway_delivery_wait_seconds_count{topic="slow",outcome="skipped"} 1"#
        ),
        "{page}"
    );
    world.stop(running).await;
}

#[tokio::test]
async fn each_subject_has_its_rate() {
    let access = r#"{"orders": ["anna", "bob", "None"]}"#;
    let world = World::new(&["orders"], "limits = { subject_rate = '5/h', max_batch = 10 }").await;
    world.write("access.json", access);
    let running = world.start("topic-gateway").await;
    let post = async |user: &str, body: &str| {
        world.post_as(&token(user), "orders", "application/json", body).await
    };
    let batch = |size: usize| format!("[{}]", vec![r#"{"id":"x"}"#; size].join(","));
    // A message counts, and not a request.
    assert_eq!(post("anna", r#"{"id":"1"}"#).await.status, 202);
    assert_eq!(post("anna", &batch(3)).await.status, 202);
    let refused = post("anna", &batch(2)).await;
    assert_eq!(refused.status, 429);
    let problem =
        json!([{ "type": "limit", "message": "User 'anna' sends more than the rate allows" }]);
    assert_eq!(refused.json()["errors"], problem);
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=720 * 2).contains(&wait), "{wait}");
    // One more than can ever pass, and many more.
    for size in [6, 10] {
        let never = post("bob", &batch(size)).await;
        assert_eq!(never.status, 413, "{}", never.text());
    }
    // Somebody else's is another one, and nobody can use it up without a token.
    assert_eq!(post("bob", r#"{"id":"2"}"#).await.status, 202);
    // Tokens without a subject are one of their own, whatever others are called.
    let nobody = Signer::a().token(&json!({}));
    for status in [403, 413] {
        let body = batch(if status == 403 { 5 } else { 6 });
        let answer = world.post_as(&nobody, "orders", "application/json", &body).await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    assert_eq!(post("None", r#"{"id":"3"}"#).await.status, 202);
    let page = world.metrics().await;
    assert!(
        page.contains(r#"topic_gateway_rejections_total{topic="orders",reason="subject_rate"} 1"#),
        "{page}"
    );
    world.stop(running).await;
}
