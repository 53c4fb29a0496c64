//! Clients that are slow, large, many or no clients at all: each is answered or cut off, and others do not notice.

use std::time::Duration;

use testkit::http::{Response, exchange, parse};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::world::{GITHUB, PATIENCE, Replica, SECRET, World, github_headers, raw_request, sign};

const QUICK: &str = r#"
[inbound.limits]
header_read_timeout = "300ms"
body_read_timeout = "300ms"
"#;

async fn dial(replica: &Replica) -> TcpStream {
    TcpStream::connect(replica.address).await.unwrap()
}

/// Reads until the server closes; a reset is a close too.
async fn drained(mut stream: TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    let end = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    drop(end.expect("the server closes the connection"));
    answer
}

/// A request whose body is declared with `length` bytes, without the body.
fn head(path: &str, headers: &[(&str, &str)], length: usize) -> Vec<u8> {
    let request = String::from_utf8(raw_request("POST", path, headers, b"")).unwrap();
    request.replace("Content-Length: 0", &format!("Content-Length: {length}")).into_bytes()
}

async fn still_works(replica: &Replica) {
    let response = replica.github("still-works", "push", b"{}").await;
    assert_eq!(response.status, 202, "{}", response.text());
}

#[tokio::test]
async fn a_client_that_never_finishes_its_headers_is_cut_off() {
    let world = World::start().await;
    let replica = world.serve(&format!("{QUICK}{GITHUB}")).await;
    // Silence, half a request, half a preface of HTTP/2, a whole one without a request.
    for start in [
        &b""[..],
        b"POST /hooks/gh HTTP/1.1\r\nHost: x\r\n",
        b"PRI",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut stream = dial(&replica).await;
        stream.write_all(start).await.unwrap();
        let answer = drained(stream).await;
        let text = String::from_utf8_lossy(&answer);
        assert!(!text.contains("HTTP/1.1 2"), "{text}");
    }
    let mut dribbling = dial(&replica).await;
    let started = Instant::now();
    let mut sent = b"POST /hooks/gh HTTP/1.1\r\nX-Slow: ".iter().chain(std::iter::repeat(&b'x'));
    while dribbling.write_all(&[*sent.next().unwrap()]).await.is_ok() {
        assert!(started.elapsed() < PATIENCE, "the server waits for ever");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    still_works(&replica).await;
}

#[tokio::test]
async fn a_client_that_never_finishes_its_body_is_told_so_and_cut_off() {
    let world = World::start().await;
    let replica = world.serve(&format!("{QUICK}{GITHUB}")).await;
    let signature = sign(b"{}");
    let mut stream = dial(&replica).await;
    let headers = github_headers("id-1", "push", &signature);
    stream.write_all(&head("/hooks/gh", &headers, 2)).await.unwrap();
    stream.write_all(b"{").await.unwrap();
    let response = parse(&drained(stream).await).unwrap();
    assert_eq!(response.status, 408);
    assert_eq!(response.json()["code"], "body_timeout");
    assert_eq!(response.header("connection"), Some("close"));
    replica.metric("serve_inbound_in_flight_requests 0").await;
    still_works(&replica).await;
}

#[tokio::test]
async fn a_client_that_hangs_up_within_its_body_leaves_nothing_behind() {
    let world = World::start().await;
    let replica = world.serve(GITHUB).await;
    let signature = sign(b"{}");
    let mut stream = dial(&replica).await;
    let headers = github_headers("id-1", "push", &signature);
    stream.write_all(&head("/hooks/gh", &headers, 2)).await.unwrap();
    stream.write_all(b"{").await.unwrap();
    drop(stream);
    replica.metric("serve_inbound_open_connections 0").await;
    replica.metric("serve_inbound_in_flight_requests 0").await;
    assert_eq!(world.stored().await, 0);
    still_works(&replica).await;
}

#[tokio::test]
async fn too_many_or_too_large_headers_are_refused() {
    let world = World::start().await;
    let replica = world.serve(GITHUB).await;
    let many = |count: usize| {
        let lines: Vec<String> = (0..count).map(|index| format!("X-H{index}")).collect();
        let headers: Vec<(&str, &str)> = lines.iter().map(|name| (name.as_str(), "v")).collect();
        raw_request("POST", "/hooks/gh", &headers, b"{}")
    };
    let large = "x".repeat(200 * 1024);
    for (what, request) in [
        ("10,000 headers", many(10_000)),
        ("101 headers", many(101)),
        ("a large header", raw_request("POST", "/hooks/gh", &[("X-Large", &large)], b"{}")),
    ] {
        let response = exchange(&replica.authority(), &request).await.unwrap();
        assert_eq!(response.status, 431, "{what}");
    }
    assert_eq!(exchange(&replica.authority(), &many(90)).await.unwrap().status, 401);
    still_works(&replica).await;
}

#[tokio::test]
async fn an_oversized_body_is_refused_however_it_is_announced() {
    let world = World::start().await;
    let replica =
        world.serve(&format!("[inbound.limits]\nmax_body_bytes = \"64KiB\"\n{GITHUB}")).await;
    let body = vec![b'x'; 1024 * 1024];
    let refused = |response: &Response| {
        assert_eq!(response.status, 413, "{}", response.text());
        assert_eq!(response.json()["limit"], 64 * 1024);
    };
    refused(&replica.github("declared", "push", &body).await);

    let mut chunked = String::from_utf8(raw_request("POST", "/hooks/gh", &[], b"")).unwrap();
    chunked = chunked.replace("Content-Length: 0", "Transfer-Encoding: chunked");
    let mut chunked = chunked.into_bytes();
    for chunk in body.chunks(10_000) {
        chunked.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        chunked.extend_from_slice(chunk);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    refused(&exchange(&replica.authority(), &chunked).await.unwrap());

    // Whoever waits for `100 Continue` gets the answer instead and never sends the body.
    let waiting = head("/hooks/gh", &[("Expect", "100-continue")], 1 << 40);
    refused(&exchange(&replica.authority(), &waiting).await.unwrap());
    still_works(&replica).await;
}

#[tokio::test]
async fn a_chunked_body_within_the_limit_passes() {
    let world = World::start().await;
    let replica = world.serve(GITHUB).await;
    let signature = sign(b"{\"a\":1}");
    let headers = github_headers("id-1", "push", &signature);
    let request = String::from_utf8(raw_request("POST", "/hooks/gh", &headers, b"")).unwrap();
    let request = request.replace("Content-Length: 0", "Transfer-Encoding: chunked");
    let request = format!("{request}3\r\n{{\"a\r\n4\r\n\":1}}\r\n0\r\n\r\n");
    let response = exchange(&replica.authority(), request.as_bytes()).await.unwrap();
    assert_eq!(response.status, 202, "{}", response.text());
}

#[tokio::test]
async fn what_is_no_http_is_answered_400_or_closed() {
    let world = World::start().await;
    let replica = world.serve(GITHUB).await;
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET\r\n\r\n",
        b"POST /hooks/gh HTTP/9.9\r\n\r\n",
        b"POST /hooks/gh HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /hooks/gh HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /hooks/gh HTTP/1.1\r\nX\x00: y\r\n\r\n",
        b"POST /hooks/g h HTTP/1.1\r\n\r\n",
        b"\r\n\r\n\r\n\r\nnonsense\r\n\r\n",
    ] {
        let mut stream = dial(&replica).await;
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.ok();
        let answer = String::from_utf8_lossy(&drained(stream).await).into_owned();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
    still_works(&replica).await;
}

#[tokio::test]
async fn requests_beyond_the_concurrency_are_asked_to_come_back() {
    let world = World::start().await;
    let replica =
        world.serve(&format!("[inbound.limits]\nmax_concurrent_requests = 1\n{GITHUB}")).await;
    let signature = sign(b"{}");
    let headers = github_headers("slow", "push", &signature);
    let mut slow = dial(&replica).await;
    slow.write_all(&head("/hooks/gh", &headers, 2)).await.unwrap();
    replica.metric("serve_inbound_in_flight_requests 1").await;
    let busy = replica.github("other", "push", b"{}").await;
    assert_eq!((busy.status, busy.header("retry-after")), (503, Some("1")));
    assert_eq!(busy.json()["code"], "busy");
    slow.write_all(b"{}").await.unwrap();
    assert_eq!(parse(&drained(slow).await).unwrap().status, 202);
    still_works(&replica).await;
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let world = World::start().await;
    let replica = world.serve(&format!("[inbound.limits]\nmax_connections = 1\n{GITHUB}")).await;
    let idle = dial(&replica).await;
    replica.metric("serve_inbound_open_connections 1").await;
    let waiting = replica.github("waiting", "push", b"{}");
    let free = async {
        replica.metric("serve_inbound_open_connections 1").await;
        drop(idle);
    };
    let (response, ()) = tokio::join!(waiting, free);
    assert_eq!(response.status, 202);
}

#[tokio::test]
async fn each_rate_is_kept_and_says_when_to_come_back() {
    let world = World::start().await;
    let toml = format!(
        "[inbound]\ntrusted_proxies = [\"127.0.0.0/8\"]\nlimits = {{ client_rate = \"3/h\" }}\n{}rate = \"2/h\"\n{GITHUB}",
        GITHUB.replace("\"gh\"", "\"limited\"")
    );
    let replica = world.serve(&toml).await;
    let signature = sign(b"{}");
    let send = async |path: &str, id: &str, client: &str| {
        let mut headers = github_headers(id, "push", &signature).to_vec();
        headers.push(("X-Forwarded-For", client));
        replica.post(path, &headers, b"{}").await
    };
    for (path, client, status, code) in [
        ("/hooks/limited", "192.0.2.1", 202, None),
        ("/hooks/limited", "192.0.2.2", 202, None),
        ("/hooks/limited", "192.0.2.2", 429, Some("source_rate")),
        ("/hooks/gh", "192.0.2.2", 202, None),
        ("/hooks/gh", "192.0.2.2", 429, Some("client_rate")),
        ("/hooks/gh", "192.0.2.1", 202, None),
    ] {
        let response = send(path, &format!("{path}{client}"), client).await;
        assert_eq!(response.status, status, "{path} {client} {}", response.text());
        let seconds = response.header("retry-after").map(|text| text.parse::<u64>().unwrap());
        assert_eq!(seconds.is_some_and(|wait| (1..=1800).contains(&wait)), status == 429);
        if let Some(code) = code {
            assert_eq!(response.json()["code"], code);
        }
    }
}

#[tokio::test]
async fn http_2_is_spoken_too() {
    let world = World::start().await;
    let replica = world.serve(GITHUB).await;
    event_bus_runtime::install_crypto_provider();
    let client = reqwest::Client::builder().http2_prior_knowledge().no_proxy().build().unwrap();
    let url = format!("http://{}/hooks/gh", replica.address);
    for id in ["a", "b"] {
        let mut request = client.post(&url).body("{}");
        for (name, value) in github_headers(id, "push", &sign(b"{}")) {
            request = request.header(name, value);
        }
        let response = request.send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), response.version()),
            (202, reqwest::Version::HTTP_2)
        );
    }
    let stranger = client.post(&url).body("{}").send().await.unwrap();
    assert_eq!(stranger.status().as_u16(), 401);
    assert!(!stranger.text().await.unwrap().contains(SECRET));
}

