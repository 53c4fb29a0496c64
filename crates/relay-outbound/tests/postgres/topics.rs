//! The example of the four topics: its settings, its tables, its roles.

use event_bus_core::delivery::DeliveryError;
use event_bus_core::event::Event;
use event_bus_runtime::{Document, EnvMap, SecretRef};
use relay_outbound::sinks::postgres::{Config, TlsMode};
use relay_outbound::sinks::{Settings as _, Sink, SinkConfig};
use serde::Deserialize;
use testkit::{NatsServer, PostgresServer};

use crate::setup::{build, json_event};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/topics");

#[derive(Deserialize)]
struct Root {
    outbound: relay_outbound::config::Config,
}

/// A server with the tables of the example, made by its migrations.
pub(crate) async fn server() -> PostgresServer {
    let server = PostgresServer::start().await;
    server.psql("CREATE DATABASE eventgate_db");
    let mut paths: Vec<_> = std::fs::read_dir(format!("{EXAMPLE}/sql"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert_eq!(paths.len(), 5);
    for path in paths {
        let text = std::fs::read_to_string(path).unwrap();
        let fill = |text: String, role: &str| {
            text.replace(&format!("${{eventgate_{role}_password}}"), role)
        };
        let text = ["owner", "writer", "reader"].into_iter().fold(text, fill);
        assert!(!text.contains("${"), "{text}");
        psql(&server, &text);
    }
    server
}

/// Rows of the database of the example.
pub(crate) fn psql(server: &PostgresServer, sql: &str) -> String {
    server.try_psql_in("eventgate_db", sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// The settings of a route of the example, for this server.
pub(crate) fn settings(server: &PostgresServer, route: &str) -> Config {
    let text = std::fs::read_to_string(format!("{EXAMPLE}/event-bus.toml")).unwrap();
    let document = Document::parse("event-bus.toml", &text, &EnvMap::default()).unwrap();
    let root: Root = document.get().unwrap();
    assert_eq!(root.outbound.validate(&["fleet.>".to_owned()]), []);
    let mut routes = root.outbound.routes.into_iter();
    let found = routes.find(|found| found.name == route).unwrap();
    let topic = route.replace('-', "_");
    assert_eq!(found.subjects, [format!("fleet.topic.public.cps.za.{topic}")]);
    let SinkConfig::Postgres(config) = found.sink else { panic!("{route}") };
    Config {
        host: Some("127.0.0.1".to_owned()),
        port: Some(server.port()),
        tls: Some(TlsMode::Disable),
        password: Some(SecretRef::Env("KEY".to_owned())),
        ..*config
    }
}

async fn sink(server: &PostgresServer, route: &str) -> (Box<dyn Sink>, NatsServer) {
    let (sink, nats) = build(&settings(server, route)).await;
    sink.check().await.unwrap();
    (sink, nats)
}

async fn deliver_twice(sink: &dyn Sink, batch: &[Event]) {
    for _ in 0..2 {
        let results = sink.deliver(batch).await;
        assert!(results.iter().all(Result::is_ok), "{results:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_and_its_jobs_are_written_once() {
    let server = server().await;
    let (sink, _nats) = sink(&server, "runs").await;
    let run = |id: &str, jobs: &str| {
        json_event(
            &format!("ce-{id}"),
            &format!(
                r#"{{"event_id": "{id}", "job_ref": "spark-1", "tenant_id": "T", "source_app": "app",
                "source_app_version": "1.0", "environment": "dev", "timestamp_start": 1704067200000.5,
                "timestamp_end": 1.7040672005e12, "jobs": {jobs}, "unknown": true}}"#
            ),
        )
    };
    let jobs = r#"[
        {"catalog_id": "db.a", "status": "succeeded", "timestamp_start": 1, "timestamp_end": 2.5, "country": "za",
         "message": "done", "additional_info": {"rows": 12345678901234567890}},
        {"catalog_id": "db.b", "status": "failed", "timestamp_start": 1704067200000, "timestamp_end": 2, "message": null}]"#;
    // The same event of the sender under another id of the bus is the same event.
    let again = Event::builder("ce-other", "/other", "t").datacontenttype("application/json");
    let again = again.data(run("r1", jobs).data().unwrap().clone()).build().unwrap();
    deliver_twice(&*sink, &[run("r1", jobs), run("r2", "[]"), again]).await;
    let rows = psql(&server, "SELECT * FROM public_cps_za_runs ORDER BY event_id");
    let row = |id| format!("{id}|spark-1|T|app|1.0|dev|1704067200001|1704067200500");
    assert_eq!(rows, format!("{}\n{}", row("r1"), row("r2")));
    let rows = psql(
        &server,
        "SELECT internal_id, event_id, '[' || country || ']', catalog_id, status, timestamp_start, timestamp_end, \
         coalesce(message, 'NULL'), coalesce(additional_info::text, 'NULL') FROM public_cps_za_runs_jobs ORDER BY 1",
    );
    assert_eq!(
        rows,
        "1|r1|[za]|db.a|succeeded|1|3|done|{\"rows\": 12345678901234567890}\n\
         2|r1|[]|db.b|failed|1704067200000|2|NULL|NULL"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_and_tests_are_written_once() {
    let server = server().await;
    let base =
        r#""tenant_id": "T", "source_app": "app", "source_app_version": "1", "environment": "dev""#;
    let (changes, _nats) = sink(&server, "dlchange").await;
    let batch = [
        json_event(
            "1",
            &format!(
                r#"{{"event_id": "d1", {base}, "catalog_id": "c", "timestamp_event": 12.5, "operation": "append", "format": "delta",
                "country": "za", "location": "s3://b", "format_options": {{"a": 1}}, "additional_info": {{}}}}"#
            ),
        ),
        json_event(
            "2",
            &format!(
                r#"{{"event_id": "d2", {base}, "catalog_id": "c", "timestamp_event": 12, "operation": "delete", "format": "parquet"}}"#
            ),
        ),
    ];
    deliver_twice(&*changes, &batch).await;
    let rows = psql(
        &server,
        "SELECT event_id, timestamp_event, country, operation, location IS NULL, format, format_options, additional_info \
         FROM public_cps_za_dlchange ORDER BY 1",
    );
    assert_eq!(rows, "d1|13|za|append|f|delta|{\"a\": 1}|{}\nd2|12||delete|t|parquet||");
    assert_eq!(
        psql(&server, "SELECT count(*) FROM public_cps_za_dlchange WHERE country = ''"),
        "1"
    );

    let (tests, _nats) = sink(&server, "test").await;
    let test = json_event(
        "3",
        r#"{"event_id": "t1", "tenant_id": "T", "source_app": "app", "environment": "dev", "timestamp": 1704067200000}"#,
    );
    deliver_twice(&*tests, &[test]).await;
    let rows = psql(&server, "SELECT *, additional_info IS NULL FROM public_cps_za_test");
    assert_eq!(rows, "t1|T|app|dev|1704067200000||t");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_refused_alone() {
    let server = server().await;
    let (sink, _nats) = sink(&server, "status-change").await;
    let change = |id: &str, more: &str| {
        json_event(
            id,
            &format!(r#"{{"event_type": "JobStartedEvent", "status_type": "RUNNING", {more}}}"#),
        )
    };
    let job = r#""job_id": "00000000-0000-0000-0000-000000000001""#;
    let other = r#""job_id": "00000000-0000-0000-0000-000000000002""#;
    let batch = [
        change("ok", &format!(r#"{job}, "timestamp_event": 1704067200000"#)),
        change("job", r#""job_id": "0001aaaa", "timestamp_event": 1"#),
        change("parent", &format!(r#"{other}, "timestamp_event": 2, "parent_job_id": """#)),
        change("no time", job),
        change("no job", r#""timestamp_event": 1"#),
        change("year", &format!(r#"{job}, "timestamp_event": 300000000000000"#)),
        change("nul", &format!(r#"{job}, "timestamp_event": 9, "job_name": "a\u0000""#)),
        change(
            "attempt",
            &format!(r#"{job}, "timestamp_event": 9, "attempt_number": 99999999999"#),
        ),
        change("context", &format!(r#"{job}, "timestamp_event": 9, "additional_context": [1]"#)),
        change("late", &format!(r#"{job}, "timestamp_event": 1704067200001.0, "job_name": "n""#)),
    ];
    let results = sink.deliver(&batch).await;
    for (event, result) in batch.iter().zip(&results) {
        match (event.id(), result) {
            ("ok" | "late", Ok(()))
            | ("job" | "parent" | "attempt", Err(DeliveryError::Refused(_)))
            | (
                "no time" | "no job" | "year" | "nul" | "context",
                Err(DeliveryError::Unencodable(_)),
            ) => {}
            other => panic!("{other:?}"),
        }
    }
    let rows = psql(
        &server,
        "SELECT right(job_id::text, 1), job_name, attempt_number, status_type, started_at AT TIME ZONE 'UTC', \
         last_updated_at AT TIME ZONE 'UTC' FROM public_cps_za_status_change_aggregated_job",
    );
    assert_eq!(rows, "1|n|1|RUNNING|2024-01-01 00:00:00.001|2024-01-01 00:00:00.001");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_may_do_what_it_is_for() {
    let server = server().await;
    let can = |role: &str, table: &str, right: &str| {
        psql(
            &server,
            &format!("SELECT has_table_privilege('eventgate_{role}', '{table}', '{right}')"),
        )
    };
    let tables = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
    psql(&server, "SET ROLE eventgate_owner; CREATE TABLE of_the_future (a serial)");
    let tables = psql(&server, tables);
    assert_eq!(tables.lines().count(), 7, "{tables}");
    for table in tables.lines() {
        for right in ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"] {
            let is = |yes: bool| if yes { "t" } else { "f" };
            assert_eq!(can("owner", table, right), "t");
            let writes = matches!(right, "SELECT" | "INSERT" | "UPDATE");
            assert_eq!(can("writer", table, right), is(writes), "{table} {right}");
            assert_eq!(can("reader", table, right), is(right == "SELECT"), "{table} {right}");
        }
    }
    for role in ["writer", "reader"] {
        let made = format!("SET ROLE eventgate_{role}; CREATE TABLE mine (a int)");
        assert!(server.try_psql_in("eventgate_db", &made).is_err(), "{role}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_migration_of_the_example_is_the_one_that_the_program_shows() {
    let server = server().await;
    let shown = settings(&server, "status-change").migration().unwrap();
    let path = format!("{EXAMPLE}/sql/V1.4.0.5__merge_stamps.sql");
    assert!(std::fs::read_to_string(path).unwrap().contains(&shown), "{shown}");
    for route in ["runs", "dlchange", "test"] {
        assert_eq!(settings(&server, route).migration(), None);
    }
}
