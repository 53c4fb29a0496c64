//! Several messages in one request.

use serde_json::{Value, json};
use testkit::poll_until;

use crate::world::{LONG, World, token};

fn statuses(answer: &Value) -> Vec<u64> {
    let results = answer["results"].as_array().unwrap();
    for (index, result) in results.iter().enumerate() {
        assert_eq!(result["index"], index);
        assert_eq!(result["success"], result["statusCode"] == 202);
        assert_eq!(result["errors"].is_array(), result["statusCode"] != 202);
    }
    results.iter().map(|result| result["statusCode"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn each_message_of_an_array_or_a_line_is_answered() {
    let world = World::new(&["orders"], "limits = { max_batch = 4 }").await;
    let running = world.start("topic-gateway").await;
    let accepted = "202 all".to_owned();
    for (media_type, body, expected) in [
        ("application/json", r#"[{"id":"a"},{"id":"b"}]"#, &accepted),
        ("application/x-ndjson", "{\"id\":\"c\"}\n\n{\"id\":\"d\"}\r\n", &accepted),
        ("application/jsonl; charset=utf-8", "{\"id\":\"e\"}", &accepted),
        (
            "application/x-ndjson",
            "{\"id\":\"f\"}\n{\"id\":\n{\"id\":1}",
            &"207 202,400,400".to_owned(),
        ),
        ("application/json", r#"[{"id":"g"},{"id":2}]"#, &"207 202,400".to_owned()),
        ("application/json", r#"[{"id":3},{}]"#, &"400 400,400".to_owned()),
    ] {
        let answer = world.post_typed("orders", media_type, body).await;
        let document = answer.json();
        let statuses = statuses(&document);
        assert_eq!(document["statusCode"], answer.status);
        assert_eq!(document["success"], answer.status == 202);
        assert_eq!(document["errors"].is_array(), answer.status != 202);
        let found = if statuses.iter().all(|status| *status == 202) {
            format!("{} all", answer.status)
        } else {
            let statuses: Vec<_> = statuses.iter().map(ToString::to_string).collect();
            format!("{} {}", answer.status, statuses.join(","))
        };
        assert_eq!(found, *expected, "{body}");
    }
    let mut stored = world.stored().await;
    stored.sort();
    assert_eq!(stored, ["a", "b", "c", "d", "e", "f", "g"]);
    world.stop(running).await;
}

#[tokio::test]
async fn whoever_sends_an_array_by_mistake_hears_what_the_contract_says() {
    let world = World::new(&["orders", "lists"], "limits = { max_batch = 4 }").await;
    world.write("lists.json", r#"{"type": ["array", "null"], "items": {"type": "integer"}}"#);
    let running = world.start("topic-gateway").await;
    let problem = |message: &str| json!([{ "type": "validation", "message": message }]);
    let empty = world.post("orders", "[]").await;
    let expected = json!({ "success": false, "statusCode": 400, "errors": problem("[] is not of type 'object'") });
    assert_eq!((empty.status, empty.json()), (400, expected));
    let objects = world.post("orders", "[{}]").await;
    assert_eq!(objects.status, 400);
    assert_eq!(objects.json()["errors"], problem("[{}] is not of type 'object'"));
    assert_eq!(objects.json()["results"][0]["errors"], problem("'id' is a required property"));
    // A topic whose messages are arrays.
    let list = world.post("lists", "[1, 2, 3, 4, 5]").await;
    assert_eq!(
        (list.status, list.text()),
        (202, r#"{"success":true,"statusCode":202}"#.to_owned())
    );
    let lists = world.post_typed("lists", "application/x-ndjson", "[1]\n[\"a\"]\nnull").await;
    assert_eq!(statuses(&lists.json()), [202, 400, 202]);
    // What concerns the request as a whole is said once.
    let five = [r#"{"id":"x"}"#; 5].join(",");
    for (user, topic, body, status, kind) in [
        ("pipeline", "orders", format!("[{five}]"), 413, "validation"),
        ("pipeline", "orders", format!("[{five}"), 400, "validation"),
        ("pipeline", "nothing", "[{}]".to_owned(), 404, "topic"),
        ("stranger", "orders", r#"[{"id":"x"}]"#.to_owned(), 403, "auth"),
    ] {
        let answer = world.post_as(&token(user), topic, "application/json", &body).await;
        assert_eq!(
            (answer.status, &answer.json()["errors"][0]["type"]),
            (status, &json!(kind)),
            "{body}"
        );
        assert_eq!(answer.json()["errors"].as_array().unwrap().len(), 1);
    }
    let refused = world.post_as("none", "orders", "application/json", r#"[{"id":"x"}]"#).await;
    assert_eq!(refused.status, 401);
    world.stop(running).await;
}

#[tokio::test]
async fn messages_with_one_key_keep_their_order() {
    let world = World::new(&["orders"], "").await;
    let running = world.start("topic-gateway").await;
    let lines: Vec<_> = (0..100)
        .map(|n| format!("{{\"id\":\"{}-{n:03}\",\"key\":\"{}\"}}", n % 3, n % 3))
        .collect();
    let answer = world.post_typed("orders", "application/x-ndjson", &lines.join("\n")).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let stored = world.stored().await;
    assert_eq!(stored.len(), 100);
    for key in ["0-", "1-", "2-"] {
        let of_key: Vec<_> = stored.iter().filter(|id| id.starts_with(key)).collect();
        assert!(of_key.is_sorted(), "{of_key:?}");
    }
    world.stop(running).await;
}

#[tokio::test]
async fn after_a_message_that_cannot_be_stored_now_none_of_its_key_follows() {
    let world = World::new(&["orders"], "publish_within = '1s'").await;
    let running = world.start("topic-gateway").await;
    world.nats.pause();
    let lines: Vec<_> = (0..5).map(|n| format!("{{\"id\":\"a-{n}\",\"key\":\"a\"}}")).collect();
    let answer = world.post_typed("orders", "application/x-ndjson", &lines.join("\n")).await;
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (503, Some("5")),
        "{}",
        answer.text()
    );
    assert_eq!(statuses(&answer.json()), [503; 5]);
    world.nats.resume();
    let after = r#"{"id":"b"}"#;
    poll_until(LONG, "the bus", async || {
        (world.post("orders", after).await.status == 202).then_some(())
    })
    .await;
    // The first one was on its way, and may have arrived all the same.
    let stored = world.stored().await;
    assert!(stored.iter().all(|id| id == "a-0" || id == "b"), "{stored:?}");
    world.stop(running).await;
}
