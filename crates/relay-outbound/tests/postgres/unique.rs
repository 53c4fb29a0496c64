//! Tables without a unique index, which know an event again all the same.

use event_bus_core::delivery::{DeliveryError, Disposition};
use event_bus_core::event::Event;
use testkit::PostgresServer;

use crate::setup::{build, config, event, json_event, migrate};

const SETTINGS: &str = r#"
table = "log"
columns = { event_id = "id", n = "data.n" }
unique_by = ["event_id"]"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_inserted_once_without_any_index() {
    let server = PostgresServer::start().await;
    server.psql("CREATE TABLE log (event_id varchar(255), n int)");
    let (sink, _nats) = build(&config(server.port(), SETTINGS)).await;
    assert!(sink.check().await.unwrap().ends_with(r#"table "log""#));
    let numbered = |id: &str, n: u32| json_event(id, &format!(r#"{{"n": {n}}}"#));
    let batch = [numbered("1", 1), numbered("2", 2), numbered("1", 3)];
    for _ in 0..2 {
        assert!(sink.deliver(&batch).await.iter().all(Result::is_ok));
    }
    assert_eq!(server.psql("SELECT event_id, n FROM log ORDER BY 1"), "1|1\n2|2");
    let results = sink.deliver(&[numbered("3", 3), json_event("4", r#"{"n": "x"}"#)]).await;
    assert!(results[0].is_ok() && matches!(results[1], Err(DeliveryError::Refused(_))));
    assert_eq!(server.psql("SELECT count(*) FROM log"), "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_relays_at_once_insert_an_event_once() {
    let server = PostgresServer::start().await;
    server.psql("CREATE TABLE log (event_id varchar(255), n int)");
    let settings = config(server.port(), SETTINGS);
    // The other one writes the name of the table in another way; the lock is the same.
    let other = config(server.port(), &SETTINGS.replace("\"log\"", "\"public.log\""));
    let ((one, _nats), (two, _nats_too)) = (build(&settings).await, build(&other).await);
    for round in 0..30 {
        let ids: Vec<Event> = (0..40).map(|number| event(&format!("{round}-{number}"))).collect();
        let backwards: Vec<Event> = ids.iter().rev().cloned().collect();
        let (a, b, c, d) = tokio::join!(
            one.deliver(&ids),
            two.deliver(&backwards),
            one.deliver(&backwards),
            two.deliver(&ids)
        );
        for result in [a, b, c, d].iter().flatten() {
            assert!(result.is_ok(), "{result:?}");
        }
    }
    let counts = "SELECT count(*), count(DISTINCT event_id) FROM log";
    assert_eq!(server.psql(counts), "1200|1200");
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_equal_as_the_column_sees_them() {
    let server = PostgresServer::start().await;
    server.psql("CREATE TABLE log (a uuid, b numeric, c timestamptz)");
    let settings = r#"
        table = "log"
        columns = { a = "data.a", b = "data.b", c = { from = "data.c", epoch = "s" } }
        unique_by = ["b", "a", "c"]"#;
    let (sink, _nats) = build(&config(server.port(), settings)).await;
    let with = |id: &str, a: &str, b: &str, c: &str| {
        json_event(id, &format!(r#"{{"a": "{a}", "b": {b}, "c": {c}}}"#))
    };
    let lower = "00000000-0000-0000-0000-00000000000a";
    let upper = lower.to_uppercase();
    let batch = [
        with("1", lower, "1.0", "7"),
        with("2", &upper, "1.00", "7.0"),
        with("3", lower, "1.01", "7"),
        with("4", lower, "1", "1e99"),
        with("5", lower, "null", "1"),
    ];
    let results = sink.deliver(&batch).await;
    assert!(results[..3].iter().all(Result::is_ok), "{results:?}");
    for result in &results[3..] {
        assert!(matches!(result, Err(DeliveryError::Unencodable(_))), "{result:?}");
    }
    let problem = event_bus_core::Chain(results[4].as_ref().unwrap_err()).to_string();
    assert!(problem.contains("column of `unique_by`"), "{problem}");
    assert_eq!(
        server.psql("SELECT b, extract(epoch FROM c) FROM log ORDER BY b"),
        "1.0|7.000000\n1.01|7.000000"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_whose_transactions_are_serializable_is_no_exception() {
    let server = PostgresServer::start().await;
    server.psql("CREATE TABLE log (event_id text, n int)");
    server.psql("ALTER ROLE postgres SET default_transaction_isolation = 'repeatable read'");
    let (sink, _nats) = build(&config(server.port(), SETTINGS)).await;
    for number in 0..50 {
        let batch = [event(&number.to_string())];
        let (a, b) = tokio::join!(sink.deliver(&batch), sink.deliver(&batch));
        assert!(a[0].is_ok() && b[0].is_ok());
    }
    assert_eq!(server.psql("SELECT count(*) FROM log"), "50");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_no_writes_holds_the_route() {
    let server = PostgresServer::start().await;
    server.psql("CREATE TABLE log (event_id text PRIMARY KEY, n int)");
    let merge = SETTINGS.replace(
        "unique_by = [\"event_id\"]",
        "merge = { key = [\"event_id\"], time = { from = \"data.n\", epoch = \"s\" } }",
    );
    assert_ne!(merge, SETTINGS);
    migrate(&config(server.port(), &merge)).await;
    server.psql("ALTER ROLE postgres SET default_transaction_read_only = on");
    for settings in [SETTINGS, &merge] {
        let (sink, _nats) = build(&config(server.port(), settings)).await;
        let error = sink.deliver(&[json_event("1", r#"{"n": 1}"#)]).await.remove(0).unwrap_err();
        assert_eq!(error.disposition(), Disposition::Hold, "{error:?}");
    }
}
