//! Methods and paths: taken literally, and refused with a reason.

use crate::world::{GITHUB, World, github_headers, sign};

#[tokio::test]
async fn only_the_exact_path_of_a_source_reaches_it() {
    let world = World::start().await;
    let replica = world.serve(GITHUB).await;
    let signature = sign(b"{}");
    for path in [
        "/",
        "/hooks",
        "/hooks/",
        "/hooks/gh/",
        "/hooks/gh/b",
        "/hooks//gh",
        "//hooks/gh",
        "/hooks/%67h",
        "/hooks/%2e%2e",
        "/hooks/%2e%2e/hooks/gh",
        "/hooks/../hooks/gh",
        "/hooks%2fgh",
        "/hooks/gh%00",
        "/HOOKS/gh",
        "/hooks/GH",
        "/hooks/event-bus-doctor",
        "/hooks/events",
        "/events",
        "/events/",
        "/metrics",
        "/readyz",
    ] {
        let headers = github_headers("id-1", "push", &signature);
        let response = replica.post(path, &headers, b"{}").await;
        assert_eq!(response.status, 404, "{path}");
        let code = response.json()["code"].as_str().unwrap().to_owned();
        assert!(["not_found", "unknown_source"].contains(&code.as_str()), "{path} {code}");
    }
    assert_eq!(world.stored().await, 0);
    let metrics = replica.metrics.encode();
    assert!(!metrics.contains("%2e"), "a path never becomes a label");
    let line = r#"serve_inbound_requests_total{source="unknown",outcome="rejected"} 21"#;
    replica.metric(line).await;
}

#[tokio::test]
async fn another_method_is_told_which_ones_there_are() {
    let world = World::start().await;
    let replica = world.serve(&format!("{GITHUB}\n[inbound.events]\nauth = \"unsigned\"")).await;
    for (path, allow) in [("/hooks/gh", "POST"), ("/events", "POST, OPTIONS")] {
        for method in ["GET", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "HEAD", "OPTIONS"] {
            if allow.contains(method) {
                continue;
            }
            let response = replica.send(method, path, &[], b"").await;
            assert_eq!(response.status, 405, "{method} {path}");
            assert_eq!(response.header("allow"), Some(allow), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn an_encoded_body_is_refused_before_anything_else_of_it() {
    let world = World::start().await;
    let replica = world.serve(GITHUB).await;
    let signature = sign(b"{}");
    for (encoding, status) in [("gzip", 415), ("br", 415), ("identity", 202), ("IDENTITY", 202)] {
        let mut headers = github_headers("id-1", "push", &signature).to_vec();
        headers.push(("Content-Encoding", encoding));
        let response = replica.post("/hooks/gh", &headers, b"{}").await;
        assert_eq!(response.status, status, "{encoding} {}", response.text());
        let accepted = (status == 415).then_some("identity");
        assert_eq!(response.header("accept-encoding"), accepted);
    }
}

#[tokio::test]
async fn every_refusal_is_a_problem_document_with_its_reason() {
    let world = World::start().await;
    let replica = world.serve(GITHUB).await;
    let wrong = format!("sha256={}", "0".repeat(64));
    for (headers, status, code) in [
        (github_headers("id", "push", &wrong).to_vec(), 401, "signature_mismatch"),
        (github_headers("id", "push", "sha1=00").to_vec(), 401, "malformed_signature"),
        (vec![], 401, "missing_signature"),
    ] {
        let response = replica.post("/hooks/gh", &headers, b"{}").await;
        assert_eq!(response.status, status);
        assert_eq!(response.header("content-type"), Some("application/problem+json"));
        let problem = response.json();
        assert_eq!((&problem["status"], &problem["code"]), (&status.into(), &code.into()));
        assert_eq!(problem["type"], "about:blank");
        assert!(problem["title"].is_string() && problem["detail"].is_string());
        let right = sign(b"{}");
        assert!(!response.text().contains(&right["sha256=".len()..]), "the right MAC stays here");
        let line = format!("serve_inbound_rejections_total{{source=\"gh\",reason=\"{code}\"}} 1");
        replica.metric(&line).await;
    }
}