#[tokio::test]
async fn a_shutdown_lets_requests_under_way_finish_and_takes_no_new_ones() {
    let world = World::start().await;
    let replica = world.serve(GITHUB).await;
    let signature = sign(b"{}");
    let headers = github_headers("slow", "push", &signature);
    let idle = dial(&replica).await;
    let mut slow = dial(&replica).await;
    slow.write_all(&head("/hooks/gh", &headers, 2)).await.unwrap();
    replica.metric("serve_inbound_in_flight_requests 1").await;
    replica.shutdown.cancel();
    testkit::poll_until(PATIENCE, "the listener to close", async || {
        TcpStream::connect(replica.address).await.is_err().then_some(())
    })
    .await;
    slow.write_all(b"{}").await.unwrap();
    assert_eq!(parse(&drained(slow).await).unwrap().status, 202);
    assert!(drained(idle).await.is_empty());
    replica.stop().await.unwrap();
    assert_eq!(world.stored().await, 1);
}

#[tokio::test]
async fn a_request_that_outlasts_the_grace_is_cut_off() {
    let world = World::start().await;
    let replica = world.serve(&format!("[inbound]\ngrace = \"200ms\"\n{GITHUB}")).await;
    let mut slow = dial(&replica).await;
    slow.write_all(&head("/hooks/gh", &[], 2)).await.unwrap();
    replica.metric("serve_inbound_in_flight_requests 1").await;
    let started = Instant::now();
    replica.stop().await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(9), "the body timeout did not end it");
    assert!(drained(slow).await.is_empty());
}
