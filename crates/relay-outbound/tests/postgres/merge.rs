//! Rows into which events are merged: what they meet in the table, and what they are told by.

use std::time::Duration;

use event_bus_core::delivery::{DeliveryError, Disposition};
use event_bus_core::event::Event;
use relay_outbound::sinks::{Settings as _, Sink};
use testkit::{NatsServer, PostgresServer, TcpProxy};

use crate::setup::{build, config, event, json_event, migrate, read};

const SETTINGS: &str = r#"
table = "jobs"

[columns]
id = "data.id"
name = "data.name"
state = "data.state"
attempt = "data.attempt"
context = "data.context"
first = "data.first"
updated = { from = "data.at", epoch = "ms" }

[merge]
key = ["id"]
time = { from = "data.at", epoch = "ms" }
stamps = "relay.stamps"

[merge.rules]
state = "latest-or-null"
attempt = { latest_unless = [1] }
context = "merge-object"
first = { when = "type", is = ["com.example.made"] }
updated = "max"
"#;

const TABLE: &str = "CREATE SCHEMA relay; CREATE TABLE jobs (id text PRIMARY KEY, name text, state text, attempt int, \
    context json, first text, updated timestamptz NOT NULL, other text DEFAULT 'kept')";

const ROW: &str = "SELECT name, state, attempt, context::jsonb, first, extract(epoch FROM updated)::int, other FROM jobs";

