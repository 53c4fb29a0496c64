//! What is held at once: by those who prove nothing, by those who wait for the bus, and by those who wait for destinations.

use futures_util::future::join_all;
use serde_json::json;
use testkit::report::loudly;
use testkit::{CaptureSink, Reply, Script, Signer, http, poll_until};
use tokio::task::JoinSet;

use crate::world::{LONG, World, sample, token};

/// Senders without a good token.
const HOSTILE: usize = 64;

/// Requests that wait for a destination.
const WAITING: usize = 40;

/// Nothing in the stream, so that the bytes that are sent are all there are.
fn request(world: &World, token: &str, declared: usize, sent: usize) -> Vec<u8> {
    let head = format!(
        "POST /topics/orders HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: {declared}\r\nConnection: close\r\n\r\n",
        world.listen
    );
    [head.into_bytes(), vec![b' '; sent]].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_prove_nothing_keep_nobody_out() {
    let limits = "limits = { max_concurrent_requests = 2, max_bytes_in_flight = '2MiB' }";
    let world = World::new(&["orders"], limits).await;
    let running = world.start("topic-gateway").await;
    // Each of their tokens waits for a newer key.
    world.keys.reply(Reply::Hang);
    let unknown = Signer::c().token(&json!({ "sub": "pipeline" }));
    let authority = world.listen.to_string();
    let all = 1 << 20;
    let hostile = join_all((0..HOSTILE).map(async |n| {
        // Some are sent whole, some stop in the middle, some have not begun.
        let request = request(&world, &unknown, all, [all, all / 2, 0][n % 3]);
        http::exchange(&authority, &request).await.unwrap().status
    }));
    let good = async {
        poll_until(LONG, "all of them to be there", async || {
            let page = world.metrics().await;
            let open = page.lines().find_map(|line| {
                line.strip_prefix("topic_gateway_open_connections ")?.parse::<usize>().ok()
            });
            (open.unwrap_or_default() >= HOSTILE).then_some(())
        })
        .await;
        for n in 0..20 {
            let body = format!("{{\"id\":\"{n}\",\"more\":\"{}\"}}", "x".repeat(500_000));
            let answer = world.post("orders", &body).await;
            assert_eq!(answer.status, 202, "{}", answer.text());
        }
        let page = world.metrics().await;
        assert!(!page.contains(r#"reason="unknown_key""#), "they wait still");
        world.keys.stop().await;
    };
    let (statuses, ()) = tokio::join!(hostile, good);
    assert!(statuses.iter().all(|status| *status == 401), "{statuses:?}");
    world.stop(running).await;
}

#[tokio::test]
async fn a_body_has_its_room_until_the_event_is_stored() {
    let limits = "publish_within = '3s'\nlimits = { max_bytes_in_flight = '1MiB' }";
    let world = World::new(&["orders"], limits).await;
    let running = world.start("topic-gateway").await;
    world.nats.pause();
    let body = |id: &str| format!("{{\"id\":\"{id}\",\"more\":\"{}\"}}", "x".repeat(600_000));
    let (a, b, c) = (body("a"), body("b"), body("c"));
    poll_until(LONG, "one that waits for the bus, and another that finds no room", async || {
        let answers = tokio::join!(world.post("orders", &a), world.post("orders", &b));
        let mut texts = [answers.0.text(), answers.1.text()];
        texts.sort();
        let is_refused = texts[1].contains("Too many requests are being handled");
        (texts[0].contains("could not be stored") && is_refused).then_some(())
    })
    .await;
    world.nats.resume();
    poll_until(LONG, "room for others", async || {
        (world.post("orders", &c).await.status == 202).then_some(())
    })
    .await;
    world.stop(running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_wait_for_a_destination_hold_nothing_of_what_they_sent() {
    let slow = CaptureSink::scripted(Script::reply(Reply::Hang)).await;
    let route = format!(
        "delivered_within = '60s'\nlimits = {{ max_bytes_in_flight = '2MiB' }}\n\n[[outbound.routes]]\nname = 'slow'\nsubjects = ['fleet.topic.orders']\n\
         receipts = true\nsink.webhook = {{ url = '{}', timeout = '60s' }}\n",
        slow.url()
    );
    let world = World::new(&["orders"], &route).await;
    let running = world.start("topic-gateway").await;
    let before = running.resident_bytes().unwrap();
    // Parsed, each takes more than 8 MB.
    let numbers = vec!["1"; 300_000].join(",");
    // Quoted by the reason why it is refused.
    let wrong = format!("{{\"id\":[{}]}}", vec!["1"; 100_000].join(","));
    let waiting =
        async || sample(&world.metrics().await, "topic_gateway_waiting_requests", "orders");
    let (client, token) =
        (reqwest::Client::builder().no_proxy().build().unwrap(), token("pipeline"));
    let mut requests = JoinSet::new();
    for n in 0..WAITING {
        let body = format!("{{\"id\":\"{n}\",\"x\":[{numbers}]}}");
        // As one message, and as one of several.
        let body = if n % 2 == 0 { body } else { format!("[{body},{wrong}]") };
        let request = client.post(world.url("/topics/orders")).bearer_auth(&token).body(body);
        requests.spawn(request.timeout(2 * LONG).send());
        // One after the other, so that no more than one is judged at a time.
        poll_until(LONG, "it to wait", async || (waiting().await as usize == n + 1).then_some(()))
            .await;
    }
    let more = running.resident_bytes().unwrap().saturating_sub(before) >> 20;
    loudly(&format!("{WAITING} requests wait for a destination and take {more} MiB more"));
    drop(requests);
    assert!(more < 100, "{more} MiB more");
    running.kill();
}
