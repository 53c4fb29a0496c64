//! Every case of the CloudEvents suite: the official JSON conformance cases, the protocol bindings, the attribute rules.

use std::borrow::Cow;

use bytes::Bytes;
use event_bus_core::event::http::Decoded;
use event_bus_core::event::{
    Data, DecodeError, Event, Value, decode_batch, header, http, kafka, nats,
};
use testkit::vectors::{CloudEventsCase, cloudevents};

/// Cases of level `policy` that we decide otherwise, with the reason. None: all recommendations are followed.
const DIFFERENT: [(&str, &str); 0] = [];

fn header_map(headers: &[(String, String)]) -> ::http::HeaderMap {
    let mut map = ::http::HeaderMap::new();
    for (name, value) in headers {
        let name = ::http::HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        map.append(
            name,
            ::http::HeaderValue::from_bytes(value.as_bytes()).expect("a header value"),
        );
    }
    map
}

fn pairs<N: AsRef<str>>(headers: &[(N, String)]) -> impl Iterator<Item = (&str, &str)> + Clone {
    headers.iter().map(|(name, value)| (name.as_ref(), value.as_str()))
}

fn decode(case: &CloudEventsCase) -> Result<Vec<Event>, DecodeError> {
    let body = case.body().unwrap_or_default();
    match case.kind.as_str() {
        "json-event" | "json-text" => {
            Event::from_structured(case.json_bytes().expect("JSON")).map(|event| vec![event])
        }
        "json-batch" => decode_batch(&case.json_bytes().expect("JSON")),
        "http-binary" | "http-structured" | "http-batch" => {
            match http::decode(&header_map(&case.headers()), body)? {
                Decoded::Single(event) => Ok(vec![*event]),
                Decoded::Batch(events) => Ok(events),
            }
        }
        "kafka" => kafka::decode(pairs(&case.headers()), case.body()).map(|event| vec![event]),
        other => panic!("{}: unknown kind {other}", case.id),
    }
}

fn attribute(event: &Event, name: &str) -> Option<String> {
    match name {
        "datacontenttype" => event.datacontenttype().map(str::to_owned),
        name => event
            .text_attributes()
            .find(|(each, _)| *each == name)
            .map(|(_, value)| value.into_owned()),
    }
}

fn check_decoded(case: &CloudEventsCase, events: &[Event]) {
    let id = &case.id;
    if let Some(count) = case.expect["events"].as_u64() {
        assert_eq!(events.len() as u64, count, "{id}");
    }
    if let Some(attributes) = case.expect["attributes"].as_object() {
        for (name, value) in attributes {
            assert_eq!(attribute(&events[0], name).as_deref(), value.as_str(), "{id}: {name}");
        }
    }
    for name in case.expect["attributes_absent"].as_array().into_iter().flatten() {
        assert_eq!(attribute(&events[0], name.as_str().expect("a name")), None, "{id}");
    }
    if let Some(expected) = case.expect.get("data_json") {
        let Some(Data::Json(bytes)) = events[0].data() else { panic!("{id}: no JSON data") };
        assert_eq!(
            &serde_json::from_slice::<serde_json::Value>(bytes).expect("JSON"),
            expected,
            "{id}"
        );
    }
    for event in events {
        // Whatever was accepted leaves as a valid event with the same attributes and data.
        assert_eq!(&Event::from_structured(event.to_structured()).expect("valid"), event, "{id}");
    }
}

fn check_encoded(case: &CloudEventsCase, event: &Event) {
    let id = &case.id;
    let (headers, key, payload) = if case.kind == "kafka" {
        let record = kafka::encode_binary(event);
        let headers = record.headers.into_iter().map(|(name, value)| (Cow::Owned(name), value));
        (headers.collect::<Vec<_>>(), record.key, record.value)
    } else {
        let structured = case.expect["headers"].get("Content-Type").is_some();
        let (headers, payload) =
            if structured { nats::encode_structured(event) } else { nats::encode_binary(event) };
        let read = nats::decode(pairs(&headers), payload.clone()).expect("valid");
        assert_eq!(&read, event, "{id}");
        (headers, None, Some(payload))
    };
    for wanted in ["headers", "headers_include"] {
        for (name, value) in case.expect[wanted].as_object().into_iter().flatten() {
            let found =
                headers.iter().find(|(each, _)| each == name).map(|(_, value)| value.as_str());
            assert_eq!(found, value.as_str(), "{id}: {name}");
        }
    }
    if let Some(expected) = case.expect["key"].as_str() {
        assert_eq!(key.as_deref(), Some(expected), "{id}");
    }
    if let Some(expected) = case.expect.get("payload_json") {
        let payload = payload.unwrap_or_default();
        assert_eq!(
            &serde_json::from_slice::<serde_json::Value>(&payload).expect("JSON"),
            expected,
            "{id}"
        );
    }
}