async fn merging() -> (PostgresServer, Box<dyn Sink>, NatsServer) {
    let server = PostgresServer::start().await;
    server.psql(TABLE);
    let settings = config(server.port(), SETTINGS);
    assert!(settings.migration().unwrap().contains(r#"CREATE TABLE "relay"."stamps" ("#));
    for _ in 0..2 {
        let done = migrate(&settings).await;
        assert_eq!(done, r#"the table "relay"."stamps" is up to date"#);
    }
    let (sink, nats) = build(&settings).await;
    assert!(sink.check().await.unwrap().ends_with(r#"table "jobs""#));
    (server, sink, nats)
}

/// A change of the job `1` at this second.
fn change(second: u32, more: &str) -> Event {
    let data = format!(r#"{{"id": "1", "at": {second}000, {more}}}"#);
    json_event(&format!("{second} {more}"), &data)
}

fn said(error: &(dyn std::error::Error + 'static)) -> String {
    event_bus_core::Chain(error).to_string()
}

async fn deliver(sink: &dyn Sink, events: &[Event]) {
    for result in sink.deliver(events).await {
        assert!(result.is_ok(), "{result:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_somebody_else_is_as_old_as_its_last_update() {
    let (server, sink, _nats) = merging().await;
    let found = r#"'1', 'old', NULL, 1, '{"a": 1, "b": 1}', NULL, to_timestamp(100)"#;
    server.psql(&format!("INSERT INTO jobs VALUES ({found})"));
    let older = r#""name": "late", "state": "late", "attempt": 2, "context": {"a": 2, "c": 2}, "first": "late""#;
    deliver(&*sink, &[change(50, older)]).await;
    // What stood there wins, and what did not stand there is filled, but for a state: none may be the newest.
    let expected = r#"old||2|{"a": 1, "b": 1, "c": 2}|late|100|kept"#;
    assert_eq!(server.psql(ROW), expected);
    deliver(&*sink, &[change(60, r#""attempt": 3, "context": {"b": 3, "c": 3}"#)]).await;
    assert_eq!(server.psql(ROW), r#"old||3|{"a": 1, "b": 1, "c": 3}|late|100|kept"#);
    // Of the same time, the event is newer.
    deliver(&*sink, &[change(100, r#""name": "new", "state": "new", "context": {"b": 4}"#)]).await;
    assert_eq!(server.psql(ROW), r#"new|new|3|{"a": 1, "b": 4, "c": 3}|late|100|kept"#);
    deliver(&*sink, &[change(55, older)]).await;
    assert_eq!(server.psql(ROW), r#"new|new|3|{"a": 1, "b": 4, "c": 3}|late|100|kept"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_deleted_is_made_anew() {
    let (server, sink, _nats) = merging().await;
    deliver(&*sink, &[change(100, r#""name": "a", "context": {}"#)]).await;
    assert_eq!(server.psql(ROW), "a||1|{}||100|kept");
    server.psql("DELETE FROM jobs");
    deliver(&*sink, &[change(50, r#""name": "b""#)]).await;
    assert_eq!(server.psql(ROW), "b||1|||50|kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_already_writes_nothing() {
    let server = PostgresServer::start().await;
    server.psql("CREATE TABLE jobs (id text PRIMARY KEY, name text, context jsonb)");
    let settings = r#"
        table = "jobs"
        columns = { id = "data.id", name = "data.name", context = "data.context" }
        merge = { key = ["id"], rules = { context = "merge-object" } }"#;
    let settings = config(server.port(), settings);
    migrate(&settings).await;
    let (sink, _nats) = build(&settings).await;
    let at = |time: &str, recorded: Option<&str>, id: &str, name: &str| {
        let data = format!(r#"{{"id": "1", "name": "{name}", "context": {{"{name}": 1}}}}"#);
        let event = json_event(id, &data);
        let mut builder =
            Event::builder(id, "/test", "t").time_text(time).data(event.data().unwrap().clone());
        if let Some(recorded) = recorded {
            builder = builder.extension("recordedtime", recorded);
        }
        builder.datacontenttype("application/json").build().unwrap()
    };
    let newest = at("2026-01-01T00:00:00Z", Some("2026-01-03T00:00:00Z"), "a", "newest");
    let batch = [
        newest.clone(),
        at("2026-01-01T00:00:00Z", Some("2026-01-02T00:00:00Z"), "c", "earlier"),
        at("2026-01-01T01:00:00+01:00", None, "z", "unknown"),
        at("2025-12-31T23:59:59Z", Some("2026-01-09T00:00:00Z"), "y", "older"),
    ];
    deliver(&*sink, &batch).await;
    let row = "SELECT name, context, xmin, (SELECT xmin FROM event_bus_merge_stamps) FROM jobs";
    let before = server.psql(row);
    assert!(
        before.starts_with(r#"newest|{"older": 1, "newest": 1, "earlier": 1, "unknown": 1}|"#),
        "{before}"
    );
    deliver(&*sink, &batch).await;
    deliver(&*sink, &[newest]).await;
    assert_eq!(server.psql(row), before);
    // By the same time and arrival, the greater id.
    deliver(&*sink, &[at("2026-01-01T00:00:00Z", Some("2026-01-03T00:00:00Z"), "b", "by id")])
        .await;
    assert!(server.psql(row).starts_with("by id|"));
    let result = sink.deliver(&[json_event("1", r#"{"id": "1"}"#)]).await.remove(0);
    assert!(matches!(result, Err(DeliveryError::Unencodable(_))), "{result:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_what_its_columns_make_of_it() {
    let server = PostgresServer::start().await;
    server.psql("CREATE SCHEMA app; CREATE TABLE app.\"Jobs\" (a uuid, b numeric, n int, PRIMARY KEY (b, a))");
    let settings = r#"
        table = "app.Jobs"
        columns = { a = "data.a", b = "data.b", n = "data.n" }
        merge = { key = ["a", "b"], time = { from = "data.n", epoch = "s" } }"#;
    let settings = config(server.port(), settings);
    migrate(&settings).await;
    let (sink, _nats) = build(&settings).await;
    sink.check().await.unwrap();
    let lower = "00000000-0000-0000-0000-00000000000a";
    let change = |a: &str, b: &str, n: u32| {
        json_event(&n.to_string(), &format!(r#"{{"a": "{a}", "b": {b}, "n": {n}}}"#))
    };
    let upper = lower.to_uppercase();
    deliver(&*sink, &[change(lower, "1.0", 5), change(&upper, "1.00", 9), change(lower, "1", 7)])
        .await;
    deliver(&*sink, &[change(lower, "1", 8), change(lower, "2", 3)]).await;
    assert_eq!(server.psql("SELECT b, n FROM app.\"Jobs\" ORDER BY b"), "1.0|9\n2|3");
    let stamps = "SELECT target, key FROM event_bus_merge_stamps ORDER BY key";
    let expected =
        format!("app.\"Jobs\"|[\"{lower}\", \"1.0\"]\napp.\"Jobs\"|[\"{lower}\", \"2\"]");
    assert_eq!(server.psql(stamps), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_change_spoils_neither_its_row_nor_others() {
    let (server, sink, _nats) = merging().await;
    let other = |id: &str| json_event(id, &format!(r#"{{"id": "{id}", "at": 5}}"#));
    let batch = [
        other("a"),
        change(1, r#""name": "one""#),
        change(2, r#""name": "two", "attempt": "many""#),
        change(3, r#""context": "no object""#),
        other("b"),
        change(4, r#""state": "four""#),
    ];
    let results = sink.deliver(&batch).await;
    for (place, result) in results.iter().enumerate() {
        match place {
            2 => assert!(matches!(result, Err(DeliveryError::Refused(_))), "{result:?}"),
            3 => assert!(matches!(result, Err(DeliveryError::Unencodable(_))), "{result:?}"),
            _ => assert!(result.is_ok(), "{place}: {result:?}"),
        }
    }
    assert_eq!(server.psql(&format!("{ROW} WHERE id = '1'")), "one|four|1|||4|kept");
    assert_eq!(server.psql("SELECT count(*) FROM jobs"), "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_writes_without_the_lock_makes_the_relay_try_again() {
    let (server, sink, _nats) = merging().await;
    let insert = "BEGIN; INSERT INTO jobs VALUES ('1', 'theirs', NULL, 5, NULL, NULL, to_timestamp(10)); \
                  SELECT pg_sleep(1.5); COMMIT";
    let batch = [change(20, r#""state": "ours""#)];
    let result = std::thread::scope(|scope| {
        let foreign = scope.spawn(|| server.psql(insert));
        let handle = tokio::runtime::Handle::current();
        let results = tokio::task::block_in_place(|| {
            handle.block_on(async {
                tokio::time::sleep(Duration::from_millis(500)).await;
                sink.deliver(&batch).await
            })
        });
        foreign.join().unwrap();
        results.into_iter().next().unwrap()
    });
    assert_eq!(result.unwrap_err().disposition(), Disposition::Retry { after: None });
    deliver(&*sink, &batch).await;
    assert_eq!(server.psql(ROW), "theirs|ours|5|||20|kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_connections_leave_values_and_stamps_together() {
    let (server, direct, _nats) = merging().await;
    let proxy = TcpProxy::start(server.port()).await;
    let (sink, _nats_too) = build(&config(proxy.port(), SETTINGS)).await;
    let mut cuts = 0;
    for round in 0..60_u32 {
        let batch: Vec<Event> = (0..20)
            .map(|item| {
                let data = format!(
                    r#"{{"id": "job-{item}", "at": {}, "name": "{round}", "context": {{"{round}": {item}}}}}"#,
                    // Every third comes late.
                    1000 * (round + 10 * (round % 3))
                );
                json_event(&format!("{round}-{item}"), &data)
            })
            .collect();
        let cut = async {
            for _ in 0..round {
                tokio::task::yield_now().await;
            }
            tokio::time::sleep(Duration::from_micros(u64::from(round) * 150)).await;
            proxy.cut();
        };
        let (results, ()) = tokio::join!(sink.deliver(&batch), cut);
        cuts += usize::from(results.iter().any(Result::is_err));
        let sums =
            "SELECT count(*) FROM jobs JOIN relay.stamps ON key = id WHERE target = 'public.jobs'";
        assert_eq!(server.psql(sums), server.psql("SELECT count(*) FROM jobs"));
        deliver(&*direct, &batch).await;
    }
    assert!(cuts > 5, "only {cuts} deliveries were cut");
    let rows = "SELECT DISTINCT name, (SELECT count(*) FROM json_object_keys(context)) FROM jobs";
    assert_eq!(server.psql(rows), "59|60");
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_are_missing_are_no_events_fault() {
    let server = PostgresServer::start().await;
    server.psql("CREATE SCHEMA relay");
    let (sink, _nats) = build(&config(server.port(), SETTINGS)).await;
    for (make, words) in [
        (TABLE.split_once("; ").unwrap().1, "\"jobs\" does not exist"),
        ("SELECT 1", "\"relay.stamps\" does not exist"),
    ] {
        let error = sink.deliver(&[change(1, r#""name": "a""#)]).await.remove(0).unwrap_err();
        assert_eq!(error.disposition(), Disposition::Retry { after: None });
        assert!(said(&error).contains(words), "{}", said(&error));
        assert!(said(&error).contains("`event-bus routes migrate`"), "{}", said(&error));
        assert!(said(&sink.check().await.unwrap_err()).contains(words));
        server.psql(make);
    }
    migrate(&config(server.port(), SETTINGS)).await;
    deliver(&*sink, &[change(1, r#""name": "a""#), event("no data")][..1]).await;
    server.psql("ALTER TABLE jobs DROP CONSTRAINT jobs_pkey");
    let problem = sink.check().await.unwrap_err();
    assert!(said(&problem).contains("42P10"), "{}", said(&problem));
}

#[test]
fn settings_that_cannot_be_meant_say_what_to_do() {
    let merge = |text: &str| format!("columns = {{ a = \"id\", b = \"data.b\" }}\nmerge = {text}");
    for (more, key, words) in [
        (merge("{ key = [] }"), "merge.key", "must name the columns"),
        (merge("{ key = [\"c\"] }"), "merge.key", "none of `columns`"),
        (merge("{ key = [\"a\", \"b\"] }"), "merge.key", "no column to merge"),
        (merge("{ key = [\"a\"], rules = { c = \"max\" } }"), "merge.rules.c", "none of `columns`"),
        (merge("{ key = [\"a\"], rules = { a = \"max\" } }"), "merge.rules.a", "never changes"),
        (
            merge("{ key = [\"a\"], rules = { b = { when = \"type\" } } }"),
            "merge.rules.b",
            "write them in `is`",
        ),
        (merge("{ key = [\"a\"], rules = { b = { is = [1] } } }"), "merge.rules.b", "one of them"),
        (
            merge("{ key = [\"a\"], rules = { b = { latest_unless = [] } } }"),
            "merge.rules.b",
            "needs a value",
        ),
        (
            merge("{ key = [\"a\"], rules = { b = { when = \"x\", is = [1] } } }"),
            "merge.rules.b",
            "nothing that an event has",
        ),
        (merge("{ key = [\"a\"], time = \"when\" }"), "merge.time", "nothing that an event has"),
        (merge("{ key = [\"a\"], stamps = \"\" }"), "merge.stamps", "must not be empty"),
        (merge("{ key = [\"a\"] }\nconflict = [\"a\"]"), "conflict", "does not go with `merge`"),
        (merge("{ key = [\"a\"] }\nunique_by = [\"a\"]"), "unique_by", "does not go with `merge`"),
        (
            merge(
                "{ key = [\"a\"] }\nchildren = [{ table = \"t\", each = \"data.x\", columns = { c = \"item\" } }]",
            ),
            "merge.key",
            "does not go with `children`",
        ),
        ("merge = { key = [\"a\"] }".to_owned(), "merge.key", "belongs to `columns`"),
    ] {
        let problems = read(1, &more).unwrap().validate();
        let found = problems.iter().any(|(at, problem)| at == key && problem.contains(words));
        assert!(found, "{more}: {problems:?}");
    }
    for (more, words) in [
        (merge("{ key = [\"a\"], rules = { b = \"newest\" } }"), "latest-or-null"),
        (merge("{ key = [\"a\"], rules = { b = 3 } }"), "a rule such as"),
        (merge("{ key = [\"a\"], rules = { b = { unless = 1 } } }"), "latest_unless"),
        (merge("{ keys = [\"a\"] }"), "keys"),
    ] {
        let problem = read(1, &more).unwrap_err();
        assert!(problem.contains(words), "{more}: {problem}");
    }
}
