//! What stands in a request, and so in a record.

use bytes::Bytes;
use event_bus_core::delivery::DeliveryError;
use event_bus_core::event::{Data, Event};
use event_bus_core::key::EventKey;
use relay_outbound::sinks::kafka_rest::Api;

use crate::stub::{APIS, Bridge, Stored};
use crate::workshop::Workshop;

fn event(id: &str, data: Option<Data>) -> Event {
    let mut builder = Event::builder(id, "/hooks/test", "com.example.made")
        .subject("s \u{20ac}")
        .datacontenttype("application/json")
        .extension("partitionkey", "k");
    if let Some(data) = data {
        builder = builder.data(data);
    }
    builder.build().unwrap()
}

fn json() -> Option<Data> {
    Some(Data::Json(Bytes::from_static(br#"{"a": 1.50, "b": 123456789012345678901234567890}"#)))
}

async fn deliver(bridge: &Bridge, more: &str, event: &Event) -> Result<(), DeliveryError> {
    let sink = Workshop::open([]).await.build(&bridge.setting(more)).unwrap();
    sink.deliver(std::slice::from_ref(event)).await.remove(0)
}

async fn written(api: Api, more: &str, event: &Event) -> Stored {
    let bridge = Bridge::start(api).await;
    deliver(&bridge, more, event).await.unwrap();
    bridge.written().remove(0)
}

#[tokio::test]
async fn a_record_carries_the_event_in_each_format_that_the_api_has() {
    let event = event("1", json());
    let event_key = ("event-key".to_owned(), EventKey::of(&event).message_id());
    for api in APIS {
        for format in ["binary", "structured", "data"] {
            if (api, format) == (Api::ConfluentV2, "binary") {
                continue;
            }
            let record = written(api, &format!("format = \"{format}\""), &event).await;
            assert_eq!(record.key.as_deref(), Some(&b"k"[..]));
            assert_eq!(record.headers.contains(&event_key), api != Api::ConfluentV2, "{api:?}");
            if format == "data" {
                let Some(Data::Json(data)) = event.data() else { unreachable!("it is JSON") };
                assert_eq!(record.value.as_deref(), Some(&data[..]), "{api:?}");
                assert!(!record.headers.iter().any(|(name, _)| name.starts_with("ce_")));
            } else {
                assert_eq!(record.event(), event, "{api:?} {format}");
            }
        }
    }
}

#[tokio::test]
async fn the_default_format_keeps_the_attributes_with_each_api() {
    let event = event("1", json());
    for api in APIS {
        let record = written(api, "", &event).await;
        assert_eq!(record.event(), event);
        assert_eq!(record.headers.is_empty(), api == Api::ConfluentV2, "{api:?}");
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_arrive_as_they_are() {
    let bytes = Bytes::from((0..=255).collect::<Vec<u8>>());
    let event = event("1", Some(Data::Binary(bytes.clone())));
    for api in APIS {
        let record = written(api, "format = \"data\"", &event).await;
        assert_eq!(record.value.as_deref(), Some(&bytes[..]), "{api:?}");
    }
}

#[tokio::test]
async fn keys_come_from_an_attribute_and_an_event_without_data_is_a_tombstone() {
    let event = event("1", None);
    for api in APIS {
        for (key, expected) in [("subject", Some("s \u{20ac}")), ("nothing", None), ("none", None)]
        {
            let record = written(api, &format!("format = \"data\", key = \"{key}\""), &event).await;
            assert_eq!(record.key.as_deref(), expected.map(str::as_bytes), "{api:?} {key}");
            assert_eq!(record.value, None);
        }
    }
}

#[tokio::test]
async fn every_request_is_of_the_media_type_that_the_api_names() {
    for (api, path, content_type, accept) in [
        (
            Api::Strimzi,
            "/topics/events",
            "application/vnd.kafka.binary.v2+json",
            "application/vnd.kafka.v2+json",
        ),
        (
            Api::ConfluentV2,
            "/topics/events",
            "application/vnd.kafka.binary.v2+json",
            "application/vnd.kafka.v2+json",
        ),
        (
            Api::ConfluentV3,
            "/v3/clusters/4L6g3nShT-eMCtK--X86sw/topics/events/records",
            "application/json",
            "application/json",
        ),
    ] {
        let bridge = Bridge::start(api).await;
        deliver(&bridge, "", &event("1", json())).await.unwrap();
        let request = bridge.sink.requests().remove(0);
        assert_eq!(request.path, path);
        assert_eq!(request.header("content-type"), Some(content_type));
        assert_eq!(request.header("accept"), Some(accept));
    }
}

#[tokio::test]
async fn the_path_of_the_url_stands_before_that_of_the_api() {
    let bridge = Bridge::start(Api::ConfluentV3).await;
    let setting =
        bridge.setting("").replace(&bridge.sink.url(), &format!("{}kafka/", bridge.sink.url()));
    let sink = Workshop::open([]).await.build(&setting).unwrap();
    // The stub does not serve it below another path.
    let result = sink.deliver(&[event("1", None)]).await.remove(0);
    assert!(
        matches!(result, Err(DeliveryError::Unavailable { status: Some(404), .. })),
        "{result:?}"
    );
    let path = "/kafka/v3/clusters/4L6g3nShT-eMCtK--X86sw/topics/events/records";
    assert_eq!(bridge.sink.requests()[0].path, path);
}

#[tokio::test]
async fn an_event_cannot_choose_a_path() {
    let bridge = Bridge::start(Api::Strimzi).await;
    for name in ["..", ".", "a/b", "../admin", "a?b", "%2e%2e", "a b"] {
        let made = Event::builder("1", "/hooks/test", "com.example.made").subject(name);
        let result = deliver(&bridge, "topic = \"{subject}\"", &made.build().unwrap()).await;
        assert!(matches!(result, Err(DeliveryError::Unencodable(_))), "{name}: {result:?}");
    }
    let without = Event::builder("1", "/hooks/test", "com.example.made").build().unwrap();
    let result = deliver(&bridge, "topic = \"{subject}\"", &without).await;
    assert!(matches!(result, Err(DeliveryError::Unencodable(_))), "{result:?}");
    assert_eq!(bridge.sink.count(), 0);
}

#[tokio::test]
async fn credentials_and_further_headers_go_with_every_request() {
    let workshop = Workshop::open([("TOKEN", "hush-token"), ("TEAM", "hush-team")]).await;
    for api in APIS {
        let bridge = Bridge::start(api).await;
        let more = "auth = { basic = { user = \"relay\", password = { env = \"TOKEN\" } } }, \
                    headers = { X-Team = { env = \"TEAM\" }, X-Zone = \"blue\" }";
        let sink = workshop.build(&bridge.setting(more)).unwrap();
        assert!(!format!("{sink:?}").contains("hush"), "{sink:?}");
        assert!(sink.deliver(&[event("1", json())]).await.remove(0).is_ok());
        sink.check().await.unwrap_err();
        let requests = bridge.sink.requests();
        assert_eq!(requests.len(), 2);
        for request in requests {
            assert_eq!(request.header("authorization"), Some("Basic cmVsYXk6aHVzaC10b2tlbg=="));
            assert_eq!(request.header("x-team"), Some("hush-team"));
            assert_eq!(request.header("x-zone"), Some("blue"));
        }
    }
}
