use bytes::Bytes;
use event_bus_core::delivery::DeliveryError;
use event_bus_core::event::{Data, Event};
use event_bus_runtime::{Document, EnvMap};

use super::super::Config;
use super::super::fields::Fields;
use super::*;
use time::OffsetDateTime;

fn fill(settings: &str, event: &Event) -> Result<Filled, DeliveryError> {
    let document = Document::parse("event-bus.toml", settings, &EnvMap::default()).unwrap();
    let config: Config = document.get().unwrap();
    Fields::parse(&config).map_err(|(key, _)| key).unwrap().fill(event)
}

fn entry(settings: &str, event: &Event) -> Result<Entry, DeliveryError> {
    Entry::new(fill(settings, event)?, "default")
}

fn event(data: &str) -> Event {
    Event::builder("1", "https://api.github.com/repos/a/b", "com.github.push")
        .subject("s")
        .time_text("2026-11-21T10:00:00.5Z")
        .extension("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")
        .datacontenttype("application/json")
        .data(Data::Json(Bytes::copy_from_slice(data.as_bytes())))
        .build()
        .unwrap()
}

#[test]
fn an_event_fills_the_fields_by_default() {
    let event = event(r#"{"a":1}"#);
    let request = entry("", &event).unwrap().request;
    assert_eq!(request.source(), Some("https://api.github.com/repos/a/b"));
    assert_eq!(request.detail_type(), Some("com.github.push"));
    assert_eq!(request.event_bus_name(), Some("default"));
    assert!(request.resources().is_empty());
    assert_eq!(request.time().unwrap().as_secs_f64(), 1_795_255_200.5);
    let trace = "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=0";
    assert_eq!(request.trace_header(), Some(trace));
    let detail = Bytes::copy_from_slice(request.detail().unwrap().as_bytes());
    assert_eq!(Event::from_structured(detail).unwrap(), event);
}

#[test]
fn templates_fill_the_fields_otherwise() {
    let event = event(r#"{"repository":{"name":"b"},"at":"2020-01-01T00:00:00Z"}"#);
    let settings = r#"
        source = "github.{data.repository.name}"
        detail_type = "push to {data.repository.name}"
        detail = '''{ '{' }"name": {data.repository.name|tojson}{ '}' }'''
        time = "{data.at}"
        resources = ["{subject}", "{id}"]
        trace_header = "Root={id}"
    "#;
    let request = entry(settings, &event).unwrap().request;
    assert_eq!(request.source(), Some("github.b"));
    assert_eq!(request.detail_type(), Some("push to b"));
    assert_eq!(request.detail(), Some(r#"{"name": "b"}"#));
    assert_eq!(request.time().unwrap().secs(), 1_577_836_800);
    assert_eq!(request.resources(), ["s", "1"]);
    assert_eq!(request.trace_header(), Some("Root=1"));
    assert_eq!(
        entry("detail = 'data'", &event).unwrap().request.detail().map(str::len),
        event.data().map(|data| data.to_bytes().len())
    );
}

#[test]
fn what_can_never_be_taken_is_not_sent() {
    let unencodable = |settings: &str, data: &str| {
        let result = entry(settings, &event(data));
        assert!(matches!(result, Err(DeliveryError::Unencodable(_))), "{settings}: {result:?}");
    };
    unencodable("detail = 'data'", "[1]");
    unencodable("detail = 'data'", "\"text\"");
    unencodable("detail = '{data.a}'", r#"{"a":"no object"}"#);
    unencodable("detail = '{data.a}'", r#"{"a":"{\"cut\":"}"#);
    unencodable("detail = '{data.gone}'", "{}");
    unencodable("time = '{id}'", "{}");
    unencodable("source = '{data.gone}'", "{}");
    let text = Event::builder("1", "/s", "t").data(Data::Text("text".to_owned())).build().unwrap();
    assert!(matches!(entry("detail = 'data'", &text), Err(DeliveryError::Unencodable(_))));

    let refused = |settings: &str, data: &str, words: &str| match entry(settings, &event(data)) {
        Err(DeliveryError::Refused(Refusal::Constraint(cause))) => {
            assert!(cause.to_string().contains(words), "{cause}");
        }
        other => panic!("{settings}: {other:?}"),
    };
    refused("source = '{data.s}'", r#"{"s":"aws.s3"}"#, "aws.");
    refused("source = '{data.s}'", r#"{"s":""}"#, "Source is empty");
    refused("detail_type = '{data.s}'", r#"{"s":""}"#, "DetailType is empty");
    let long = format!(r#"{{"s":"{}"}}"#, "é".repeat(MAX_DETAIL_TYPE + 1));
    refused("detail_type = '{data.s}'", &long, "128 characters");
    let fits = format!(r#"{{"s":"{}"}}"#, "é".repeat(MAX_DETAIL_TYPE));
    assert!(entry("detail_type = '{data.s}'", &event(&fits)).is_ok());
}

#[test]
fn depth_is_counted_outside_of_strings() {
    for (json, expected) in
        [("{}", 1), (r#"{"a":[{}],"b":{}}"#, 3), (r#"{"[{[\"{[":"\\","c":[]}"#, 2)]
    {
        assert_eq!(depth(json), expected, "{json}");
    }
    let deep =
        |levels: usize| format!("{}{}", r#"{"a":"#.repeat(levels), "1") + &"}".repeat(levels);
    let fields = |detail: String| Filled {
        source: "s".to_owned(),
        detail_type: "t".to_owned(),
        detail,
        time: None,
        resources: Vec::new(),
        trace_header: None,
    };
    assert_eq!(broken(&fields(deep(MAX_DEPTH))), None);
    assert_eq!(broken(&fields(deep(MAX_DEPTH + 1))), Some(Broken::Deep));
}

#[test]
fn a_request_holds_ten_entries_and_less_than_a_mebibyte() {
    let fields = |size: usize| Filled {
        source: "s".to_owned(),
        detail_type: "t".to_owned(),
        // Seven bytes are around the text: `{"":""}`.
        detail: format!(r#"{{"":"{}"}}"#, "x".repeat(size - 2 - 7 - TIME_SIZE - 3)),
        time: Some(OffsetDateTime::UNIX_EPOCH),
        resources: vec!["ab".to_owned(), "c".to_owned()],
        trace_header: Some("not counted".to_owned()),
    };
    let entry = |size: usize| Entry::new(fields(size), "default").unwrap();
    assert_eq!(entry(100).size, 100);
    assert_eq!(entry(MAX_REQUEST - 1).size, MAX_REQUEST - 1);
    assert!(matches!(
        Entry::new(fields(MAX_REQUEST), "default"),
        Err(DeliveryError::Refused(Refusal::TooLarge { limit: 1_048_575 }))
    ));

    let half = MAX_REQUEST / 2;
    assert_eq!(requests(&[]), Vec::<Range<usize>>::new());
    assert_eq!(requests(&vec![entry(100); 21]), [20..21, 10..20, 0..10]);
    assert_eq!(requests(&[entry(half), entry(half), entry(100)]), [1..3, 0..1]);
    assert_eq!(requests(&[entry(half), entry(half - 1), entry(100)]), [2..3, 0..2]);
}
