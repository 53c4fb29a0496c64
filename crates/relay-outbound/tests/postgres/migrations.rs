//! The table that this program makes, when it is asked to.

use relay_outbound::sinks::Settings as _;
use testkit::PostgresServer;

use crate::setup::{build, config, event, migrate, try_migrate};

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_made_once_and_each_by_itself() {
    let server = PostgresServer::start().await;
    server.psql("CREATE SCHEMA audit");
    for table in ["events", "audit.events", "audit.Odd \\\" name"] {
        let settings = config(server.port(), &format!("table = \"{table}\""));
        for _ in 0..2 {
            let done = migrate(&settings).await;
            assert!(done.ends_with("is up to date"), "{done}");
            let (sink, _nats) = build(&settings).await;
            assert!(sink.deliver(&[event("1")]).await[0].is_ok());
        }
    }
    let rows = "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM audit.events), \
                (SELECT count(*) FROM audit.\"Odd \"\" name\"), (SELECT count(*) FROM audit.events_migrations)";
    assert_eq!(server.psql(rows), "1|1|1|1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_somebody_else_is_left_alone() {
    let server = PostgresServer::start().await;
    server.psql("CREATE TABLE events (mine int)");
    let settings = config(server.port(), "");
    let error = try_migrate(&settings).await.unwrap_err();
    let said = event_bus_core::Chain(&error).to_string();
    assert!(said.contains("already exists"), "{said}");
    assert_eq!(
        server
            .psql("SELECT column_name FROM information_schema.columns WHERE table_name = 'events'"),
        "mine"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sql_that_is_shown_makes_the_table_as_well() {
    let server = PostgresServer::start().await;
    let settings = config(server.port(), "");
    server.psql(&settings.migration().unwrap());
    let (sink, _nats) = build(&settings).await;
    sink.check().await.unwrap();
    assert!(sink.deliver(&[event("1")]).await[0].is_ok());
}
