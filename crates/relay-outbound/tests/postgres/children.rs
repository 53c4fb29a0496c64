//! Rows of other tables, one for each element of an array.

use event_bus_core::delivery::DeliveryError;
use relay_outbound::sinks::{Settings as _, Sink};
use testkit::{NatsServer, PostgresServer};

use crate::setup::{build, config, event, json_event};

const SETTINGS: &str = r#"
table = "runs"
columns = { id = "id", name = { from = "data.name", default = "nobody" }, started = { from = "data.start", round = true } }

[[children]]
table = "jobs"
each = "data.jobs"
columns = { run = "id", place = "index", catalog = "item.catalog", country = { from = "item.country", default = "" }, info = "item.info", label = "{data.name}/{item.catalog}/{index}", whole = "item" }

[[children]]
table = "tags"
each = "data.tags"
columns = { run = "id", tag = "item" }
"#;

const TABLES: &str = "
CREATE TABLE runs (id varchar(255) NOT NULL, name text, started bigint);
CREATE TABLE jobs (number serial PRIMARY KEY, run varchar(255) NOT NULL, place int, catalog varchar(5) NOT NULL,
    country text, info jsonb, label text, whole jsonb);
CREATE TABLE tags (run text, tag text CHECK (tag <> 'bad'));";

async fn tables(known: &str) -> (PostgresServer, Box<dyn Sink>, NatsServer) {
    let server = PostgresServer::start().await;
    server.psql(TABLES);
    if known.starts_with("conflict = [\"") {
        server.psql("ALTER TABLE runs ADD UNIQUE (id)");
    }
    let (sink, nats) = build(&config(server.port(), &format!("{known}\n{SETTINGS}"))).await;
    sink.check().await.unwrap();
    (server, sink, nats)
}

