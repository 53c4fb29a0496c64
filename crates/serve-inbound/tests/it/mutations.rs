//! A genuine request, damaged at random: each is answered or closed, and whatever is answered 2xx is on the stream.

use std::collections::BTreeSet;

use rand::RngExt;
use rand::rngs::StdRng;
use testkit::http::parse;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::world::{GITHUB, PATIENCE, Replica, World, github_headers, raw_request, sign};

const ROUNDS: usize = 500;

#[tokio::test]
async fn a_damaged_request_is_answered_or_closed_and_never_stored_by_mistake() {
    let world = World::start().await;
    let quick = "[inbound.limits]\nheader_read_timeout = \"2s\"\nbody_read_timeout = \"2s\"\n";
    let replica = world.serve(&format!("{quick}{GITHUB}")).await;
    let mut rng = testkit::rng("mutations");
    let body = br#"{"action":"opened","repository":{"url":"https://api.github.com/repos/a/b"}}"#;
    let signature = sign(body);
    let mut stored = BTreeSet::new();
    for round in 0..ROUNDS {
        let id = format!("round-{round}");
        let headers = github_headers(&id, "issues", &signature);
        let mut request = raw_request("POST", "/hooks/gh", &headers, body);
        for _ in 0..rng.random_range(1..4) {
            damage(&mut request, &mut rng);
        }
        let answer = exchange(&replica, &request).await;
        if answer.is_empty() {
            continue;
        }
        let mut response = parse(&answer).unwrap_or_else(|error| panic!("round {round}: {error}"));
        // What stands behind the request is answered as the next one.
        let length = response.header("content-length").and_then(|length| length.parse().ok());
        response.body.truncate(length.unwrap_or(0));
        let expected = (200..500).contains(&response.status);
        assert!(expected, "round {round}: {} {}", response.status, response.text());
        if response.status == 202 {
            stored.insert(response.json()["seq"].as_u64().expect("a sequence"));
            // The signature passed, so the body is the one that was signed.
            assert_eq!(response.json()["stream"], "EVENTS");
        }
    }
    // An answer can get lost when the server closes before it has read what stands behind the request.
    let on_stream = world.stored().await;
    assert!(stored.last().is_none_or(|last| *last <= on_stream), "{stored:?} of {on_stream}");
    for seq in 1..=on_stream {
        let data = world.event(seq).await.event.data().map(|data| data.to_bytes());
        assert_eq!(data.as_deref(), Some(&body[..]));
    }
    assert_eq!(replica.github("still-works", "push", b"{}").await.status, 202);
}

async fn exchange(replica: &Replica, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(replica.address).await.expect("a connection");
    let mut answer = Vec::new();
    let talk = async {
        // The server may have answered and closed before it has read everything.
        stream.write_all(request).await.ok();
        stream.shutdown().await.ok();
        stream.read_to_end(&mut answer).await.ok();
    };
    timeout(PATIENCE, talk).await.expect("the server answers or closes");
    answer
}

fn damage(request: &mut Vec<u8>, rng: &mut StdRng) {
    let at = rng.random_range(0..request.len());
    match rng.random_range(0..6) {
        0 => request[at] = rng.random(),
        1 => request[at] ^= 1 << rng.random_range(0..8),
        2 => request.insert(at, rng.random()),
        3 => drop(request.remove(at)),
        4 => {
            let end = (at + rng.random_range(1..40)).min(request.len());
            let copy = request[at..end].to_vec();
            request.splice(at..at, copy);
        }
        _ => {
            let end = (at + rng.random_range(1..10)).min(request.len());
            request.drain(at..end);
        }
    }
}
