//! Connections that break, servers that refuse, and rows that spoil a batch.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use event_bus_core::delivery::{DeliveryError, Disposition};
use event_bus_core::event::Event;
use relay_outbound::sinks::Delivery;
use relay_outbound::sinks::postgres::Config;
use testkit::{PostgresServer, TcpProxy, poll_until};

use crate::setup::{build, config, event, json_event, server};

/// Longer than anything takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

fn dispositions(results: &[Delivery]) -> Vec<Option<Disposition>> {
    results.iter().map(|result| result.as_ref().err().map(DeliveryError::disposition)).collect()
}

fn as_role(role: &str, port: u16) -> Config {
    Config { user: Some(role.to_owned()), ..config(port, "") }
}

const RETRY: Option<Disposition> = Some(Disposition::Retry { after: None });

#[tokio::test(flavor = "multi_thread")]
async fn cut_connections_leave_no_gap_and_no_second_row() {
    let server = server().await;
    let proxy = TcpProxy::start(server.port()).await;
    let (sink, _nats) = build(&config(proxy.port(), "")).await;
    let mut cuts = 0;
    for number in 0..60 {
        let batch: Vec<Event> = (0..50).map(|item| event(&format!("{number}-{item}"))).collect();
        let mut waiting: Vec<Event> = batch.clone();
        let mut is_first = true;
        while !waiting.is_empty() {
            let delivery = sink.deliver(&waiting);
            let results = if is_first {
                // Somewhere between the first byte and the last.
                let cut = async {
                    for _ in 0..number % 20 {
                        tokio::task::yield_now().await;
                    }
                    proxy.cut();
                };
                tokio::join!(delivery, cut).0
            } else {
                delivery.await
            };
            is_first = false;
            let failed = |(event, result): (Event, Delivery)| match result {
                Ok(()) => None,
                Err(error) => {
                    assert_eq!(error.disposition(), Disposition::Hold, "{error:?}");
                    Some(event)
                }
            };
            let before = waiting.len();
            waiting = waiting.into_iter().zip(results).filter_map(failed).collect();
            cuts += usize::from(waiting.len() == before);
        }
        let ids = server.psql(&format!("SELECT ce_id FROM events WHERE ce_id LIKE '{number}-%'"));
        let found: BTreeSet<&str> = ids.lines().collect();
        assert_eq!(found.len(), 50, "batch {number}");
    }
    assert_eq!(server.psql("SELECT count(*) FROM events"), "3000");
    assert!(cuts > 10, "only {cuts} deliveries were cut");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_vanishes_in_a_transaction_does_not_keep_its_locks() {
    let server = Arc::new(PostgresServer::start().await);
    server.psql("CREATE TABLE log (event_id text, n int)");
    let settings = "timeout = \"5s\"\ntable = \"log\"\nunique_by = [\"event_id\"]\n\
                    columns = { event_id = \"id\", n = \"data.n\" }";
    let proxy = TcpProxy::start(server.port()).await;
    let (vanishes, _nats) = build(&config(proxy.port(), settings)).await;
    let (other, _nats_too) = build(&config(server.port(), settings)).await;
    let sessions = |which: &str| {
        let name = "application_name = 'event-bus'";
        let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE {name} AND {which}");
        server.psql(&sql)
    };
    let locker = tokio::task::spawn_blocking({
        let server = Arc::clone(&server);
        move || server.try_psql("LOCK TABLE log IN EXCLUSIVE MODE; SELECT pg_sleep(600)")
    });
    let wait_for = async |what: &str, sql: &str, expected: &str| {
        poll_until(LONG, what, async || (server.psql(sql) == expected).then_some(())).await;
    };
    let locked =
        "SELECT count(*) FROM pg_locks WHERE mode = 'ExclusiveLock' AND relation = 'log'::regclass";
    wait_for("the lock of the table", locked, "1").await;
    // It has locked the event and waits for the table. Then the network is gone: its server hears nothing more of it.
    let batch = [json_event("1", r#"{"n": 1}"#)];
    let vanish = async {
        poll_until(LONG, "the insert to wait", async || {
            (sessions("wait_event_type = 'Lock'") == "1").then_some(())
        })
        .await;
        proxy.blackhole();
        server.psql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LOCK%'",
        );
        poll_until(LONG, "the insert to end", async || {
            (sessions("state = 'idle in transaction'") == "1").then_some(())
        })
        .await;
    };
    tokio::select! {
        results = vanishes.deliver(&batch) => panic!("{results:?}"),
        () = vanish => {}
    }
    assert!(locker.await.unwrap().is_err());
    poll_until(LONG, "another relay to insert the event", async || {
        other.deliver(&batch).await[0].is_ok().then_some(())
    })
    .await;
    assert_eq!(server.psql("SELECT event_id, n FROM log"), "1|1");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_row_that_is_refused_harms_no_other() {
    let server = server().await;
    server.psql("ALTER TABLE events ADD CHECK (ce_id NOT LIKE '%bad%')");
    let (sink, _nats) = build(&config(server.port(), "")).await;
    let bad = [0, 17, 18, 99];
    let batch: Vec<Event> = (0..100)
        .map(|number| event(&format!("{}{number}", if bad.contains(&number) { "bad" } else { "" })))
        .collect();
    let results = sink.deliver(&batch).await;
    for (number, disposition) in dispositions(&results).into_iter().enumerate() {
        let expected = bad.contains(&number).then_some(Disposition::DeadLetter);
        assert_eq!(disposition, expected, "{number}");
    }
    assert_eq!(server.psql("SELECT count(*) FROM events"), "96");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_too_large_for_the_index_is_one_events_fault() {
    let server = server().await;
    let (sink, _nats) = build(&config(server.port(), "")).await;
    // Random enough not to be compressed below the limit of an index row.
    let id: String =
        (0..4000_u32).map(|n| format!("{:x}", n.wrapping_mul(2_654_435_761))).collect();
    let results = sink.deliver(&[event("1"), event(&id), event("2")]).await;
    assert_eq!(dispositions(&results), [None, Some(Disposition::DeadLetter), None]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_table_is_no_events_fault_and_is_found_when_it_comes() {
    let server = testkit::PostgresServer::start().await;
    let config = config(server.port(), "");
    let (sink, _nats) = build(&config).await;
    let results = sink.deliver(&[event("1"), event("2")]).await;
    assert_eq!(dispositions(&results), [RETRY, RETRY]);
    let said = event_bus_core::Chain(results[0].as_ref().unwrap_err()).to_string();
    assert!(said.contains("`event-bus routes migrate`"), "{said}");
    assert!(sink.check().await.is_err());
    crate::setup::migrate(&config).await;
    assert!(sink.deliver(&[event("1")]).await[0].is_ok());
    // Known by the sink, and gone again.
    server.psql("ALTER TABLE events DROP COLUMN data");
    assert_eq!(dispositions(&sink.deliver(&[event("2")]).await), [RETRY]);
    server.psql("ALTER TABLE events ADD COLUMN data json");
    assert!(sink.deliver(&[json_event("2", "{}")]).await[0].is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_no_writes_holds_the_route() {
    let server = server().await;
    server.psql("CREATE ROLE relay LOGIN; GRANT SELECT, INSERT ON events TO relay");
    let (sink, _nats) = build(&as_role("relay", server.port())).await;
    assert!(sink.deliver(&[event("1")]).await[0].is_ok());
    server.psql("ALTER ROLE relay SET default_transaction_read_only = on");
    server.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'relay'");
    // The first finds its connection broken, the second that the new one takes no writes.
    for _ in 0..2 {
        assert_eq!(dispositions(&sink.deliver(&[event("2")]).await), [Some(Disposition::Hold)]);
    }
    let problem = sink.check().await.unwrap_err();
    assert!(problem.to_string().contains("takes no writes"), "{problem}");
    server.psql("ALTER ROLE relay RESET default_transaction_read_only");
    server.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'relay'");
    sink.deliver(&[event("2")]).await;
    assert!(sink.deliver(&[event("2")]).await[0].is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_without_rights_is_unauthorized() {
    let server = server().await;
    server.psql("CREATE ROLE other LOGIN");
    let (sink, _nats) = build(&as_role("other", server.port())).await;
    let result = sink.deliver(&[event("1")]).await.remove(0);
    assert!(matches!(result, Err(DeliveryError::Unauthorized { .. })), "{result:?}");
    let problem = sink.check().await.unwrap_err();
    let said = event_bus_core::Chain(&problem).to_string();
    assert!(said.contains("permission denied"), "{said}");
    server.psql("GRANT SELECT, INSERT ON events TO other");
    assert!(sink.deliver(&[event("1")]).await[0].is_ok());
    assert!(sink.check().await.unwrap().starts_with("PostgreSQL "));
}
