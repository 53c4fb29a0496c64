//! What becomes of a genuine request, and what its sender is told.

use event_bus_core::event::Data;
use event_bus_runtime::Secret;
use serve_inbound::doctor;
use testkit::http::{exchange, parse};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::{GITHUB, SECRET, World, github_headers, raw_request, sign};

const BODY: &[u8] = br#"{"action": "opened", "number": 7, "pull_request": {"number": 7, "updated_at": "2026-01-01T00:00:00Z"}, "repository": {"url": "https://api.github.com/repos/octo/hello", "full_name": "octo/hello"}}"#;

#[tokio::test]
async fn a_webhook_becomes_an_event_and_its_sender_is_told_where_it_is() {
    let world = World::start().await;
    let replica = world.serve(GITHUB).await;
    let response =
        replica.github("72d3162e-cc78-11e3-81ab-4c9367dc0958", "pull_request", BODY).await;
    assert_eq!(response.status, 202);
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(
        response.json(),
        serde_json::json!({
            "id": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
            "subject": "fleet.repo.pull_request.opened",
            "stream": "EVENTS", "seq": 1, "duplicate": false,
        })
    );
    let stored = world.event(1).await;
    assert_eq!(stored.subject, "fleet.repo.pull_request.opened");
    assert_eq!(stored.event.kind(), "com.github.pull_request.opened");
    assert_eq!(stored.event.ce_source(), "https://api.github.com/repos/octo/hello");
    assert_eq!(stored.event.time(), Some("2026-01-01T00:00:00Z"));
    assert_eq!(stored.event.extension("recordedtime").unwrap().to_text(), "2026-01-01T00:00:00Z");
    assert_eq!(stored.event.data(), Some(&Data::Json(BODY.into())));
    assert_eq!(stored.header("Content-Type"), Some("application/cloudevents+json"));
    assert_eq!(stored.header("ce-type"), Some("com.github.pull_request.opened"));
    assert_eq!(stored.header("Nats-Expected-Stream"), Some("EVENTS"));
    assert!(stored.payload.windows(BODY.len()).any(|window| window == BODY), "embedded as it came");
    replica.metric(r#"serve_inbound_requests_total{source="gh",outcome="accepted"} 1"#).await;
    replica.metric(r#"serve_inbound_secret_matches_total{source="gh",index="0"} 1"#).await;
    replica.metric(r#"serve_inbound_publish_seconds_count{source="gh"} 1"#).await;
    replica.metric("serve_inbound_in_flight_requests 0").await;
}

#[tokio::test]
async fn a_request_in_a_trace_starts_the_trace_of_its_event() {
    let world = World::start().await;
    let replica = world.serve(GITHUB).await;
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let signature = sign(b"{}");
    let mut headers = github_headers("id-1", "push", &signature).to_vec();
    headers.extend([("traceparent", parent), ("tracestate", "a=1")]);
    assert_eq!(replica.post("/hooks/gh", &headers, b"{}").await.status, 202);
    let event = world.event(1).await.event;
    assert_eq!(event.extension("traceparent").unwrap().to_text(), parent);
    assert_eq!(event.extension("tracestate").unwrap().to_text(), "a=1");
}

#[tokio::test]
async fn a_body_kept_as_base64_can_be_verified_again() {
    let world = World::start().await;
    let replica = world.serve(&format!("{GITHUB}body = \"base64\"")).await;
    let body = b" {\"payload\" : \"\\ud800\"}\n";
    assert_eq!(replica.github("id-1", "push", body).await.status, 202);
    let event = world.event(1).await.event;
    assert_eq!(event.data(), Some(&Data::Binary(body.as_slice().into())));
    assert_eq!(event.datacontenttype(), Some("application/json"));
}

#[tokio::test]
async fn json_that_only_looks_valid_is_carried_without_harm() {
    let world = World::start().await;
    let replica = world.serve(GITHUB).await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let bodies: [&[u8]; 8] = [
        br#"{"a":"\ud800"}"#,
        b"[1e400]",
        deep.as_bytes(),
        b"\xef\xbb\xbf{}",
        b"{\"a\":\"\xff\"}",
        b"null",
        b"not json",
        b"\x00\x01",
    ];
    for (index, body) in bodies.into_iter().enumerate() {
        let response = replica.github(&format!("id-{index}"), "push", body).await;
        assert_eq!(response.status, 202, "{}", response.text());
        let stored = world.event(response.json()["seq"].as_u64().unwrap()).await;
        let data = stored.event.data().unwrap();
        assert!(!matches!(data, Data::Json(_)), "{:.40}", String::from_utf8_lossy(body));
        assert_eq!(data.to_bytes(), body);
        let envelope: serde_json::Value = serde_json::from_slice(&stored.payload).unwrap();
        assert_eq!(envelope["specversion"], "1.0");
    }
    let response = replica.github("empty", "push", b"").await;
    assert_eq!(response.status, 202, "{}", response.text());
    assert_eq!(world.event(response.json()["seq"].as_u64().unwrap()).await.event.data(), None);
}

#[tokio::test]
async fn a_form_becomes_its_json() {
    let world = World::start().await;
    let replica = world.serve(GITHUB).await;
    let body = b"payload=%7B%22action%22%3A%22opened%22%7D";
    let signature = sign(body);
    let mut headers = github_headers("id-1", "issues", &signature);
    headers[0].1 = "application/x-www-form-urlencoded";
    let response = replica.post("/hooks/gh", &headers, body).await;
    assert_eq!(response.status, 202, "{}", response.text());
    let event = world.event(1).await.event;
    assert_eq!(event.data(), Some(&Data::Json(br#"{"action":"opened"}"#.as_slice().into())));
    assert_eq!(event.datacontenttype(), Some("application/json"));
}

#[tokio::test]
async fn what_a_sender_writes_never_becomes_a_token_of_its_choice() {
    let world = World::start().await;
    let template = "subject = \"fleet.{event}.{action}.{id}.end\"";
    let replica = world.serve(&format!("{GITHUB}{template}")).await;
    for (index, (action, token)) in [
        ("a.b", "a_b"),
        ("*", "_"),
        (">", "_"),
        ("a b\\t\\r\\nPUB x 1", "a_b___PUB_x_1"),
        ("\\u00fc", "_"),
        ("$JS.API", "_JS_API"),
    ]
    .into_iter()
    .enumerate()
    {
        let body = format!("{{\"action\":\"{action}\"}}");
        let id = format!("x.{index}>*");
        let response = replica.github(&id, "issues", body.as_bytes()).await;
        assert_eq!(response.status, 202, "{}", response.text());
        let subject = format!("fleet.issues.{token}.x_{index}__.end");
        assert_eq!(response.json()["subject"], subject);
        assert_eq!(world.event(index as u64 + 1).await.subject, subject);
    }
    let long = "x".repeat(5000);
    let response =
        replica.github("long", "issues", format!("{{\"action\":\"{long}\"}}").as_bytes()).await;
    assert_eq!(response.status, 202, "{}", response.text());
    assert!(response.json()["subject"].as_str().unwrap().len() <= 200);
    for event in ["pull.request", "*", ">", "a b", ""] {
        let response = replica.github("bad", event, b"{}").await;
        assert_eq!(response.status, 400, "{event:?} {}", response.text());
    }
}

#[tokio::test]
async fn data_that_does_not_fit_the_schema_is_refused_with_the_place() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let schema = folder.path().join("schema.json");
    std::fs::write(&schema, r#"{"properties": {"n": {"type": "integer"}}, "required": ["n"]}"#)
        .unwrap();
    for (index, form) in ["json", "base64"].into_iter().enumerate() {
        let more = format!("schema = {schema:?}\nbody = \"{form}\"\n");
        let replica = world.serve(&format!("{GITHUB}{more}")).await;
        let id = format!("id-{index}");
        let response = replica.github(&id, "push", br#"{"n":"hunter2"}"#).await;
        assert_eq!(response.status, 422, "{}", response.text());
        let problem = response.json();
        assert_eq!(problem["code"], "schema_mismatch");
        assert_eq!(problem["violations"][0]["path"], "/n");
        assert!(!response.text().contains("hunter2"));
        assert_eq!(replica.github(&id, "push", br#"{"n":1}"#).await.status, 202);
    }
    assert_eq!(world.stored().await, 2);
}

#[tokio::test]
async fn a_token_in_the_url_makes_the_answer_private() {
    let world = World::start().await;
    let toml = r#"
        [[inbound.sources]]
        name = "hook"
        provider = "token"
        secrets = [{ env = "SECRET" }]
        token = { header = "Authorization", query_param = "access_token" }
    "#;
    let replica = world.serve(toml).await;
    let target = format!("/hooks/hook?access_token={SECRET}");
    let in_url = replica.post(&target, &[], b"{\"a\":1}").await;
    assert_eq!((in_url.status, in_url.header("cache-control")), (202, Some("private")));
    let bearer = format!("Bearer {SECRET}");
    let in_header = replica.post("/hooks/hook", &[("Authorization", &bearer)], b"{\"a\":2}").await;
    assert_eq!((in_header.status, in_header.header("cache-control")), (202, None));
    let without = replica.post("/hooks/hook", &[], b"{}").await;
    assert_eq!(without.status, 401);
    assert_eq!(without.header("www-authenticate"), Some("Bearer realm=\"event-bus\""));
}

#[tokio::test]
async fn several_secrets_are_valid_at_once_and_each_match_is_counted() {
    let world = World::start().await;
    let toml =
        GITHUB.replace("[{ env = \"SECRET\" }]", "[{ env = \"NEW\" }, { env = \"SECRET\" }]");
    let env = [("NEW", "the next one"), ("SECRET", SECRET)];
    let replica = world.serve_with(&toml, &env, None).await.unwrap();
    assert_eq!(replica.github("id-1", "push", b"{}").await.status, 202);
    replica.metric(r#"serve_inbound_secret_matches_total{source="gh",index="1"} 1"#).await;
    replica.metric(r#"serve_inbound_secret_matches_total{source="gh",index="0"} 0"#).await;
}

#[tokio::test]
async fn the_doctors_source_exists_while_it_has_a_secret_and_has_subjects_of_its_own() {
    let world = World::start().await;
    let secret = Secret::new("for the doctor");
    let body = bytes::Bytes::from_static(b"{\"probe\":true}");
    let headers = doctor::headers(&secret, "0123abcd", "probe-1", &body).unwrap();
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    let without = world.serve(GITHUB).await;
    assert_eq!(without.post(&doctor::path(), &headers, &body).await.status, 404);
    let with = world.serve_with(GITHUB, &[("SECRET", SECRET)], Some(secret)).await.unwrap();
    for duplicate in [false, true] {
        let response = with.post(&doctor::path(), &headers, &body).await;
        assert_eq!(response.status, 202, "{}", response.text());
        assert_eq!(response.json()["subject"], doctor::event_subject("0123abcd"));
        assert_eq!(response.json()["duplicate"], duplicate);
    }
    let mut forged = headers.clone();
    let run = doctor::RUN_HEADER;
    forged.retain(|(name, _)| *name != run.as_str());
    forged.push((run.as_str(), "another"));
    assert_eq!(with.post(&doctor::path(), &forged, &body).await.status, 401);
}

#[tokio::test]
async fn requests_in_a_row_on_one_connection_are_all_answered() {
    let world = World::start().await;
    let replica = world.serve(GITHUB).await;
    let signature = sign(b"{}");
    let mut bytes = Vec::new();
    for id in ["a", "b", "c"] {
        let request =
            raw_request("POST", "/hooks/gh", &github_headers(id, "push", &signature), b"{}");
        let request = String::from_utf8(request).unwrap();
        bytes.extend_from_slice(request.replace("Connection: close\r\n", "").as_bytes());
    }
    let last = raw_request("POST", "/hooks/nobody", &[], b"");
    bytes.extend_from_slice(&last);
    let answer = exchange(&replica.authority(), &bytes).await.unwrap();
    assert_eq!(answer.status, 202);
    assert_eq!(answer.text().matches("HTTP/1.1 202 Accepted").count(), 2);
    assert_eq!(answer.text().matches("HTTP/1.1 404 Not Found").count(), 1);
    assert_eq!(world.stored().await, 3);
}

#[tokio::test]
async fn a_sender_that_closes_its_side_still_hears_the_answer() {
    let world = World::start().await;
    let replica = world.serve(GITHUB).await;
    let signature = sign(b"{}");
    let headers = github_headers("id-1", "push", &signature);
    let mut stream = TcpStream::connect(replica.address).await.unwrap();
    stream.write_all(&raw_request("POST", "/hooks/gh", &headers, b"{}")).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(parse(&answer).unwrap().status, 202);
}

#[tokio::test]
async fn a_signature_over_the_url_covers_the_one_that_the_sender_knows() {
    let world = World::start().await;
    let toml = r#"
        [inbound]
        public_url = "https://hooks.example.com/bus/"
        [[inbound.sources]]
        name = "hook"
        provider = "hmac"
        secrets = [{ env = "SECRET" }]
        hmac = { header = "X-Sig", prefix = "sha256=", signed = "{url}\n{body}" }
    "#;
    let replica = world.serve(toml).await;
    for (signed, status) in [
        ("https://hooks.example.com/bus/hooks/hook?a=1", 202),
        ("https://hooks.example.com/bus/hooks/hook", 401),
        ("http://inbound.test/hooks/hook?a=1", 401),
    ] {
        let signature = sign(format!("{signed}\n{{}}").as_bytes());
        let response = replica.post("/hooks/hook?a=1", &[("X-Sig", &signature)], b"{}").await;
        assert_eq!(response.status, status, "{signed} {}", response.text());
    }
}
