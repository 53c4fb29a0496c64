//! Many events at once: requests, order, and whose fault it was.

use std::time::Duration;

use bytes::Bytes;
use event_bus_core::delivery::{DeliveryError, Disposition, Refusal};
use event_bus_core::event::{Data, Event};
use relay_outbound::sinks::kafka_rest::Api;
use relay_outbound::sinks::{Delivery, Sink};
use testkit::Reply;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::stub::{APIS, Bridge, Fate, Stored, TOO_LARGE, error_for_bad, problem, write_all};
use crate::workshop::Workshop;
use crate::world::event;

async fn sink(bridge: &Bridge, more: &str) -> Box<dyn Sink> {
    Workshop::open([]).await.build(&bridge.setting(more)).unwrap()
}

fn events<const N: usize>(ids: [&str; N]) -> [Event; N] {
    ids.map(event)
}

fn dispositions(results: Vec<Delivery>) -> Vec<Option<Disposition>> {
    results.into_iter().map(|result| result.err().map(|error| error.disposition())).collect()
}

const AGAIN: Option<Disposition> = Some(Disposition::Retry { after: None });
const DEAD: Option<Disposition> = Some(Disposition::DeadLetter);

#[tokio::test]
async fn a_batch_is_one_request_in_the_order_of_the_stream() {
    let ids: Vec<_> = (0..500).map(|number| number.to_string()).collect();
    let batch: Vec<_> = ids.iter().map(|id| event(id)).collect();
    for api in APIS {
        let bridge = Bridge::start(api).await;
        let results = sink(&bridge, "").await.deliver(&batch).await;
        assert!(results.len() == 500 && results.iter().all(Result::is_ok), "{api:?}");
        assert_eq!((bridge.sink.count(), bridge.ids()), (1, ids.clone()));
    }
}

#[tokio::test]
async fn each_topic_has_its_own_requests_and_each_event_its_own_result() {
    let event = |id: &str, topic: &str| {
        Event::builder(id, "/hooks/test", "com.example.made").subject(topic).build().unwrap()
    };
    let batch = [
        event("1", "a"),
        event("2-bad", "b"),
        event("3", "no topic"),
        event("4", "a"),
        event("5", "b"),
        event("6-bad", "a"),
    ];
    for api in APIS {
        let bridge = Bridge::start(api).await;
        bridge.answer(error_for_bad((500, TOO_LARGE)));
        let results = sink(&bridge, "topic = \"{subject}\"").await.deliver(&batch).await;
        assert_eq!(dispositions(results), [None, DEAD, DEAD, None, None, DEAD], "{api:?}");
        assert_eq!(bridge.sink.count(), 2);
        let of = |topic: &str| -> Vec<_> {
            let written = bridge.written().into_iter();
            written.filter(|record| record.topic == topic).map(|record| record.id()).collect()
        };
        assert_eq!((of("a"), of("b")), (vec!["1".into(), "4".into()], vec!["5".into()]));
    }
}

#[tokio::test]
async fn large_records_are_parted_into_requests_that_a_bridge_takes() {
    let large = |id: &str| {
        let data = Data::Text("x".repeat(700_000));
        Event::builder(id, "/hooks/test", "com.example.made").data(data).build().unwrap()
    };
    let ids = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];
    for api in APIS {
        let bridge = Bridge::start(api).await;
        let results = sink(&bridge, "").await.deliver(&ids.map(large)).await;
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        assert_eq!(bridge.ids(), ids);
        let sizes: Vec<_> =
            bridge.sink.requests().iter().map(|request| request.body.len()).collect();
        assert!(sizes.len() == 3 && sizes.iter().all(|size| *size < 4_300_000), "{sizes:?}");
    }
}

#[tokio::test]
async fn a_request_that_is_refused_condemns_only_the_record_to_blame() {
    for api in APIS {
        for status in [400, 413, 422] {
            let bridge = Bridge::start(api).await;
            bridge.answer(move |records| {
                let is_bad = records.iter().any(|record| record.id().contains("bad"));
                if is_bad { Fate::Whole(problem(status)) } else { write_all(records) }
            });
            let batch = events(["1", "2", "3", "4-bad", "5", "6-bad", "7", "8", "9"]);
            let results = sink(&bridge, "").await.deliver(&batch).await;
            for (event, result) in batch.iter().zip(&results) {
                match result {
                    Ok(()) => assert!(!event.id().contains("bad")),
                    Err(DeliveryError::Refused(Refusal::Status(said))) => {
                        assert!(event.id().contains("bad") && *said == status);
                    }
                    other => panic!("{api:?} {}: {other:?}", event.id()),
                }
            }
            assert_eq!(bridge.ids(), ["1", "2", "3", "5", "7", "8", "9"], "{api:?} {status}");
        }
    }
}

