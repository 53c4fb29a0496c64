//! `POST /events`: CloudEvents in every mode, and who may send them.

use event_bus_core::event::Data;
use testkit::http::Response;

use crate::world::{Replica, SECRET, World};

const OPEN: &str = "[inbound.events]\nauth = \"unsigned\"\n";
const BEARER: &str = "[inbound.events]\nauth = { bearer = [{ env = \"SECRET\" }] }\n";
const STRUCTURED: (&str, &str) = ("Content-Type", "application/cloudevents+json; charset=utf-8");
const BATCHED: (&str, &str) = ("Content-Type", "application/cloudevents-batch+json");

fn event(id: &str) -> String {
    format!(
        r#"{{"specversion":"1.0","id":"{id}","source":"/mycontext","type":"com.example.object.created","myext":7,  "data":{{"a": 1}}}}"#
    )
}

async fn structured(replica: &Replica, body: &str) -> Response {
    replica.post("/events", &[STRUCTURED], body.as_bytes()).await
}

#[tokio::test]
async fn a_structured_event_is_stored_byte_for_byte() {
    let world = World::start().await;
    let replica = world.serve(OPEN).await;
    let response = structured(&replica, &event("1")).await;
    assert_eq!(response.status, 202, "{}", response.text());
    assert_eq!(
        response.json(),
        serde_json::json!({
            "id": "1", "subject": "fleet.events.object.created", "stream": "EVENTS",
            "seq": 1, "duplicate": false,
        })
    );
    let stored = world.event(1).await;
    assert_eq!(stored.payload, event("1").as_bytes());
    assert_eq!(stored.header("ce-myext"), Some("7"));
    assert_eq!(structured(&replica, &event("1")).await.json()["duplicate"], true);
}

#[tokio::test]
async fn a_binary_event_keeps_its_attributes_and_its_data() {
    let world = World::start().await;
    let replica = world.serve(OPEN).await;
    let headers = [
        ("ce-specversion", "1.0"),
        ("ce-id", "Euro%20%E2%82%AC"),
        ("ce-source", "/mycontext"),
        ("ce-type", "com.example.text"),
        ("ce-subject", "it"),
        ("Content-Type", "text/plain"),
    ];
    let response = replica.post("/events", &headers, "grüße".as_bytes()).await;
    assert_eq!(response.status, 202, "{}", response.text());
    let event = world.event(1).await.event;
    assert_eq!(event.id(), "Euro €");
    assert_eq!(event.subject(), Some("it"));
    assert_eq!(event.datacontenttype(), Some("text/plain"));
    assert_eq!(event.data(), Some(&Data::Text("grüße".to_owned())));
}

#[tokio::test]
async fn a_batch_is_stored_whole_or_not_at_all() {
    let world = World::start().await;
    let replica = world.serve(&format!("{OPEN}max_batch = 3\n")).await;
    let batch = |ids: &[&str]| {
        let events: Vec<_> = ids.iter().map(|id| event(id)).collect();
        format!("[{}]", events.join(","))
    };
    let send = async |body: String| replica.post("/events", &[BATCHED], body.as_bytes()).await;
    let response = send(batch(&["1", "2", "3"])).await;
    assert_eq!(response.status, 202, "{}", response.text());
    let events = response.json()["events"].clone();
    assert_eq!(events.as_array().unwrap().len(), 3);
    assert_eq!((&events[2]["id"], &events[2]["seq"]), (&"3".into(), &3.into()));

    let too_many = send(batch(&["4", "5", "6", "7"])).await;
    assert_eq!((too_many.status, &too_many.json()["limit"]), (413, &3.into()));
    let one_invalid = send(format!("[{},{{\"specversion\":\"1.0\"}}]", event("4"))).await;
    assert_eq!(one_invalid.status, 400, "{}", one_invalid.text());
    assert_eq!(world.stored().await, 3);

    let repeated = send(batch(&["3", "8"])).await.json()["events"].clone();
    assert_eq!(
        (&repeated[0]["duplicate"], &repeated[1]["duplicate"]),
        (&true.into(), &false.into())
    );
    let empty = send("[]".to_owned()).await;
    assert_eq!((empty.status, empty.json()["events"].clone()), (202, serde_json::json!([])));
    let single = send(batch(&["9"])).await;
    assert_eq!(single.json()["events"][0]["id"], "9", "the answer to a batch is a list");
}

