//! The largest event that is admitted, in both encodings, and what a larger one is told.

use event_bus_core::wire;

use crate::world::{GITHUB, World};

/// The server's default.
const MAX_PAYLOAD: usize = 1024 * 1024;

fn json_body(length: usize) -> Vec<u8> {
    let mut body = b"{\"a\":\"".to_vec();
    body.resize(length - 2, b'x');
    body.extend_from_slice(b"\"}");
    body
}

#[tokio::test]
async fn the_limit_that_a_refusal_names_is_the_largest_body_that_passes() {
    let world = World::start().await;
    let both = format!("{GITHUB}{}body = \"base64\"\n", GITHUB.replace("\"gh\"", "\"raw\""));
    let replica = world.serve(&both).await;
    for path in ["/hooks/gh", "/hooks/raw"] {
        let post = async |id: &str, length: usize| {
            let body = json_body(length);
            let signature = crate::world::sign(&body);
            let headers = crate::world::github_headers(id, "push", &signature);
            replica.post(path, &headers, &body).await
        };
        // What the listener itself takes: the envelope around it makes it too large.
        let refused = post("id", MAX_PAYLOAD - wire::RECORD_RESERVE).await;
        assert_eq!(refused.status, 413, "{}", refused.text());
        assert_eq!(refused.json()["code"], "body_too_large");
        let limit = usize::try_from(refused.json()["limit"].as_u64().unwrap()).unwrap();
        assert!(limit > 700_000, "{path}: {limit}");

        let beyond = post("id", limit + 4).await;
        assert_eq!(beyond.status, 413, "{path} {}", beyond.text());
        assert_eq!(beyond.json()["limit"], limit);
        let largest = post("id", limit).await;
        assert_eq!(largest.status, 202, "{path} {}", largest.text());

        let stored = world.event(largest.json()["seq"].as_u64().unwrap()).await;
        assert_eq!(stored.event.data().unwrap().to_bytes(), json_body(limit));
        let headers: usize =
            stored.headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        let message = headers + stored.payload.len();
        assert!(message + wire::RECORD_RESERVE <= MAX_PAYLOAD + 256, "{path}: {message}");
        assert!(message + wire::RECORD_RESERVE + 256 >= MAX_PAYLOAD, "{path}: {message}");
    }
    let far_beyond = replica.github("id", "push", &json_body(8 * MAX_PAYLOAD)).await;
    assert_eq!(far_beyond.status, 413);
    assert_eq!(far_beyond.json()["limit"], MAX_PAYLOAD - wire::RECORD_RESERVE);
    assert_eq!(far_beyond.header("connection"), Some("close"));
    assert_eq!(world.stored().await, 2);
}

#[tokio::test]
async fn a_configured_limit_is_the_limit() {
    let world = World::start().await;
    let replica =
        world.serve(&format!("[inbound.limits]\nmax_body_bytes = \"1KiB\"\n{GITHUB}")).await;
    assert_eq!(replica.github("a", "push", &json_body(1024)).await.status, 202);
    let refused = replica.github("b", "push", &json_body(1025)).await;
    assert_eq!((refused.status, &refused.json()["limit"]), (413, &1024.into()));
}

#[tokio::test]
async fn a_server_that_takes_more_admits_more() {
    let nats = testkit::NatsServer::builder().config("max_payload: 4MB").start().await;
    let world = World::without_streams(nats).await;
    world.provision().await;
    let replica = world.serve(GITHUB).await;
    let response = replica.github("a", "push", &json_body(3 * MAX_PAYLOAD)).await;
    assert_eq!(response.status, 202, "{}", response.text());
}