#[tokio::test]
async fn a_busy_bridge_is_asked_once_and_not_for_each_part() {
    let large = |id: &str| {
        let data = Data::Text("x".repeat(3_000_000));
        Event::builder(id, "/hooks/test", "com.example.made").data(data).build().unwrap()
    };
    for api in APIS {
        let bridge = Bridge::start(api).await;
        bridge.answer(|_| Fate::Whole(problem(429).header("Retry-After", "7")));
        let results = sink(&bridge, "").await.deliver(&["1", "2", "3"].map(large)).await;
        let again = Some(Disposition::Retry { after: Some(Duration::from_secs(7)) });
        assert_eq!(dispositions(results), [again; 3]);
        assert_eq!(bridge.sink.count(), 1);
    }
}

#[tokio::test]
async fn a_topic_that_is_missing_gives_up_no_event() {
    for (api, code) in [(Api::Strimzi, 404), (Api::ConfluentV2, 50003), (Api::ConfluentV3, 40403)] {
        let bridge = Bridge::start(api).await;
        let words = "This server does not host this topic-partition.";
        bridge.answer(move |records| Fate::Each(vec![Some((code, words)); records.len()]));
        let results = sink(&bridge, "").await.deliver(&events(["1", "2"])).await;
        assert_eq!(dispositions(results), [AGAIN; 2], "{api:?}");
    }
}

#[tokio::test]
async fn rights_that_are_missing_for_some_records_do_not_hide_the_others() {
    for api in APIS {
        let bridge = Bridge::start(api).await;
        bridge.answer(error_for_bad((40301, "Not authorized to access topics: [events]")));
        let results = sink(&bridge, "").await.deliver(&events(["1", "2-bad", "3"])).await;
        assert!(matches!(results[1], Err(DeliveryError::Unauthorized { .. })), "{results:?}");
        assert_eq!(dispositions(results), [None, AGAIN, None], "{api:?}");
        assert_eq!(bridge.ids(), ["1", "3"]);
    }
}

#[tokio::test]
async fn an_answer_that_is_not_of_the_api_confirms_nothing() {
    for api in APIS {
        for body in ["", "OK", "<html>welcome</html>", "{}", "[]", "{\"offsets\":[{\"offset\":1}]}"]
        {
            let bridge = Bridge::start(api).await;
            let reply = Reply::status(200).body(Bytes::from_static(body.as_bytes()));
            bridge.answer(move |_| Fate::Whole(reply.clone()));
            let results = sink(&bridge, "").await.deliver(&events(["1", "2"])).await;
            assert_eq!(dispositions(results), [AGAIN; 2], "{api:?} {body}");
        }
    }
}

#[tokio::test]
async fn a_silent_bridge_costs_one_timeout_however_many_topics_there_are() {
    let batch: Vec<_> = (0..200)
        .map(|number: u32| {
            let topic = format!("topic-{number}");
            Event::builder("1", "/hooks/test", "com.example.made").subject(&topic).build().unwrap()
        })
        .collect();
    for api in APIS {
        let bridge = Bridge::start(api).await;
        bridge.answer(|_: &[Stored]| Fate::Whole(Reply::Hang));
        let sink = sink(&bridge, "topic = \"{subject}\", timeout = \"1s\"").await;
        let began = Instant::now();
        let results = sink.deliver(&batch).await;
        assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
        assert_eq!(dispositions(results), [Some(Disposition::Hold); 200]);
    }
}

/// A server that answers one request with these bytes and closes the connection.
async fn answers_with(text: String) -> (JoinSet<()>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // The requests of this test fit into one segment.
        assert!(stream.read(&mut vec![0; 64 * 1024]).await.unwrap() > 0);
        stream.write_all(text.as_bytes()).await.unwrap();
    });
    (serving, url)
}

#[tokio::test]
async fn an_answer_that_breaks_off_confirms_nothing() {
    for (api, begin) in [
        (Api::Strimzi, "{\"offsets\":[{\"partition\":0,\"offset\":1}"),
        (Api::ConfluentV2, "{\"offsets\":[{\"partition\":0,\"offset\":1},"),
        (
            Api::ConfluentV3,
            "{\"error_code\":200,\"offset\":1}\n{\"error_code\":200,\"offset\":2}\n",
        ),
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{begin}");
        let (_serving, url) = answers_with(answer).await;
        let bridge = Bridge::start(api).await;
        let setting = bridge.setting("timeout = \"5s\"").replace(&bridge.sink.url(), &url);
        let sink = Workshop::open([]).await.build(&setting).unwrap();
        let results = sink.deliver(&events(["1", "2"])).await;
        assert_eq!(dispositions(results), [Some(Disposition::Hold); 2], "{api:?}");
    }
}
