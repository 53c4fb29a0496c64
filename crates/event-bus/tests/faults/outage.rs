use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use testkit::{CaptureSink, NatsServer, free_port, poll_until};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::world::{LONG, World, ids_on, route};

const OUTAGE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_for_twenty_seconds_costs_no_event() {
    let server = NatsServer::start().await;
    let sink = CaptureSink::start().await;
    let world =
        Arc::new(World::new(&format!("url = {:?}", server.url()), &route("hooks", &sink.url(), 3)));
    let (inbound, relay) = (world.start("serve-inbound"), world.start("relay-outbound"));
    poll_until(LONG, "a first webhook to be taken", async || {
        world.send("first").await.filter(|answer| answer.status == 202)
    })
    .await;

    let began = Instant::now();
    let mut senders = JoinSet::new();
    for sender in 0..8 {
        let world = Arc::clone(&world);
        senders.spawn(async move {
            let (mut accepted, mut refused) = (BTreeSet::new(), Vec::new());
            let mut number = 0;
            while began.elapsed() < OUTAGE + Duration::from_secs(15) {
                let id = format!("{sender}-{number}");
                number += 1;
                let answer = world.send(&id).await.expect("the inbound always answers");
                if answer.status < 300 {
                    accepted.insert(id);
                } else {
                    refused.push((answer.status, answer.header("retry-after").map(str::to_owned)));
                }
            }
            (accepted, refused)
        });
    }
    sleep(Duration::from_secs(3)).await;
    server.kill();
    sleep(OUTAGE).await;
    server.restart().await;
    let (mut accepted, mut refused) = (BTreeSet::from(["first".to_owned()]), Vec::new());
    while let Some(done) = senders.join_next().await {
        let (more, less) = done.expect("a sender does not panic");
        accepted.extend(more);
        refused.extend(less);
    }
    assert!(!refused.is_empty());
    for (status, retry_after) in &refused {
        assert_eq!(*status, 503);
        assert!(
            retry_after.as_deref().is_some_and(|text| text.parse::<u32>().is_ok()),
            "503 without Retry-After"
        );
    }
    assert!(inbound.exited().is_none() && relay.exited().is_none(), "a service has ended");
    let stored = ids_on(&server.jetstream().await, "EVENTS").await;
    let missing: Vec<_> = accepted.iter().filter(|id| !stored.contains_key(*id)).collect();
    assert!(missing.is_empty(), "answered 2xx and not on the stream: {missing:?}");
    assert!(stored.values().all(|count| *count == 1));
    poll_until(LONG, "every event to be delivered", async || {
        (sink.accepted().len() == stored.len()).then_some(())
    })
    .await;
    println!(
        "{} taken, {} answered 503, {} delivered",
        accepted.len(),
        refused.len(),
        sink.accepted().len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn services_that_start_before_the_broker_wait_for_it() {
    let port = free_port();
    let sink = CaptureSink::start().await;
    let world =
        World::new(&format!("url = \"nats://127.0.0.1:{port}\""), &route("hooks", &sink.url(), 3));
    let (inbound, relay) = (world.start("serve-inbound"), world.start("relay-outbound"));
    world.wait_until_open().await;
    let answer = world.send("early").await.expect("an answer");
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some());
    assert!(inbound.exited().is_none() && relay.exited().is_none(), "a service has ended");

    let _server = NatsServer::builder().port(port).start().await;
    poll_until(LONG, "the webhook to be taken", async || {
        world.send("early").await.filter(|answer| answer.status == 202)
    })
    .await;
    let requests = sink.wait_for(1, LONG).await;
    assert_eq!(requests[0].event_id().as_deref(), Some("early"));
}