fn run(id: &str, jobs: &str) -> event_bus_core::event::Event {
    json_event(id, &format!(r#"{{"name": "n", "start": 1.5, "jobs": {jobs}, "tags": ["a", "b"]}}"#))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_element_is_a_row_as_long_as_the_event_is_new() {
    for known in ["conflict = [\"id\"]", "unique_by = [\"id\"]"] {
        let (server, sink, _nats) = tables(known).await;
        let jobs = r#"[{"catalog": "x", "country": "za", "info": {"n": 1.50}}, {"catalog": "y", "info": null}]"#;
        let empty = json_event("empty", "{}");
        let null = run("null", "null");
        let batch =
            [run("1", jobs), run("2", jobs), run("1", jobs), run("none", "[]"), empty, null];
        for _ in 0..2 {
            let results = sink.deliver(&batch).await;
            assert!(results.iter().all(Result::is_ok), "{results:?}");
        }
        let runs = server.psql("SELECT id, name, started FROM runs ORDER BY id");
        assert_eq!(runs, "1|n|2\n2|n|2\nempty|nobody|\nnone|n|2\nnull|n|2", "{known}");
        let jobs = "SELECT run, place, catalog, country, info, label, whole->>'catalog' FROM jobs ORDER BY number";
        let expected = "1|0|x|za|{\"n\": 1.50}|n/x/0|x\n1|1|y|||n/y/1|y\n2|0|x|za|{\"n\": 1.50}|n/x/0|x\n2|1|y|||n/y/1|y";
        assert_eq!(server.psql(jobs), expected, "{known}");
        assert_eq!(
            server.psql("SELECT count(*) FROM jobs WHERE country = '' AND info IS NULL"),
            "2"
        );
        assert_eq!(
            server.psql("SELECT string_agg(tag, '' ORDER BY run, tag) FROM tags"),
            "abababab"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_element_that_is_refused_takes_its_event_with_it_and_no_other() {
    for known in ["conflict = []", "conflict = [\"id\"]", "unique_by = [\"id\"]"] {
        let (server, sink, _nats) = tables(known).await;
        let good = r#"[{"catalog": "x"}]"#;
        let bad_tag = json_event("tag", r#"{"name": "n", "tags": ["good", "bad"]}"#);
        let batch = [
            run("1", good),
            run("long", r#"[{"catalog": "x"}, {"catalog": "too long"}]"#),
            run("2", good),
            bad_tag,
            run("object", r#"{"catalog": "x"}"#),
            run("missing", r#"[{"country": "x"}]"#),
            run("nul", "[{\"catalog\": \"x\\u0000\"}]"),
            run("3", good),
        ];
        let results = sink.deliver(&batch).await;
        for (event, result) in batch.iter().zip(&results) {
            match (event.id(), result) {
                ("1" | "2" | "3", Ok(()))
                | ("long" | "tag", Err(DeliveryError::Refused(_)))
                | ("object" | "missing" | "nul", Err(DeliveryError::Unencodable(_))) => {}
                other => panic!("{known}: {other:?}"),
            }
        }
        let ids = "SELECT string_agg(id, ',' ORDER BY id) FROM runs";
        assert_eq!(server.psql(ids), "1,2,3", "{known}");
        assert_eq!(server.psql("SELECT string_agg(run, ',' ORDER BY run) FROM jobs"), "1,2,3");
        assert_eq!(server.psql("SELECT count(*) FROM tags"), "6");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_known_by_what_its_column_makes_of_it() {
    for known in ["conflict", "unique_by"] {
        let server = PostgresServer::start().await;
        server.psql(
            "CREATE TABLE runs (id numeric(5,1) UNIQUE); CREATE TABLE jobs (run text, job text)",
        );
        let settings = format!(
            r#"
            table = "runs"
            columns = {{ id = "data.id" }}
            {known} = ["id"]
            children = [{{ table = "jobs", each = "data.jobs", columns = {{ run = "data.id", job = "item" }} }}]"#
        );
        let (sink, _nats) = build(&config(server.port(), &settings)).await;
        let event = |id: &str| json_event(id, &format!(r#"{{"id": {id}, "jobs": ["a", "b"]}}"#));
        for batch in [vec![event("1.26"), event("1.3"), event("2")], vec![event("1.26")]] {
            let results = sink.deliver(&batch).await;
            assert!(results.iter().all(Result::is_ok), "{known}: {results:?}");
        }
        let jobs =
            "SELECT run, string_agg(job, ',' ORDER BY job) FROM jobs GROUP BY run ORDER BY run";
        assert_eq!(server.psql(jobs), "1.26|a,b\n2|a,b", "{known}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_too_long_is_refused_even_if_its_beginning_is_known() {
    let server = PostgresServer::start().await;
    server.psql("CREATE TABLE runs (id varchar(3) UNIQUE)");
    for known in ["conflict", "unique_by"] {
        let settings = format!("table = \"runs\"\ncolumns = {{ id = \"id\" }}\n{known} = [\"id\"]");
        let (sink, _nats) = build(&config(server.port(), &settings)).await;
        let results = sink.deliver(&[event("abc"), event("abcd"), event("ab")]).await;
        assert!(results[0].is_ok() && results[2].is_ok(), "{results:?}");
        assert!(matches!(results[1], Err(DeliveryError::Refused(_))), "{known}: {results:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_children_that_is_missing_or_changes_is_no_events_fault() {
    let (server, sink, _nats) = tables("unique_by = [\"id\"]").await;
    let jobs = r#"[{"catalog": "x"}]"#;
    assert!(sink.deliver(&[run("1", jobs)]).await[0].is_ok());
    server.psql("ALTER TABLE jobs ALTER catalog TYPE text, ALTER country TYPE varchar(20)");
    let long = r#"[{"catalog": "longer than five"}]"#;
    assert!(sink.deliver(&[run("2", long)]).await[0].is_ok());
    server.psql("ALTER TABLE tags RENAME TO labels");
    let results = sink.deliver(&[run("3", jobs)]).await;
    assert!(matches!(results[0], Err(DeliveryError::Unavailable { .. })), "{results:?}");
    assert!(sink.check().await.is_err());
    assert_eq!(server.psql("SELECT count(*) FROM runs"), "2");
    server.psql("ALTER TABLE labels RENAME TO tags");
    assert!(sink.deliver(&[run("3", jobs)]).await[0].is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_that_this_program_makes_may_have_children_too() {
    let server = crate::setup::server().await;
    server.psql("CREATE TABLE jobs (event text, name text)");
    let settings = r#"children = [{ table = "jobs", each = "data", columns = { event = "id", name = "item" } }]"#;
    let (sink, _nats) = build(&config(server.port(), settings)).await;
    let batch = [json_event("1", r#"["a", "b"]"#), json_event("1", r#"["a", "b"]"#), event("2")];
    assert!(sink.deliver(&batch).await.iter().all(Result::is_ok));
    assert_eq!(server.psql("SELECT count(*), (SELECT count(*) FROM events) FROM jobs"), "2|2");
}

#[test]
fn settings_that_cannot_be_meant_say_what_to_do() {
    let child = |text: &str| format!("children = [{text}]");
    for (more, key, words) in [
        (
            "columns = { a = \"item.x\" }\nconflict = []".to_owned(),
            "columns.a",
            "only in `children`",
        ),
        (
            child(r#"{ table = "t", each = "data.x", columns = {} }"#),
            "children[0].columns",
            "must not be empty",
        ),
        (
            child(r#"{ table = "", each = "data.x", columns = { a = "item" } }"#),
            "children[0].table",
            "must not be empty",
        ),
        (
            child(r#"{ table = "t", each = "jobs", columns = { a = "item" } }"#),
            "children[0].each",
            "data.jobs",
        ),
        (
            child(r#"{ table = "t", each = "data.x", columns = { a = "thing" } }"#),
            "children[0].columns.a",
            "nothing that an event has",
        ),
        (
            child(
                r#"{ table = "t", each = "data.x", columns = { a = { from = "item", round = true, epoch = "ms" } } }"#,
            ),
            "children[0].columns.a",
            "remove one",
        ),
        ("columns = { a = \"id\" }\nunique_by = []".to_owned(), "unique_by", "must name a column"),
        (
            "columns = { a = \"id\" }\nunique_by = [\"b\"]".to_owned(),
            "unique_by",
            "none of `columns`",
        ),
        (
            "columns = { a = \"id\" }\nunique_by = [\"a\"]\nconflict = [\"a\"]".to_owned(),
            "unique_by",
            "one or the other",
        ),
        ("unique_by = [\"a\"]".to_owned(), "unique_by", "belongs to `columns`"),
        ("columns = { a = \"id\" }".to_owned(), "conflict", "unique_by"),
    ] {
        let problems = crate::setup::read(1, &more).unwrap().validate();
        let found = problems.iter().any(|(at, problem)| at == key && problem.contains(words));
        assert!(found, "{more}: {problems:?}");
    }
    for (more, words) in [
        ("columns = { a = 3 }", "a source such as"),
        ("columns = { a = { from = \"id\", defualt = 1 } }", "defualt"),
        ("columns = { a = { from = \"id\", default = [] } }", "a text, a whole number"),
    ] {
        let problem = crate::setup::read(1, more).unwrap_err();
        assert!(problem.contains(words), "{more}: {problem}");
    }
}
