//! What follows from each answer of AWS, from the stub.

use std::time::Duration;

use event_bus_core::delivery::{DeliveryError, Disposition, Refusal};
use event_bus_core::event::Event;
use relay_outbound::sinks::Delivery;
use testkit::Reply;
use tokio::time::Instant;

use crate::stub::{Stub, build, config, error, reply};

fn events(ids: &[&str]) -> Vec<Event> {
    ids.iter().map(|id| Event::builder(*id, "/test", "com.example.made").build().unwrap()).collect()
}

fn dispositions(results: &[Delivery]) -> Vec<Option<Disposition>> {
    results.iter().map(|result| result.as_ref().err().map(DeliveryError::disposition)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_entry_is_settled_by_its_own_code() {
    let stub = Stub::start().await;
    let (sink, _nats) = build(&config(&stub.sink.url(), "")).await;
    stub.judge(|id| match id {
        "fail" => Some(("InternalFailure", "Sorry")),
        "throttle" => Some(("ThrottlingException", "Rate exceeded")),
        "malformed" => Some(("MalformedDetail", "Detail is malformed.")),
        "forbidden" => Some(("NotAuthorizedForSourceException", "Not yours")),
        "unknown" => Some(("SomethingNew", "Who knows")),
        _ => None,
    });
    let ids = ["1", "fail", "throttle", "malformed", "forbidden", "unknown", "2"];
    let results = sink.deliver(&events(&ids)).await;
    let retry = Some(Disposition::Retry { after: None });
    let seen = dispositions(&results);
    assert!(matches!(seen[2], Some(Disposition::Retry { after: Some(_) })), "{:?}", seen[2]);
    assert_eq!(
        (seen[0], seen[1], seen[3], seen[4], seen[5], seen[6]),
        (None, retry, Some(Disposition::DeadLetter), retry, retry, None)
    );
    assert!(matches!(results[4], Err(DeliveryError::Unauthorized { .. })));
    assert_eq!(stub.taken(), ["1", "2"]);
    assert_eq!(stub.sizes(), [7], "all went in one request, and the SDK repeats nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_without_an_event_id_is_not_delivered() {
    let stub = Stub::start().await;
    let (sink, _nats) = build(&config(&stub.sink.url(), "")).await;
    for body in [
        serde_json::json!({}),
        serde_json::json!({ "FailedEntryCount": 0, "Entries": [] }),
        serde_json::json!({ "FailedEntryCount": 0, "Entries": [{}, {}] }),
    ] {
        stub.answer(move |_, _| reply(200, &body));
        let results = sink.deliver(&events(&["1", "2"])).await;
        assert_eq!(dispositions(&results), [Some(Disposition::Retry { after: None }); 2]);
    }
    stub.answer(|_, _| Reply::status(200).body("<html>"));
    let results = sink.deliver(&events(&["1"])).await;
    assert_eq!(dispositions(&results), [Some(Disposition::Retry { after: None })]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_entry_that_spoils_a_request_is_found() {
    let stub = Stub::start().await;
    let (sink, _nats) = build(&config(&stub.sink.url(), "")).await;
    stub.answer(|ids, taken| {
        if ids.iter().any(|id| id == "bad") {
            return error(
                400,
                "ValidationException",
                "Total size of the entries is over the limit",
            );
        }
        let results: Vec<_> = ids.iter().map(|id| serde_json::json!({ "EventId": id })).collect();
        taken.extend(ids);
        reply(200, &serde_json::json!({ "FailedEntryCount": 0, "Entries": results }))
    });
    let results = sink.deliver(&events(&["1", "2", "bad", "3", "4"])).await;
    let expected = [None, None, Some(Disposition::DeadLetter), None, None];
    assert_eq!(dispositions(&results), expected);
    assert!(matches!(results[2], Err(DeliveryError::Refused(Refusal::TooLarge { .. }))));
    let mut taken = stub.taken();
    taken.sort();
    assert_eq!(taken, ["1", "2", "3", "4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_route_is_no_fault_of_its_events() {
    let stub = Stub::start().await;
    let (sink, _nats) = build(&config(&stub.sink.url(), "")).await;
    for (code, message) in [
        ("ResourceNotFoundException", "Event bus default does not exist."),
        ("ValidationException", "Value 'x' at 'entries.1.member.eventBusName' failed"),
        ("ServiceUnavailable", "Later"),
    ] {
        stub.answer(move |_, _| error(400, code, message));
        let before = stub.sizes().len();
        let results = sink.deliver(&events(&["1", "2", "3"])).await;
        assert_eq!(dispositions(&results), [Some(Disposition::Retry { after: None }); 3], "{code}");
        assert_eq!(stub.sizes().len(), before + 1, "{code}: nothing is repeated for it");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_that_throttles_is_left_alone() {
    let stub = Stub::start().await;
    let (sink, _nats) = build(&config(&stub.sink.url(), "")).await;
    let wait = Duration::from_secs(1);
    stub.answer(|_, _| error(400, "ThrottlingException", "Rate").header("Retry-After", "1"));
    let began = Instant::now();
    let results = sink.deliver(&events(&["1"])).await;
    assert_eq!(dispositions(&results), [Some(Disposition::Retry { after: Some(wait) })]);
    sink.turn().await;
    assert!(began.elapsed() >= wait);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_ten_events_take_several_requests() {
    let stub = Stub::start().await;
    let (sink, _nats) = build(&config(&stub.sink.url(), "")).await;
    let ids: Vec<String> = (0..25).map(|number| number.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let results = sink.deliver(&events(&ids)).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(stub.sizes(), [10, 10, 5]);
    assert_eq!(stub.taken(), ids);
}