/// Whether our answer is the expected one; panics where an accepted case comes out wrong.
fn agrees(case: &CloudEventsCase) -> bool {
    match case.kind.as_str() {
        "header-encode" => {
            let value = case.input["value"].as_str().expect("a value");
            Some(header::encode(value).as_ref()) == case.expect["header"].as_str()
        }
        "header-decode" => {
            let value = case.input["header"].as_str().expect("a header");
            match header::decode(value.as_bytes()) {
                Ok(text) => case.accepts() && Some(text.as_str()) == case.expect["value"].as_str(),
                Err(_) => !case.accepts(),
            }
        }
        "kafka" | "nats" if case.input.get("event").is_some() => {
            let bytes = Bytes::from(case.input["event"].to_string());
            check_encoded(case, &Event::from_structured(bytes).expect("the input is valid"));
            case.accepts()
        }
        _ => match decode(case) {
            Ok(events) => {
                if case.accepts() {
                    check_decoded(case, &events);
                }
                case.accepts()
            }
            Err(error) => {
                if case.expect["http_status"].as_u64() == Some(415) {
                    assert!(matches!(error, DecodeError::UnknownFormat(_)), "{}: {error}", case.id);
                }
                !case.accepts()
            }
        },
    }
}

#[test]
fn every_case_of_the_cloudevents_suite_is_decided_as_expected() {
    let cases = cloudevents();
    assert!(!cases.is_empty());
    for case in cases {
        let differs = DIFFERENT.iter().any(|(id, _)| *id == case.id);
        assert_eq!(agrees(&case), !differs, "{} ({:?}): {}", case.id, case.level, case.notes);
    }
}

#[test]
fn the_rust_sdk_reads_what_we_write() {
    for case in cloudevents().into_iter().filter(|case| case.kind == "json-event" && case.accepts())
    {
        let event = Event::from_structured(case.json_bytes().expect("JSON")).expect("accepted");
        let Ok(theirs) = serde_json::from_slice::<cloudevents::Event>(&event.to_structured())
        else {
            // The SDK refuses JSON data whose content type has parameters, which the format allows.
            assert_eq!(case.id, "rule-plus-json-suffix");
            continue;
        };
        use cloudevents::AttributesReader as _;
        assert_eq!(theirs.id(), event.id(), "{}", case.id);
        assert_eq!(theirs.ty(), event.kind(), "{}", case.id);
        assert_eq!(theirs.subject(), event.subject(), "{}", case.id);
        for (name, value) in event.extensions() {
            let found = theirs.extension(name).map(ToString::to_string);
            assert_eq!(found.as_deref(), Some(value.to_text().as_ref()), "{}: {name}", case.id);
        }
    }
}

mod round_trips {
    use proptest::prelude::*;

    use super::{Bytes, Data, Event, Value, header, http, nats, pairs};

    fn text() -> impl Strategy<Value = String> {
        // Printable characters of all planes; controls are refused by the builder, which other tests show.
        "[^\\p{C}]{1,40}"
    }

    prop_compose! {
        fn events()(
            id in text(), kind in text(), subject in proptest::option::of(text()),
            extension in text(), number in any::<i32>(), flag in any::<bool>(),
            body in proptest::collection::vec(any::<u8>(), 1..200), declared in "application/json|text/plain|image/png",
        ) -> Event {
            let mut builder = Event::builder(id, "/property/test", kind)
                .extension("text", Value::String(extension))
                .extension("number", Value::Integer(number))
                .extension("flag", Value::Boolean(flag));
            if let Some(subject) = subject {
                builder = builder.subject(subject);
            }
            let (data, media_type) = Data::from_body(Some(&declared), Bytes::from(body));
            if let (Some(data), Some(media_type)) = (data, media_type) {
                builder = builder.data(data).datacontenttype(media_type);
            }
            builder.build().expect("every part is valid")
        }
    }

    fn with_text_extensions(event: &Event) -> Vec<(String, String)> {
        event.text_attributes().map(|(name, value)| (name.to_owned(), value.into_owned())).collect()
    }

    proptest! {
        #[test]
        fn structured_mode_keeps_everything(event in events()) {
            let read = Event::from_structured(event.to_structured()).expect("valid");
            prop_assert_eq!(read, event);
        }

        #[test]
        fn binary_modes_keep_attributes_as_text_and_the_bytes(event in events()) {
            let (headers, body) = http::encode_binary(&event);
            let http::Decoded::Single(read) = http::decode(&headers, body).expect("valid") else { panic!("one event") };
            prop_assert_eq!(with_text_extensions(&read), with_text_extensions(&event));
            prop_assert_eq!(read.data().map(Data::to_bytes), event.data().map(Data::to_bytes));

            let (headers, payload) = nats::encode_binary(&event);
            let read = nats::decode(pairs(&headers), payload).expect("valid");
            prop_assert_eq!(with_text_extensions(&read), with_text_extensions(&event));
        }

        #[test]
        fn header_values_come_back(value in ".{0,60}") {
            let encoded = header::encode(&value);
            prop_assert!(encoded.bytes().all(|byte| (0x21..=0x7e).contains(&byte)));
            prop_assert_eq!(header::decode(encoded.as_bytes()).expect("valid"), value);
        }

        #[test]
        fn no_bytes_make_a_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let bytes = Bytes::from(bytes);
            let decoded = Event::from_structured(bytes.clone());
            prop_assert!(decoded.is_err() || decoded.is_ok());
            prop_assert!(super::decode_batch(&bytes).is_err() || !bytes.is_empty());
        }
    }
}
