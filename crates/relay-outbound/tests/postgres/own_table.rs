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
