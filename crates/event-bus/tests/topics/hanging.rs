//! A destination that never answers: the topics that it is not for go on as if it were not there.

use std::sync::Arc;

use testkit::{poll_until, rng, size};

use crate::world::{LONG, Message, Part, RUNS, TEST, World, at_once};

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_hangs_does_not_slow_the_topics_of_other_tables() {
    let mut random = rng("hanging");
    let world = World::new(&[Part::EventBridge, Part::Postgres]).await;
    let _gateway = world.start().await;
    let (producer, database) = (&world.producer(), world.database());
    let table = RUNS.replace('.', "_");
    let locker = tokio::task::spawn_blocking({
        let (server, sql) =
            (Arc::clone(&database.server), format!("LOCK TABLE {table}; SELECT pg_sleep(600)"));
        move || server.try_psql_in("eventgate_db", &sql)
    });
    let locked = format!(
        "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND relation = '{table}'::regclass"
    );
    poll_until(LONG, "the lock", async || (database.sql(&locked) == "1").then_some(())).await;
    // Each finds a place to wait: 819 are the share of one of four topics.
    let stuck: Vec<_> = (0..size(200, 800)).map(|_| Message::random(RUNS, &mut random)).collect();
    let quick: Vec<_> = (0..size(200, 5000)).map(|_| Message::any()).collect();
    let hang = at_once(stuck.len(), &stuck, |message| async move { producer.post(message).await });
    let meanwhile = async {
        // All of them are on their way: each is on EventBridge already.
        poll_until(LONG, "the events that hang", async || {
            (world.bridge().entries().len() >= stuck.len()).then_some(())
        })
        .await;
        let answers = at_once(16, &quick, |message| async { producer.post(message).await.status });
        let answers = answers.await;
        assert!(answers.iter().all(|status| *status == 202), "{answers:?}");
        assert_eq!(database.sql(&locked), "1", "it hung until the others had been accepted");
        database
            .sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LOCK%'");
    };
    let (answers, ()) = tokio::join!(hang, meanwhile);
    assert!(locker.await.unwrap().is_err());
    for answer in answers.iter().filter(|answer| answer.status != 202) {
        let kinds: Vec<_> = answer.errors().iter().map(|(kind, _)| *kind).collect();
        assert_eq!((answer.status, kinds), (500, vec!["postgres"]), "{answer:?}");
    }
    at_once(16, &stuck, |message| async move {
        poll_until(LONG, "a message to be accepted", async || {
            (producer.post(message).await.status == 202).then_some(())
        })
        .await;
    })
    .await;
    for (topic, messages) in [(RUNS, &stuck), (TEST, &quick)] {
        let sql = "SELECT count(*), count(DISTINCT event_id) FROM";
        let found = database.sql(&format!("{sql} {}", topic.replace('.', "_")));
        assert_eq!(found, format!("{0}|{0}", messages.len()), "{topic}");
    }
    println!("{} messages accepted while {} of another topic hung", quick.len(), stuck.len());
}
