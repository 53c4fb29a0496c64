//! A database that is away, hangs, is locked or is full of readers: an answer in any case, and all well again afterwards.

use std::time::Duration;

use http::Method;
use serde_json::json;
use sqlx::Connection as _;
use testkit::{PostgresServer, TcpProxy, poll_until};
use topic_gateway::Profile;

use crate::tables::Tables;
use crate::world::{Answered, NOW, RUNS, World, ids};

/// Longer than anything takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

const ONE_JOB: [&str; 1] = ["'', 'c', 'killed', 0, 0, NULL, NULL"];

fn failed() -> (u16, String, String) {
    (500, "database".to_owned(), "Stats query failed.".to_owned())
}

async fn health(world: &World) -> Answered {
    world.send(Method::GET, "/health", None, "").await
}

#[tokio::test]
async fn a_database_that_was_away_is_found_again() {
    let tables = Tables::start().await;
    tables.run("one", &NOW.to_string(), &ONE_JOB);
    let world = World::open(&tables).await;
    for _ in 0..2 {
        assert_eq!(ids(&world.page(&json!({})).await), [1]);
        let body = poll_until(LONG, "the bus", async || {
            let answered = health(&world).await;
            (answered.status == 200).then(|| answered.body())
        });
        assert_eq!(body.await["dependencies"]["postgres_reader"], "ok");
        tables.kill();
        // Its processes end one after the other; each request is answered all the while.
        let answered = poll_until(LONG, "the server to be gone", async || {
            let answered = world.post(RUNS, "{}").await;
            (answered.status != 200).then_some(answered)
        });
        assert_eq!(answered.await.error(), failed());
        let answered = poll_until(LONG, "health to see it", async || {
            let answered = health(&world).await;
            (answered.status != 200).then_some(answered)
        });
        let answered = answered.await;
        let body = answered.body();
        assert_eq!(answered.status, 503);
        assert!(body["failures"]["postgres_reader"].is_string(), "{body}");
        tables.restart().await;
    }
    assert_eq!(ids(&world.page(&json!({})).await), [1]);
}

#[tokio::test]
async fn a_connection_that_was_lost_meanwhile_costs_nobody_an_answer() {
    let tables = Tables::start().await;
    tables.run("one", &NOW.to_string(), &ONE_JOB);
    let proxy = TcpProxy::start(tables.port()).await;
    let world = World::with(proxy.port(), "authenticate = false").await;
    for _ in 0..3 {
        assert_eq!(ids(&world.page(&json!({})).await), [1]);
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'eventgate_reader'";
        tables.sql(end);
        assert_eq!(ids(&world.page(&json!({})).await), [1]);
        proxy.cut();
    }
    tables.restart().await;
    assert_eq!(ids(&world.page(&json!({})).await), [1]);
}

#[tokio::test]
async fn a_database_that_says_nothing_is_given_up() {
    let tables = Tables::start().await;
    let proxy = TcpProxy::start(tables.port()).await;
    let world = World::with(proxy.port(), "authenticate = false").await;
    // With a connection that is open already, and without.
    world.page(&json!({})).await;
    proxy.blackhole();
    for _ in 0..2 {
        let answered = tokio::time::timeout(LONG, world.post(RUNS, "{}")).await.unwrap();
        assert_eq!(answered.error(), failed());
    }
    proxy.heal().await;
    world.page(&json!({})).await;
}

#[tokio::test]
async fn a_page_that_takes_too_long_is_ended_by_the_server() {
    let tables = Tables::start().await;
    tables.run("one", &NOW.to_string(), &ONE_JOB);
    let world = World::with(tables.port(), "authenticate = false\ntimeout = '200ms'").await;
    let lock = tables.lock().await;
    assert_eq!(world.post(RUNS, "{}").await.error(), failed());
    assert_eq!(tables.sql(&waiting("eventgate_reader")), "0", "nothing goes on behind it");
    lock.close().await.unwrap();
    assert_eq!(ids(&world.page(&json!({})).await), [1]);
}

