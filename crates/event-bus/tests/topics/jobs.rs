//! Events of many jobs, in any order and some of them twice, merge into what a fold by their time says.

use rand::RngExt as _;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use testkit::{rng, size};

use crate::equality::assert_jobs;
use crate::world::{Part, World, at_once, job, uuid};

const KINDS: [&str; 5] = [
    "JobCreatedEvent",
    "JobCreatedAndStartedEvent",
    "JobStartedEvent",
    "JobUpdatedEvent",
    "JobFinishedEvent",
];

#[tokio::test(flavor = "multi_thread")]
async fn status_changes_in_any_order_merge_into_the_fold_of_all() {
    let mut random = rng("status changes");
    let world = World::new(&[Part::Postgres]).await;
    let _gateway = world.start().await;
    let (mut events, mut sent) = (Vec::new(), Vec::new());
    let jobs = size(60, 1000);
    for _ in 0..jobs {
        let id = uuid(&mut random);
        let mut times: Vec<i64> = (1..40).map(|step| 1_700_000_000_000 + 997 * step).collect();
        times.shuffle(&mut random);
        for time in &times[..random.random_range(1..12)] {
            let event = job(&id, KINDS.choose(&mut random).unwrap(), *time, &mut random);
            for _ in 0..*[1, 1, 1, 2, 3].choose(&mut random).unwrap() {
                sent.push(event.clone());
            }
            events.push(event);
        }
    }
    sent.shuffle(&mut random);
    let producer = &world.producer();
    at_once(48, &sent, |message| async move {
        let answer = producer.post(message).await;
        assert_eq!(answer.status, 202, "{answer:?} {message:?}");
    })
    .await;
    assert_jobs(&world, &events.iter().collect::<Vec<_>>());
    println!("{jobs} jobs of {} events, sent {} times, equal their fold", events.len(), sent.len());
}
