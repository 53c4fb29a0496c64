//! Every reason for a refusal that can be provoked from outside, in its counter; and all of them on the page of metrics.

use std::fs;

use topic_gateway::{Reason, token};

use crate::world::{World, token};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/metrics.md");

#[test]
fn the_page_of_metrics_names_every_reason() {
    let page = fs::read_to_string(PAGE).unwrap();
    let reasons = Reason::ALL.map(Reason::as_str);
    let tokens = token::Refusal::ALL.map(token::Refusal::as_str);
    for reason in reasons.iter().chain(&tokens) {
        assert!(page.contains(&format!("`{reason}`")), "{reason}");
    }
}

#[tokio::test]
async fn each_refusal_is_counted_by_its_topic_and_reason() {
    let limits = "publish_within = '1s'\nlimits = { max_body_bytes = 9000, max_batch = 2 }";
    let world = World::new(&["orders"], limits).await;
    world.write("access.json", r#"{"orders": {"pipeline": {}, "bound": {"id": ["a"]}, "costly": {"id": ["(a|aa)+$(?!x)b"]}}}"#);
    let running = world.start("topic-gateway").await;
    let long = format!("{{\"id\": \"{}\"}}", "x".repeat(9000));
    let costly = format!("{{\"id\": \"{}\"}}", "a".repeat(8000));
    for (subject, topic, body, reason, status) in [
        ("pipeline", "orders", long.as_str(), "too_large", 413),
        ("pipeline", "orders", "{", "not_json", 400),
        ("pipeline", "orders", "[1, 2, 3]", "batch_too_large", 413),
        ("pipeline", "nothing", "{}", "unknown_topic", 404),
        ("nobody", "orders", "{}", "not_authorized", 403),
        ("bound", "orders", r#"{"id": "b"}"#, "not_permitted", 403),
        ("costly", "orders", costly.as_str(), "undecided", 403),
        ("pipeline", "orders", "{}", "schema", 400),
    ] {
        let answer = world.post_as(&token(subject), topic, "application/json", body).await;
        assert_eq!(answer.status, status, "{reason}: {}", answer.text());
        let topic = if topic == "orders" { "orders" } else { "unknown" };
        let sample =
            format!("topic_gateway_rejections_total{{topic=\"{topic}\",reason=\"{reason}\"}} 1");
        let page = world.metrics().await;
        assert!(page.contains(&sample), "{reason}: {page}");
    }
    let bearer = format!("Bearer {}", token("pipeline"));
    let headers = [("Authorization", bearer.as_str()), ("Content-Encoding", "gzip")];
    let url = world.url("/topics/orders");
    let encoded = testkit::http::send("POST", &url, &headers, br#"{"id": "a"}"#).await;
    assert_eq!(encoded.status, 400);
    assert!(encoded.text().contains("Content-Encoding 'gzip' is not read"), "{}", encoded.text());
    for (token, reason) in [("", "missing"), ("a.b", "malformed")] {
        assert_eq!(world.post_as(token, "orders", "application/json", "{}").await.status, 401);
        let sample = format!("topic_gateway_token_refusals_total{{reason=\"{reason}\"}} 1");
        assert!(world.metrics().await.contains(&sample), "{reason}");
    }
    for (body, outcome) in [(r#"{"id": "a"}"#, "accepted"), (r#"{"id": "a"}"#, "duplicate")] {
        assert_eq!(world.post("orders", body).await.status, 202);
        let sample =
            format!("topic_gateway_messages_total{{topic=\"orders\",outcome=\"{outcome}\"}} 1");
        assert!(world.metrics().await.contains(&sample), "{outcome}");
    }
    world.nats.kill();
    assert_eq!(world.post("orders", r#"{"id": "c"}"#).await.status, 503);
    let page = world.metrics().await;
    for sample in [
        "topic_gateway_rejections_total{topic=\"orders\",reason=\"not_stored\"} 1",
        "topic_gateway_messages_total{topic=\"orders\",outcome=\"failed\"} 1",
        "topic_gateway_in_flight_requests 0",
    ] {
        assert!(page.contains(sample), "{sample}\n{page}");
    }
    world.stop(running).await;
}
