//! Keys that change, and a key server that is away, while messages come.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use testkit::tokens::document;
use testkit::{KeyServer, Reply, Signer, poll_until, size};
use tokio::time::{interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::world::{LONG, Message, Producer, USER, World, token};

/// Requests in a second.
const RATE: u64 = 50;

/// Sends fifty messages a second, with one token after the other, until told to stop; each must be accepted.
async fn traffic(producers: &[Producer], stop: &CancellationToken, sent: &AtomicUsize) {
    let mut ticks = interval(Duration::from_millis(1000 / RATE));
    let mut under_way = tokio::task::JoinSet::new();
    for turn in 0.. {
        ticks.tick().await;
        if stop.is_cancelled() {
            break;
        }
        let producer = producers[turn % producers.len()].clone();
        let message = Message::any();
        under_way.spawn(async move { producer.post(&message).await.status });
        sent.fetch_add(1, Ordering::Relaxed);
    }
    let answers = under_way.join_all().await;
    let refused = answers.iter().filter(|status| **status != 202).count();
    assert_eq!(refused, 0, "{refused} of {} were refused", answers.len());
}

/// Traffic by these keys while something happens, and for a while before and after.
async fn during(
    world: &World,
    signers: &[&Signer],
    happens: impl AsyncFnOnce(&KeyServer),
) -> usize {
    let producers: Vec<_> =
        signers.iter().map(|signer| world.producer().with_token(&token(signer, USER))).collect();
    let (stop, sent) = (CancellationToken::new(), AtomicUsize::new(0));
    let quiet = Duration::from_millis(size(500, 10_000));
    let change = async {
        sleep(quiet).await;
        happens(&world.keys).await;
        sleep(quiet).await;
        stop.cancel();
    };
    tokio::join!(traffic(&producers, &stop, &sent), change);
    sent.into_inner()
}

async fn status(world: &World, signer: &Signer) -> u16 {
    let producer = world.producer().with_token(&token(signer, USER));
    producer.post(&Message::any()).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_change_and_go_away_under_load_and_no_good_token_is_refused() {
    let world = World::new(&[]).await;
    let _gateway = world.start().await;
    let (a, b, c) = (Signer::a(), Signer::b(), Signer::c());
    let mut sent = 0;
    assert_eq!(status(&world, &b).await, 401, "its key is not published yet");
    sent += during(&world, &[&a], async |keys| keys.publish(&document(&[&b, &a]))).await;
    // Both are published: the gateway has not asked since, and finds the new one when the first token of it comes.
    sent += during(&world, &[&a, &b], async |_| ()).await;
    sent += during(&world, &[&b], async |keys| {
        keys.publish(&document(&[&b]));
        // Dead from the next fetch on, which a token of a key that nobody has published brings about.
        poll_until(LONG, "the old key to be refused", async || {
            assert_eq!(status(&world, &c).await, 401);
            (status(&world, &a).await == 401).then_some(())
        })
        .await;
    })
    .await;
    assert_eq!(status(&world, &a).await, 401, "the old key is gone");
    for outage in [
        Reply::status(500),
        Reply::status(200).body("<html>"),
        Reply::status(200).body(r#"{"keys":[]}"#),
        Reply::Reset,
        Reply::Hang,
    ] {
        sent += during(&world, &[&b], async |keys| {
            keys.reply(outage.clone());
            assert_eq!(status(&world, &c).await, 401, "{outage:?}");
        })
        .await;
    }
    sent += during(&world, &[&b], async |keys| {
        keys.stop().await;
        assert_eq!(status(&world, &c).await, 401);
        keys.restart().await;
        keys.publish(&document(&[&c, &b]));
    })
    .await;
    poll_until(LONG, "the newest key to be taken", async || {
        (status(&world, &c).await == 202).then_some(())
    })
    .await;
    println!("{sent} good tokens at {RATE}/s over 3 rotations and 6 outages, none refused");
}
