//! Nothing of an event is lost: every attribute and every payload is read back as it was sent.

use bytes::Bytes;
use event_bus_core::event::{Data, Event, Value as Attribute};
use serde_json::Value;
use testkit::{PostgresServer, github};

use crate::setup::{build, config, event, json_event, server};

fn github_events() -> Vec<Event> {
    let mut events = Vec::new();
    for (number, (name, example)) in github::payloads().into_iter().enumerate() {
        let event = Event::builder(
            format!("payload-{number}"),
            "https://api.github.com/repos/a/b",
            format!("com.github.{name}"),
        )
        .subject(format!("Grüße {number}"))
        .time_text(format!("2026-11-21T10:00:00.{number:07}+02:00"))
        .datacontenttype("application/json")
        .dataschema("https://example.com/schema")
        .extension("deliveries", Attribute::Integer(7))
        .extension("verified", Attribute::Boolean(true))
        .extension("partitionkey", "k \"'\\ \u{1f600}")
        .data(Data::Json(Bytes::from(example.to_string())));
        events.push(event.build().unwrap());
    }
    events
}

/// A row in the words of the structured form, as `psql` gives it out.
const ROWS: &str = "SELECT extensions || jsonb_strip_nulls(jsonb_build_object(
    'specversion', '1.0', 'id', ce_id, 'source', ce_source, 'type', ce_type, 'subject', ce_subject,
    'time', ce_time_text, 'datacontenttype', datacontenttype, 'dataschema', dataschema))
    || jsonb_build_object('data', data) FROM events";

#[tokio::test(flavor = "multi_thread")]
async fn every_published_payload_is_read_back_with_all_its_attributes() {
    let events = github_events();
    let server = server().await;
    let (sink, _nats) = build(&config(server.port(), "")).await;
    for batch in events.chunks(100) {
        for result in sink.deliver(batch).await {
            assert!(result.is_ok(), "{result:?}");
        }
    }
    let rows = server.psql(ROWS);
    let mut found: Vec<Value> =
        rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    let mut sent: Vec<Value> = events
        .iter()
        .map(|event| serde_json::from_slice(&event.to_structured()).unwrap())
        .collect();
    for values in [&mut found, &mut sent] {
        values.sort_by_key(|event| event["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(found, sent);
    let times = "SELECT count(*) FROM events WHERE \
        abs(extract(epoch FROM ce_time - ce_time_text::timestamptz)) > 0.000001 OR ce_time IS NULL";
    assert_eq!(server.psql(times), "0");
}

fn row(server: &PostgresServer, id: &str) -> String {
    server.psql(&format!(
        "SELECT data_form, data, data_text, encode(data_bytes, 'hex') FROM events WHERE ce_id = '{id}'"
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_that_jsonb_cannot_hold_is_kept_in_another_column() {
    let server = server().await;
    let (sink, _nats) = build(&config(server.port(), "")).await;
    let with = |id: &str, data: Data| {
        Event::builder(id, "/test", "com.example.made").data(data).build().unwrap()
    };
    let deep = format!("{}{}", "[".repeat(128), "]".repeat(128));
    let digits = format!("0.{}", "7".repeat(20_000));
    let batch = [
        json_event("json", r#"{"n": 1.50, "a": "\\u0000"}"#),
        json_event("null", "null"),
        json_event("nul", r#"{"a": "x\u0000y"}"#),
        json_event("deep", &deep),
        json_event("digits", &digits),
        json_event("tiny", "1e-20000"),
        json_event("large", "1.7976931348623157e308"),
        with("text", Data::Text("Grüße \"x\"".to_owned())),
        with("text-nul", Data::Text("a\0é".to_owned())),
        with("bytes", Data::Binary(Bytes::from_static(&[0, 255]))),
        event("none"),
    ];
    for result in sink.deliver(&batch).await {
        assert!(result.is_ok(), "{result:?}");
    }
    assert_eq!(row(&server, "json"), r#"json|{"a": "\\u0000", "n": 1.50}||"#);
    assert_eq!(row(&server, "null"), "json|null||");
    assert_eq!(row(&server, "nul"), r#"json-text||{"a": "x\u0000y"}|"#);
    assert_eq!(row(&server, "deep"), format!("json|{deep}||"));
    assert_eq!(row(&server, "digits"), format!("json-text||{digits}|"));
    assert_eq!(row(&server, "tiny"), "json-text||1e-20000|");
    assert!(row(&server, "large").starts_with("json|17976931348623157000"));
    assert_eq!(row(&server, "text"), "text||Grüße \"x\"|");
    assert_eq!(row(&server, "text-nul"), "text-bytes|||6100c3a9");
    assert_eq!(row(&server, "bytes"), "bytes|||00ff");
    assert_eq!(row(&server, "none"), "|||");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_that_the_database_does_not_have_is_kept_as_text() {
    let server = server().await;
    let (sink, _nats) = build(&config(server.port(), "")).await;
    let times = ["0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "2016-12-31T23:59:60Z"];
    let batch = times.map(|time| {
        Event::builder(time, "/test", "com.example.made").time_text(time).build().unwrap()
    });
    assert!(sink.deliver(&batch).await.iter().all(Result::is_ok));
    assert_eq!(server.psql("SELECT count(*) FROM events WHERE ce_time_text = ce_id"), "3");
    let known =
        "SELECT ce_time AT TIME ZONE 'UTC' FROM events WHERE ce_time IS NOT NULL ORDER BY 1";
    assert_eq!(server.psql(known), "2016-12-31 23:59:59.999999\n9999-12-31 23:59:59.999999");
}

/// Text of PostgreSQL cannot hold NUL, and no attribute ever has one.
#[test]
fn no_attribute_can_hold_nul() {
    let builder = || Event::builder("1", "/test", "type");
    for builder in [
        Event::builder("a\0", "/test", "type"),
        Event::builder("1", "/te\0st", "type"),
        Event::builder("1", "/test", "ty\0pe"),
        builder().subject("a\0"),
        builder().time_text("2026-11-21T10:00:00Z\0"),
        builder().datacontenttype("text/plain\0"),
        builder().dataschema("https://example.com/\0"),
        builder().extension("a", "a\0"),
    ] {
        assert!(builder.clone().build().is_err(), "{builder:?}");
    }
    assert!(builder().build().is_ok());
}
