//! What is particular to a database: rows, columns of the user's own, cut connections, migrations.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use event_bus_core::delivery::DeliveryError;
use event_bus_core::event::{Data, Event};
use event_bus_runtime::{EnvMap, SecretResolver, SecretsConfig};
use relay_outbound::sinks::Settings as _;
use relay_outbound::sinks::postgres::Config;
use testkit::{NatsServer, PostgresServer, TcpProxy};

use super::suite::config;
use crate::harness::try_build;
use crate::world::event;

fn with_data(id: &str, media_type: &str, data: Data) -> Event {
    Event::builder(id, "/hooks/test", "com.example.made")
        .datacontenttype(media_type)
        .data(data)
        .build()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_payload_is_lost_whatever_it_holds() {
    let nats = NatsServer::start().await;
    let server = PostgresServer::start().await;
    server.psql(&config().migration().unwrap());
    let sink =
        try_build(&config(), &nats.connect().await, [("PG", server.url().as_str())]).unwrap();
    let nul = r#"{"a":"x\u0000y"}"#;
    let batch = [
        with_data(
            "json",
            "application/json",
            Data::Json(Bytes::from_static(br#"{"n":1.50,"a":"\\u0000"}"#)),
        ),
        with_data("nul", "application/json", Data::Json(Bytes::from_static(nul.as_bytes()))),
        with_data("text", "text/plain", Data::Text("Grüße \"x\"".to_owned())),
        with_data("text-nul", "text/plain", Data::Text("a\0b".to_owned())),
        with_data("bytes", "application/octet-stream", Data::Binary(Bytes::from_static(&[0, 255]))),
        Event::builder("none", "/hooks/test", "t")
            .time_text("0000-01-01T00:00:00Z")
            .build()
            .unwrap(),
    ];
    assert!(sink.deliver(&batch).await.iter().all(Result::is_ok));
    // Once more: each event stands there once.
    assert!(sink.deliver(&batch).await.iter().all(Result::is_ok));
    assert_eq!(server.psql("SELECT count(*) FROM events"), "6");
    let row = |id: &str| {
        server.psql(&format!(
            "SELECT data, encode(data_bytes, 'hex') FROM events WHERE ce_id = '{id}'"
        ))
    };
    assert_eq!(row("json"), r#"{"a": "\\u0000", "n": 1.50}|"#);
    assert_eq!(row("nul"), format!("|{}", hex(nul.as_bytes())));
    assert_eq!(row("text"), r#""Grüße \"x\""|"#);
    assert_eq!(row("text-nul"), "|610062");
    assert_eq!(row("bytes"), "|00ff");
    assert_eq!(row("none"), "|");
    assert_eq!(
        server.psql("SELECT attributes->>'time' FROM events WHERE ce_id = 'none'"),
        "0000-01-01T00:00:00Z"
    );
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn own_columns_get_the_types_of_the_table_and_one_bad_row_harms_no_other() {
    let nats = NatsServer::start().await;
    let server = PostgresServer::start().await;
    server.psql("CREATE SCHEMA app; CREATE TABLE app.rows (key text PRIMARY KEY, n int, at timestamptz, doc jsonb, label text)");
    let columns = [
        ("key", "id"),
        ("n", "data.n"),
        ("at", "time"),
        ("doc", "data"),
        ("label", "{type}: {data.n}"),
    ];
    let config = Config {
        table: "app.rows".to_owned(),
        columns: columns.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        ..config()
    };
    let sink = try_build(&config, &nats.connect().await, [("PG", server.url().as_str())]).unwrap();
    assert_eq!(sink.check().await.unwrap(), "table \"app\".\"rows\" takes rows");
    let json = |id: &str, text: &'static str| {
        with_data(id, "application/json", Data::Json(Bytes::from_static(text.as_bytes())))
    };
    let batch = [
        json("a", r#"{"n":1}"#),
        json("b", r#"{"n":"no number"}"#),
        json("c", r#"{"n":3}"#),
        json("d", r"{}"),
        json("a", r#"{"n":9}"#),
    ];
    let results = sink.deliver(&batch).await;
    assert!(matches!(results[1], Err(DeliveryError::Refused(_))), "{results:?}");
    assert!(matches!(results[3], Err(DeliveryError::Unencodable(_))), "{results:?}");
    assert!(results[0].is_ok() && results[2].is_ok() && results[4].is_ok(), "{results:?}");
    let rows = server.psql("SELECT key, n, doc, label FROM app.rows ORDER BY key");
    assert_eq!(rows, "a|1|{\"n\": 1}|com.example.made: 1\nc|3|{\"n\": 3}|com.example.made: 3");
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_connections_leave_no_gap_and_no_duplicate() {
    let nats = NatsServer::start().await;
    let server = PostgresServer::start().await;
    server.psql(&config().migration().unwrap());
    let proxy = TcpProxy::start(server.port()).await;
    let url = format!("postgres://postgres@{}/postgres", proxy.address());
    let sink = try_build(&config(), &nats.connect().await, [("PG", url.as_str())]).unwrap();
    let mut cuts = 0_u32;
    for batch in 0..60_u32 {
        let events: Vec<_> = (0..50).map(|number| event(&format!("{batch}-{number}"))).collect();
        let mut open: Vec<Event> = events;
        while !open.is_empty() {
            let delivery = sink.deliver(&open);
            let results = if cuts < batch {
                cuts += 1;
                let cut = async {
                    // Somewhere between the first byte of the statement and its answer.
                    tokio::time::sleep(Duration::from_micros(u64::from(cuts % 20) * 150)).await;
                    proxy.cut();
                };
                tokio::join!(delivery, cut).0
            } else {
                delivery.await
            };
            for result in &results {
                assert!(!matches!(
                    result,
                    Err(DeliveryError::Refused(_) | DeliveryError::Unencodable(_))
                ));
            }
            let failed = open.into_iter().zip(results).filter(|(_, result)| result.is_err());
            open = failed.map(|(event, _)| event).collect();
        }
    }
    assert!(cuts >= 59, "{cuts}");
    let ids = server.psql("SELECT ce_id FROM events");
    let distinct: BTreeSet<_> = ids.lines().collect();
    assert_eq!((ids.lines().count(), distinct.len()), (3000, 3000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_table_is_made_on_demand_and_gives_up_no_event() {
    let nats = NatsServer::start().await;
    let server = PostgresServer::start().await;
    let config = Config { table: "public.my_events".to_owned(), ..config() };
    let url = server.url();
    let sink = try_build(&config, &nats.connect().await, [("PG", url.as_str())]).unwrap();
    let result = sink.deliver(&[event("early")]).await.remove(0);
    assert!(matches!(result, Err(DeliveryError::Unavailable { .. })), "{result:?}");
    let problem = event_bus_core::Chain(&sink.check().await.unwrap_err()).to_string();
    assert!(problem.contains("routes migrate") && problem.contains("my_events"), "{problem}");
    let env = EnvMap::from_iter([("PG", url.as_str())]);
    let secrets = SecretResolver::new(env, &SecretsConfig::default());
    for _ in 0..2 {
        config.migrate(&secrets).await.unwrap();
    }
    assert!(sink.deliver(&[event("early")]).await.remove(0).is_ok());
    assert_eq!(server.psql("SELECT ce_id FROM my_events"), "early");
    assert!(sink.check().await.is_ok());
}
