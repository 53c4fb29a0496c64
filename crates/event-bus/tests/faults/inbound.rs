use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use testkit::{NatsServer, rng};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::world::{World, ids_on};

const KILLS: usize = 25;
const SENDERS: usize = 8;

/// Sends webhooks until told to stop, each again under its id until it is answered 2xx; returns those that were.
async fn send_all(world: Arc<World>, sender: usize, stop: CancellationToken) -> BTreeSet<String> {
    let mut accepted = BTreeSet::new();
    let mut number = 0;
    while !stop.is_cancelled() {
        let id = format!("{sender}-{number}");
        match world.send(&id).await {
            Some(answer) if answer.status < 300 => {
                accepted.insert(id);
                number += 1;
            }
            Some(_) | None => sleep(Duration::from_millis(20)).await,
        }
    }
    accepted
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_the_inbound_under_load_leaves_every_2xx_on_the_stream_once() {
    let mut random = rng("inbound kills");
    let server = NatsServer::start().await;
    let world = Arc::new(World::new(&format!("url = {:?}", server.url()), ""));
    let mut inbound = world.start("serve-inbound");
    world.wait_until_open().await;
    let stop = CancellationToken::new();
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        senders.spawn(send_all(Arc::clone(&world), sender, stop.clone()));
    }
    for _ in 0..KILLS {
        sleep(Duration::from_millis(random.random_range(100..500))).await;
        inbound.kill9();
        inbound = world.start("serve-inbound");
        world.wait_until_open().await;
    }
    sleep(Duration::from_millis(500)).await;
    stop.cancel();
    let mut accepted = BTreeSet::new();
    while let Some(ids) = senders.join_next().await {
        accepted.extend(ids.expect("a sender does not panic"));
    }
    assert!(accepted.len() > KILLS, "only {} webhooks were taken", accepted.len());
    let stored = ids_on(&server.jetstream().await, "EVENTS").await;
    let missing: Vec<_> = accepted.iter().filter(|id| !stored.contains_key(*id)).collect();
    assert!(missing.is_empty(), "answered 2xx and not on the stream: {missing:?}");
    let twice: Vec<_> = stored.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "on the stream more than once: {twice:?}");
    println!("{} webhooks taken over {KILLS} kills", accepted.len());
}