#[tokio::test]
async fn whoever_comes_when_every_connection_is_in_use_is_asked_to_come_again() {
    let tables = Tables::start().await;
    tables.run("one", &NOW.to_string(), &ONE_JOB);
    let world = World::with(tables.port(), "authenticate = false\npool = 1").await;
    let lock = tables.lock().await;
    let first = world.post(RUNS, "{}");
    let second = async {
        poll_until(LONG, "the first page to wait for the table", async || {
            (tables.sql(&waiting("eventgate_reader")) == "1").then_some(())
        })
        .await;
        let answered = world.post(RUNS, "{}").await;
        let message = "Too many statistics are being read.".to_owned();
        assert_eq!(answered.error(), (503, "database".to_owned(), message));
        // Health has a connection of its own.
        assert_eq!(health(&world).await.body()["dependencies"]["postgres_reader"], "ok");
        lock.close().await.unwrap();
    };
    let (first, ()) = tokio::join!(first, second);
    assert_eq!(ids(&first.body()), [1]);
}

#[tokio::test]
async fn nothing_goes_on_for_a_reader_who_has_gone() {
    let tables = Tables::start().await;
    let world = World::with(tables.port(), "authenticate = false\ntimeout = '10m'").await;
    let _lock = tables.lock().await;
    {
        let mut reading = Box::pin(world.post(RUNS, "{}"));
        let begun = poll_until(LONG, "the page to wait for the table", async || {
            (tables.sql(&waiting("eventgate_reader")) == "1").then_some(())
        });
        tokio::select! {
            () = begun => {}
            answered = &mut reading => panic!("{answered:?}"),
        }
    }
    poll_until(LONG, "the server to notice", async || {
        (tables.sql(&waiting("eventgate_reader")) == "0").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_reader_writes_nothing_even_as_a_role_that_may() {
    let tables = Tables::start().await;
    tables.run("one", &NOW.to_string(), &ONE_JOB);
    tables.sql(
        "CREATE TABLE seen (event_id text); \
         ALTER TABLE public_cps_za_runs RENAME TO hidden; \
         CREATE FUNCTION note(text) RETURNS bigint LANGUAGE sql AS \
         'INSERT INTO seen VALUES ($1) RETURNING 1::bigint'; \
         CREATE VIEW public_cps_za_runs AS \
         SELECT *, note(event_id) AS noted FROM hidden WHERE note(event_id) = 1",
    );
    let stats = format!(
        "[topics.stats]\nhost = '127.0.0.1'\nport = {}\ndatabase = 'eventgate_db'\n\
         user = 'postgres'\ntls = 'disable'\nauthenticate = false\n",
        tables.port()
    );
    let world = World::start(&stats, Profile::Head).await;
    assert_eq!(world.post(RUNS, "{}").await.error(), failed());
    assert_eq!(tables.sql("SELECT count(*) FROM seen"), "0");
    // Without the difference that it makes, the test would prove nothing.
    tables.sql("SELECT count(*) FROM public_cps_za_runs");
    assert_ne!(tables.sql("SELECT count(*) FROM seen"), "0");
}

#[tokio::test]
async fn without_a_section_statistics_fail_and_health_does_not_name_them() {
    let world = World::start("", Profile::Head).await;
    assert_eq!(world.post(RUNS, "{}").await.error(), failed());
    let invalid = world.post(RUNS, "{\"limit\":0}").await;
    assert_eq!(invalid.status, 400);
    let dependencies = health(&world).await.body()["dependencies"].clone();
    assert!(dependencies.get("postgres_reader").is_none(), "{dependencies}");
}

#[tokio::test]
async fn whoever_is_not_the_server_is_not_believed() {
    let server = PostgresServer::with_tls().await;
    let ca = format!("ca = '{}'", server.ca().display());
    for (more, reachable) in [(ca.as_str(), true), ("", false), ("tls = 'require'", true)] {
        let stats = format!(
            "[topics.stats]\nhost = '127.0.0.1'\nport = {}\ndatabase = 'postgres'\n\
             user = 'postgres'\n{more}\n",
            server.port()
        );
        let world = World::start(&stats, Profile::Head).await;
        let reader = health(&world).await.body()["dependencies"]["postgres_reader"].clone();
        assert_eq!(reader == "ok", reachable, "{more}: {reader}");
    }
}

/// Counts statements of a role that are under way.
fn waiting(role: &str) -> String {
    format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{role}' AND state = 'active'")
}
