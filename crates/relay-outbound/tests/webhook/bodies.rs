//! What is sent: headers, compression, and a signature over the bytes on the wire.

use std::io::Read as _;

use bytes::Bytes;
use event_bus_core::event::{Data, Event, http as http_binding};
use event_bus_core::signature::{SigningSecret, sign};
use flate2::read::GzDecoder;
use http::header::CONTENT_ENCODING;
use testkit::{CaptureSink, CapturedRequest};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::deliver;
use crate::workshop::Workshop;
use crate::world::event;

const SIGNING: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn large() -> Event {
    let data = Bytes::from(format!("{{\"text\": \"{}\"}}", "all the same ".repeat(1000)));
    Event::builder("large", "/s", "t").data(Data::Json(data)).build().unwrap()
}

/// The event that a request carries, decompressed as its headers say.
fn decoded(request: &CapturedRequest) -> Event {
    let mut headers = request.headers.clone();
    let mut body = request.body.to_vec();
    if headers.remove(CONTENT_ENCODING).is_some_and(|encoding| encoding == "gzip") {
        body.clear();
        GzDecoder::new(&request.body[..]).read_to_end(&mut body).unwrap();
    }
    match http_binding::decode(&headers, body.into()).unwrap() {
        http_binding::Decoded::Single(event) => *event,
        http_binding::Decoded::Batch(events) => panic!("{events:?}"),
    }
}

#[tokio::test]
async fn only_large_bodies_are_compressed_and_the_signature_is_over_what_is_sent() {
    for mode in ["structured", "binary"] {
        let destination = CaptureSink::start().await;
        let workshop = Workshop::open([("SIGNING", SIGNING)]).await;
        let sink = workshop.build(&format!(
            "sink.webhook = {{ url = \"{}\", mode = \"{mode}\", gzip = \"4KiB\", secrets = [{{ env = \"SIGNING\" }}] }}",
            destination.url()
        ));
        let sink = sink.unwrap();
        for event in [event("small"), large()] {
            deliver(&*sink, &event).await.unwrap();
        }
        let requests = destination.requests();
        assert_eq!(requests[0].header("content-encoding"), None);
        assert_eq!(requests[1].header("content-encoding"), Some("gzip"));
        assert!(requests[1].body.len() < 2000, "{}", requests[1].body.len());
        for (request, event) in requests.iter().zip([event("small"), large()]) {
            assert_eq!(decoded(request).id(), event.id());
            assert_eq!(decoded(request).data(), event.data(), "{mode}");
            let signature = sign::standard_webhooks(
                &[SigningSecret::new(SIGNING)],
                request.header("webhook-id").unwrap(),
                request.header("webhook-timestamp").unwrap().parse().unwrap(),
                &request.body,
            );
            assert_eq!(request.header("webhook-signature"), Some(&*signature.unwrap()));
        }
    }
}

#[tokio::test]
async fn a_trace_that_cannot_stand_in_a_header_is_left_out() {
    let destination = CaptureSink::start().await;
    let setting = format!("sink.webhook = {{ url = \"{}\" }}", destination.url());
    let sink = Workshop::open([]).await.build(&setting).unwrap();
    let event = Event::builder("1", "/s", "t")
        .extension("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .extension("tracestate", "vendor=\u{e9}\u{1f600}")
        .build()
        .unwrap();
    assert!(deliver(&*sink, &event).await.is_ok());
    let request = destination.requests().remove(0);
    assert!(request.header("traceparent").is_some() && !request.headers.contains_key("tracestate"));
}

#[tokio::test]
async fn headers_are_added_and_their_secrets_are_not_printed() {
    let destination = CaptureSink::start().await;
    let workshop = Workshop::open([("KEY", "hush")]).await;
    let sink = workshop.build(&format!(
        "sink.webhook = {{ url = \"{}\", headers = {{ X-Team = \"blue\", x-api-key = {{ env = \"KEY\" }} }} }}",
        destination.url()
    ));
    let sink = sink.unwrap();
    deliver(&*sink, &event("1")).await.unwrap();
    let request = &destination.requests()[0];
    assert_eq!(request.header("x-team"), Some("blue"));
    assert_eq!(request.header("x-api-key"), Some("hush"));
    assert!(!format!("{sink:?}").contains("hush"), "{sink:?}");
}

/// An endpoint that says 200 and never ends its answer has taken the event.
#[tokio::test]
async fn a_status_counts_even_if_the_rest_of_the_answer_never_comes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let workshop = Workshop::open([]).await;
    let sink = format!("sink.webhook = {{ url = \"{url}\", timeout = \"1s\" }}");
    let sink = workshop.build(&sink).unwrap();
    let answer = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n").await.unwrap();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        result = async { deliver(&*sink, &event("1")).await } => result.unwrap(),
        () = answer => {}
    }
}

#[tokio::test]
async fn http2_is_spoken_without_tls_when_it_is_known() {
    let destination = CaptureSink::start_http2().await;
    let workshop = Workshop::open([]).await;
    for (http2, expected) in
        [("prior-knowledge", http::Version::HTTP_2), ("auto", http::Version::HTTP_11)]
    {
        let url = destination.url();
        let sink = format!("sink.webhook = {{ url = \"{url}\", http2 = \"{http2}\" }}");
        deliver(&*workshop.build(&sink).unwrap(), &event(http2)).await.unwrap();
        let requests = destination.requests();
        assert_eq!(requests.last().map(|request| request.version), Some(expected));
    }
}
