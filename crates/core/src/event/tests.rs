use super::*;

fn minimal() -> EventBuilder {
    Event::builder("a-1", "/hooks/x", "com.example.made")
}

#[test]
fn an_event_comes_back_as_it_was_written() {
    let json = Bytes::from_static(b"{\"n\": [1, 2.50]}");
    let event = minimal()
        .subject("s \u{20ac}")
        .datacontenttype("application/json")
        .extension("partitionkey", "k")
        .data(Data::Json(json.clone()))
        .build()
        .unwrap();
    let bytes = event.to_structured();
    let read = Event::from_structured(bytes.clone()).unwrap();
    assert_eq!(read, event);
    assert_eq!(read.to_structured(), bytes);
    assert!(std::str::from_utf8(&bytes).unwrap().contains("\"data\":{\"n\": [1, 2.50]}"));
}

#[test]
fn foreign_spelling_of_a_structured_event_is_kept_to_the_byte() {
    let text = " { \"type\":\"t\", \"source\" : \"/s\",\n\"id\":\"\\u0041\",\"specversion\":\"1.0\", \"data\" : {\"b\":1e2} } ";
    let event = Event::from_structured(Bytes::from_static(text.as_bytes())).unwrap();
    assert_eq!(event.id(), "A");
    assert_eq!(event.data(), Some(&Data::Json(Bytes::from_static(b"{\"b\":1e2}"))));
    assert_eq!(event.to_structured(), text.as_bytes());
}

#[test]
fn binary_mode_carries_the_same_attributes_and_data() {
    let event = minimal()
        .subject("Euro \u{20ac} 100%")
        .datacontenttype("text/plain")
        .extension("n", Value::Integer(7))
        .data(Data::Text("hi".to_owned()))
        .build()
        .unwrap();
    let (headers, body) = http::encode_binary(&event);
    assert_eq!(headers["ce-subject"], "Euro%20%E2%82%AC%20100%25");
    let http::Decoded::Single(read) = http::decode(&headers, body).unwrap() else {
        panic!("one event was sent")
    };
    assert_eq!(read.subject(), event.subject());
    assert_eq!(read.data(), event.data());
    // Types are not carried by headers: an integer comes back as text (http-protocol-binding.md 3.1.3).
    assert_eq!(read.extension("n"), Some(&Value::from("7")));
}

#[test]
fn an_invalid_event_cannot_be_built() {
    for (builder, wrong) in [
        (Event::builder("", "/s", "t"), "id"),
        (Event::builder("i", "a b", "t"), "source"),
        (Event::builder("i", "/s", "a\u{7}"), "type"),
        (minimal().subject(""), "subject"),
        (minimal().time_text("2018-02-30T00:00:00Z"), "time"),
        (minimal().datacontenttype("xyz"), "datacontenttype"),
        (minimal().dataschema("/relative"), "dataschema"),
        (minimal().extension("my_ext", "x"), "my_ext"),
    ] {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.contains(wrong), "{error} does not name {wrong}");
    }
}