#[tokio::test]
async fn what_is_no_event_is_refused_with_the_reason() {
    let world = World::start().await;
    let replica = world.serve(OPEN).await;
    for (headers, body, status, code) in [
        (vec![STRUCTURED], "{", 400, "malformed_event_format"),
        (
            vec![STRUCTURED],
            r#"{"specversion":"1.0","id":"1","source":"/a"}"#,
            400,
            "malformed_event_format",
        ),
        (vec![], "{}", 400, "malformed_event_format"),
        (
            vec![("Content-Type", "application/cloudevents+xml")],
            "<a/>",
            415,
            "malformed_event_format",
        ),
        (vec![STRUCTURED, ("Content-Encoding", "gzip")], "", 415, "content_encoding"),
    ] {
        let response = replica.post("/events", &headers, body.as_bytes()).await;
        assert_eq!((response.status, &response.json()["code"]), (status, &code.into()), "{body}");
    }
    let long = format!(
        r#"{{"specversion":"1.0","id":"1","source":"/a","type":"t","subject":"{}"}}"#,
        "x".repeat(9000)
    );
    let response = structured(&replica, &long).await;
    assert_eq!((response.status, &response.json()["code"]), (413, &"attributes_too_large".into()));
    assert_eq!(world.stored().await, 0);
}

#[tokio::test]
async fn a_bearer_token_is_needed_in_one_place() {
    let world = World::start().await;
    let replica = world.serve(BEARER).await;
    let right = format!("Bearer {SECRET}");
    let in_url = format!("/events?access_token={SECRET}");
    let body = event("1");
    for (target, authorization, status, code) in [
        ("/events", Some(right.as_str()), 202, None),
        (in_url.as_str(), None, 202, None),
        ("/events", None, 401, Some("missing_token")),
        ("/events", Some("Bearer guess"), 401, Some("token_mismatch")),
        ("/events?access_token=guess", None, 401, Some("token_mismatch")),
        ("/events?access_token=guess", Some(right.as_str()), 401, Some("duplicate_header")),
    ] {
        let mut headers = vec![STRUCTURED];
        headers.extend(authorization.map(|value| ("Authorization", value)));
        let response = replica.post(target, &headers, body.as_bytes()).await;
        assert_eq!(response.status, status, "{target} {}", response.text());
        let challenge = response.header("www-authenticate").is_some();
        assert_eq!(challenge, status == 401);
        assert_eq!(
            response.header("cache-control").is_some(),
            status == 202 && target.contains('?')
        );
        if let Some(code) = code {
            assert_eq!(response.json()["code"], code);
        }
        assert!(!response.text().contains(SECRET));
    }
    assert_eq!(world.stored().await, 1);
}

#[tokio::test]
async fn an_hmac_can_guard_the_endpoint_too() {
    let world = World::start().await;
    let replica = world
        .serve(
            "[inbound.events]\nauth = { hmac = { header = \"X-Hub-Signature-256\", prefix = \"sha256=\" }, secrets = [{ env = \"SECRET\" }] }",
        )
        .await;
    let body = event("1");
    let signature = crate::world::sign(body.as_bytes());
    let headers = [STRUCTURED, ("X-Hub-Signature-256", signature.as_str())];
    assert_eq!(replica.post("/events", &headers, body.as_bytes()).await.status, 202);
    assert_eq!(replica.post("/events", &headers, event("2").as_bytes()).await.status, 401);
}

#[tokio::test]
async fn the_endpoint_is_closed_unless_it_is_configured() {
    let world = World::start().await;
    let replica = world.serve("").await;
    assert_eq!(structured(&replica, &event("1")).await.status, 404);
    assert_eq!(replica.send("OPTIONS", "/events", &[], b"").await.status, 404);
}

#[tokio::test]
async fn every_event_of_a_batch_must_fit_the_schema() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let schema = folder.path().join("schema.json");
    std::fs::write(&schema, r#"{"properties": {"a": {"const": 1}}}"#).unwrap();
    let replica = world.serve(&format!("{OPEN}schema = {schema:?}\n")).await;
    let batch = format!("[{},{}]", event("1"), event("2").replace("\"a\": 1", "\"a\": 2"));
    let response = replica.post("/events", &[BATCHED], batch.as_bytes()).await;
    assert_eq!(response.status, 422, "{}", response.text());
    assert_eq!(response.json()["violations"][0]["path"], "/a");
    assert_eq!(world.stored().await, 0);
    assert_eq!(structured(&replica, &event("1")).await.status, 202);
}
