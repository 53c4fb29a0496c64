//! Tables of the user's own.

use event_bus_core::delivery::{DeliveryError, Disposition};
use relay_outbound::sinks::Settings as _;
use testkit::PostgresServer;

use crate::setup::{build, config, event, json_event};

const COLUMNS: &str = r#"
table = "app.Rows"
columns = { key = "id", n = "data.n", at = "time_utc", doc = "data", label = "{% if data.n %}{type}{% endif %}", tag = "extensions.tag" }
"#;

async fn own_table() -> PostgresServer {
    let server = PostgresServer::start().await;
    server.psql(
        "CREATE SCHEMA app; CREATE TABLE app.\"Rows\" (key varchar(5) UNIQUE, n numeric, at timestamptz, doc jsonb, \
         label text, tag text, number serial, other text UNIQUE DEFAULT NULL)",
    );
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_get_the_types_of_the_table() {
    let server = own_table().await;
    let settings = config(server.port(), &format!("{COLUMNS}conflict = [\"key\"]"));
    let (sink, _nats) = build(&settings).await;
    assert!(sink.check().await.unwrap().ends_with(r#"table "app"."Rows""#));
    let batch = [
        json_event("a", r#"{"n": 12345678901234567890123.5}"#),
        json_event("b", r#"{"n": "no number"}"#),
        json_event("too-long", r#"{"n": 1}"#),
        json_event("d", "{}"),
        json_event("e", r#"{"n": 5}"#),
        json_event("a", r#"{"n": 9}"#),
    ];
    let results = sink.deliver(&batch).await;
    let refused = |index: usize| match &results[index] {
        Err(error @ DeliveryError::Refused(_)) => event_bus_core::Chain(error).to_string(),
        other => panic!("{index}: {other:?}"),
    };
    assert!(results[0].is_ok() && results[4].is_ok() && results[5].is_ok(), "{results:?}");
    assert!(refused(1).contains("22P02") && !refused(1).contains("no number"), "{}", refused(1));
    assert!(refused(2).contains("22001"), "{}", refused(2));
    assert!(matches!(results[3], Err(DeliveryError::Unencodable(_))), "{results:?}");
    let rows = server.psql("SELECT key, n, label FROM app.\"Rows\" ORDER BY key");
    let expected = "a|12345678901234567890123.5|com.example.made\ne|5|com.example.made";
    assert_eq!(rows, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_gets_another_type_loses_nothing_of_its_values() {
    let server = PostgresServer::start().await;
    server.psql("CREATE TABLE runs (key text UNIQUE, at date, n integer)");
    let settings = "table = \"runs\"\ncolumns = { key = \"id\", at = \"data.at\", n = \"data.n\" }\nconflict = [\"key\"]";
    let (sink, _nats) = build(&config(server.port(), settings)).await;
    let event = |id: &str, n: u64| {
        json_event(id, &format!(r#"{{"at": "2026-11-21T10:00:00+05:00", "n": {n}}}"#))
    };
    assert!(sink.deliver(&[event("before", 1)]).await[0].is_ok());
    server.psql("ALTER TABLE runs ALTER at TYPE timestamptz, ALTER n TYPE bigint");
    let results = sink.deliver(&[event("after", 7_000_000_000), event("too", 2)]).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let row = "SELECT at AT TIME ZONE 'UTC', n FROM runs WHERE key = 'after'";
    assert_eq!(server.psql(row), "2026-11-21 05:00:00|7000000000");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_gives_no_value_to_know_it_by_is_not_inserted_again_and_again() {
    let server = PostgresServer::start().await;
    server.psql("CREATE TABLE runs (key text, tag text, UNIQUE (key, tag))");
    let settings = "table = \"runs\"\ncolumns = { key = \"id\", tag = \"extensions.tag\" }\nconflict = [\"key\", \"tag\"]";
    let (sink, _nats) = build(&config(server.port(), settings)).await;
    let result = sink.deliver(&[event("1")]).await.remove(0);
    assert!(matches!(result, Err(DeliveryError::Unencodable(_))), "{result:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_too_slow_gets_through_in_smaller_statements() {
    let server = PostgresServer::start().await;
    server.psql(
        "CREATE TABLE slow (key text UNIQUE); CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN PERFORM pg_sleep(0.05); RETURN NEW; END $$; \
         CREATE TRIGGER wait BEFORE INSERT ON slow FOR EACH ROW EXECUTE FUNCTION wait()",
    );
    let settings =
        "table = \"slow\"\ncolumns = { key = \"id\" }\nconflict = [\"key\"]\ntimeout = \"1s\"";
    let (sink, _nats) = build(&config(server.port(), settings)).await;
    let mut left: Vec<_> = (0..100).map(|number| event(&number.to_string())).collect();
    testkit::poll_until(std::time::Duration::from_secs(60), "all of them", async || {
        let results = sink.deliver(&left).await;
        let open = left.iter().zip(&results).filter(|(_, result)| result.is_err());
        left = open.map(|(event, _)| event.clone()).collect();
        left.is_empty().then_some(())
    })
    .await;
    assert_eq!(server.psql("SELECT count(*) FROM slow"), "100");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_index_that_is_named_makes_a_row_a_known_one() {
    let server = own_table().await;
    let columns = "table = \"app.Rows\"\ncolumns = { key = \"id\", other = \"type\" }\n";
    let settings = config(server.port(), &format!("{columns}conflict = [\"key\"]"));
    let (sink, _nats) = build(&settings).await;
    let results = sink.deliver(&[event("1"), event("2"), event("1")]).await;
    // Both have the same type, which this table wants to be unique: the second one must not be lost in silence.
    assert!(results[0].is_ok() && results[2].is_ok());
    let error = results[1].as_ref().unwrap_err();
    assert_eq!(error.disposition(), Disposition::DeadLetter);

    let (sink, _nats) =
        build(&config(server.port(), &format!("{columns}conflict = [\"other\", \"key\"]"))).await;
    let problem = sink.check().await.unwrap_err();
    assert!(event_bus_core::Chain(&problem).to_string().contains("42P10"), "{problem:?}");
    assert_eq!(
        sink.deliver(&[event("3")]).await[0].as_ref().unwrap_err().disposition(),
        Disposition::Retry { after: None }
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_index_an_event_is_inserted_as_often_as_it_comes() {
    let server = PostgresServer::start().await;
    server.psql("CREATE TABLE log (doc json)");
    let settings =
        config(server.port(), "table = \"log\"\ncolumns = { doc = \"event\" }\nconflict = []");
    let (sink, _nats) = build(&settings).await;
    assert!(sink.deliver(&[event("1"), event("1")]).await.iter().all(Result::is_ok));
    assert_eq!(server.psql("SELECT count(*), min(doc->>'id') FROM log"), "2|1");
}

#[test]
fn an_own_table_must_say_what_makes_a_row_unique() {
    let mut settings = config(1, "columns = { a = \"id\" }\nconflict = [\"a\"]");
    settings.conflict = None;
    let problems = settings.validate();
    assert!(problems[0].0 == "conflict" && problems[0].1.contains("write []"), "{problems:?}");
    settings.conflict = Some(vec!["b".to_owned()]);
    assert_eq!(settings.validate()[0].0, "conflict");
    assert_eq!(settings.migration(), None);
}
