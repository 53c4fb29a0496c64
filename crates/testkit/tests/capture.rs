//! The capture sink, spoken to over real sockets.

use std::time::Duration;

use testkit::http::{send, try_send};
use testkit::{CaptureSink, Record, Reply, Script};

const WITHIN: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_request_is_remembered_as_it_was_sent() {
    let sink = CaptureSink::start().await;
    let url = format!("{}hook?a=1", sink.url());
    let response =
        send("POST", &url, &[("X-Twice", "1"), ("x-twice", "2")], br#"{"id":"e1"}"#).await;
    assert_eq!(response.status, 200);
    let requests = sink.wait_for(1, WITHIN).await;
    assert_eq!(requests[0].method, "POST");
    assert_eq!(requests[0].path, "/hook?a=1");
    assert_eq!(requests[0].headers.get_all("x-twice").iter().count(), 2);
    assert_eq!(requests[0].body, br#"{"id":"e1"}"#.as_slice());
    assert_eq!(sink.accepted()["e1"], 1);
}

#[tokio::test]
async fn statuses_come_in_order_and_the_last_one_stays() {
    let sink = CaptureSink::scripted(Script::statuses([500, 429, 204])).await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(send("POST", &sink.url(), &[("ce-id", "e1")], b"").await.status);
    }
    assert_eq!(seen, [500, 429, 204, 204]);
    assert_eq!((sink.arrived()["e1"], sink.accepted()["e1"]), (4, 2));
}

#[tokio::test]
async fn each_event_can_have_a_fate_of_its_own() {
    let sink = CaptureSink::start_with(
        Script::per_id(|id, times| match (id, times) {
            ("poison", _) => Reply::status(400),
            (_, 1) => Reply::status(503).header("Retry-After", "7").body("later"),
            _ => Reply::status(200),
        }),
        Record::Ids,
    )
    .await;
    let response = send("POST", &sink.url(), &[("ce-id", "good")], b"").await;
    assert_eq!(
        (response.status, response.header("retry-after"), response.text().as_str()),
        (503, Some("7"), "later")
    );
    assert_eq!(send("POST", &sink.url(), &[("ce-id", "good")], b"").await.status, 200);
    assert_eq!(send("POST", &sink.url(), &[("ce-id", "poison")], b"").await.status, 400);
    assert!(sink.requests().is_empty());
    assert_eq!(sink.accepted().into_keys().collect::<Vec<_>>(), ["good"]);
}

#[tokio::test]
async fn a_reset_breaks_the_connection_and_a_hang_answers_nothing() {
    let sink = CaptureSink::scripted(Script::reply(Reply::Reset)).await;
    let error = try_send("POST", &sink.url(), &[], b"x").await.unwrap_err();
    let error = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    assert_eq!(error, Some(std::io::ErrorKind::ConnectionReset));

    sink.set_script(Script::reply(Reply::Hang));
    let url = sink.url();
    let hanging =
        tokio::time::timeout(Duration::from_millis(200), try_send("POST", &url, &[], b"x"));
    assert!(hanging.await.is_err());
    assert_eq!(sink.count(), 2);
}

#[tokio::test]
async fn a_stopped_sink_refuses_and_comes_back_on_its_port() {
    let sink = CaptureSink::start().await;
    sink.stop().await;
    let error = try_send("POST", &sink.url(), &[], b"").await.unwrap_err();
    let error = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    assert_eq!(error, Some(std::io::ErrorKind::ConnectionRefused));
    sink.restart_on_same_port().await;
    assert_eq!(send("POST", &sink.url(), &[], b"").await.status, 200);
}

#[tokio::test]
async fn requests_in_work_side_by_side_are_counted() {
    let sink = CaptureSink::scripted(Script::reply(Reply::Hang)).await;
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let url = sink.url();
        clients.spawn(async move { send("POST", &url, &[], b"").await });
    }
    sink.wait_for(5, WITHIN).await;
    assert_eq!(sink.in_flight_peak(), 5);
}

#[tokio::test]
async fn an_answer_can_be_delayed() {
    let delay = Duration::from_millis(300);
    let sink = CaptureSink::scripted(Script::reply(Reply::status(200).after(delay))).await;
    send("POST", &sink.url(), &[], b"").await;
    assert!(sink.requests()[0].at.elapsed() >= delay);
}
