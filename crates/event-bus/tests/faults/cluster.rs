use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use testkit::{CaptureSink, NatsCluster, poll_until};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::world::{LONG, World, ids_on, route};

#[tokio::test(flavor = "multi_thread")]
async fn killing_the_leader_of_a_replicated_stream_loses_nothing() {
    let cluster = NatsCluster::start(3).await;
    let sink = CaptureSink::start().await;
    let streams = ["events", "retries", "dead_letters"]
        .map(|stream| format!("streams.{stream}.replicas = 3\n"));
    let bus = format!("url = {:?}\n{}", cluster.urls(), streams.concat());
    let world = Arc::new(World::new(&bus, &route("hooks", &sink.url(), 3)));
    let (inbound, relay) = (world.start("serve-inbound"), world.start("relay-outbound"));
    poll_until(LONG, "a first webhook to be taken", async || {
        world.send("first").await.filter(|answer| answer.status == 202)
    })
    .await;
    sink.wait_for(1, LONG).await;

    let began = Instant::now();
    let mut senders = JoinSet::new();
    for sender in 0..4 {
        let world = Arc::clone(&world);
        senders.spawn(async move {
            let mut accepted = BTreeSet::new();
            let mut number = 0;
            while began.elapsed() < Duration::from_secs(15) {
                let id = format!("{sender}-{number}");
                if world.send(&id).await.is_some_and(|answer| answer.status < 300) {
                    accepted.insert(id);
                }
                number += 1;
                sleep(Duration::from_millis(5)).await;
            }
            accepted
        });
    }
    sleep(Duration::from_secs(2)).await;
    let leader = cluster.leader_of("EVENTS").await.expect("the stream has a leader");
    cluster.kill(leader);
    let mut accepted = BTreeSet::from(["first".to_owned()]);
    while let Some(ids) = senders.join_next().await {
        accepted.extend(ids.expect("a sender does not panic"));
    }
    cluster.restart(leader).await;
    assert!(inbound.exited().is_none() && relay.exited().is_none(), "a service has ended");
    let stored = ids_on(&cluster.jetstream().await, "EVENTS").await;
    let missing: Vec<_> = accepted.iter().filter(|id| !stored.contains_key(*id)).collect();
    assert!(missing.is_empty(), "answered 2xx and not on the stream: {missing:?}");
    assert!(stored.values().all(|count| *count == 1));
    poll_until(LONG, "every event to be delivered", async || {
        stored.keys().all(|id| sink.accepted().contains_key(id)).then_some(())
    })
    .await;
    println!("{} taken over a failover, {} delivered", accepted.len(), sink.accepted().len());
}
