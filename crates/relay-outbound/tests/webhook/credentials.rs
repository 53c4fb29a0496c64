//! `auth`, in each of its forms.

use std::time::Duration;

use event_bus_core::Chain;
use event_bus_core::delivery::Disposition;
use event_bus_runtime::Clock;
use relay_outbound::sinks::Sink;
use testkit::{CaptureSink, Reply, Script};

use crate::deliver;
use crate::workshop::Workshop;
use crate::world::event;

async fn workshop() -> Workshop {
    Workshop::open([("PASSWORD", "p\u{e4}ss:word"), ("TOKEN", "hush"), ("CLIENT", "s3cret")]).await
}

fn sink(workshop: &Workshop, destination: &CaptureSink, auth: &str) -> Box<dyn Sink> {
    let url = destination.url();
    let sink =
        format!("sink.webhook = {{ url = \"{url}\", timeout = \"2s\", auth = {{ {auth} }} }}");
    workshop.build(&sink).unwrap()
}

fn oauth2(endpoint: &CaptureSink) -> String {
    format!(
        "oauth2 = {{ token_url = \"{}token\", client_id = \"relay\", client_secret = {{ env = \"CLIENT\" }} }}",
        endpoint.url()
    )
}

/// A token endpoint that numbers its tokens, each good for ten minutes.
async fn endpoint() -> CaptureSink {
    let answer = |number| {
        Reply::status(200).body(format!(
            "{{\"access_token\": \"t-{number}\", \"token_type\": \"Bearer\", \"expires_in\": 600}}"
        ))
    };
    CaptureSink::scripted(Script::replies((1..9).map(answer).collect::<Vec<_>>())).await
}

fn authorizations(destination: &CaptureSink) -> Vec<String> {
    let each =
        |request: &testkit::CapturedRequest| request.header("authorization").map(str::to_owned);
    destination.requests().iter().filter_map(each).collect()
}

#[tokio::test]
async fn bearer_and_basic_are_sent_and_not_printed() {
    let workshop = workshop().await;
    for (auth, expected) in [
        ("bearer = { env = \"TOKEN\" }", "Bearer hush"),
        // `me:päss:word`
        (
            "basic = { user = \"me\", password = { env = \"PASSWORD\" } }",
            "Basic bWU6cMOkc3M6d29yZA==",
        ),
    ] {
        let destination = CaptureSink::start().await;
        let sink = sink(&workshop, &destination, auth);
        deliver(&*sink, &event("1")).await.unwrap();
        assert_eq!(authorizations(&destination), [expected]);
        let (_, secret) = expected.split_once(' ').unwrap();
        assert!(!format!("{sink:?}").contains(secret), "{sink:?}");
    }
}

#[tokio::test]
async fn a_token_serves_many_deliveries_until_it_expires() {
    let (mut workshop, endpoint) = (workshop().await, endpoint().await);
    let (clock, hand) = Clock::manual();
    workshop.clock = clock;
    let destination = CaptureSink::start().await;
    let sink = sink(&workshop, &destination, &oauth2(&endpoint));
    for number in 0..3 {
        deliver(&*sink, &event(&number.to_string())).await.unwrap();
    }
    hand.advance(Duration::from_secs(600));
    deliver(&*sink, &event("3")).await.unwrap();
    assert_eq!(
        authorizations(&destination),
        ["Bearer t-1", "Bearer t-1", "Bearer t-1", "Bearer t-2"]
    );
    assert_eq!(endpoint.count(), 2);
}

#[tokio::test]
async fn a_refused_token_is_replaced_within_the_same_attempt_and_only_once() {
    let (workshop, endpoint) = (workshop().await, endpoint().await);
    let destination = CaptureSink::start().await;
    let sink = sink(&workshop, &destination, &oauth2(&endpoint));
    destination.set_script(Script::statuses([200, 401, 200]));
    deliver(&*sink, &event("1")).await.unwrap();
    deliver(&*sink, &event("2")).await.unwrap();
    assert_eq!(authorizations(&destination), ["Bearer t-1", "Bearer t-1", "Bearer t-2"]);
    let bodies = destination.requests();
    assert_eq!(bodies[1].body, bodies[2].body);
    destination.set_script(Script::always(401));
    let error = deliver(&*sink, &event("3")).await.unwrap_err();
    assert_eq!(
        (error.status(), error.disposition()),
        (Some(401), Disposition::Retry { after: None })
    );
    assert_eq!(destination.count(), 5);
}

#[tokio::test]
async fn a_token_endpoint_that_is_away_holds_and_one_that_refuses_is_tried_to_the_end() {
    let (workshop, endpoint) = (workshop().await, endpoint().await);
    let destination = CaptureSink::start().await;
    let sink = sink(&workshop, &destination, &oauth2(&endpoint));
    endpoint.stop().await;
    let error = deliver(&*sink, &event("1")).await.unwrap_err();
    assert_eq!(error.disposition(), Disposition::Hold, "{}", Chain(&error));
    endpoint.restart_on_same_port().await;
    endpoint.set_script(Script::reply(Reply::Hang));
    let error = deliver(&*sink, &event("1")).await.unwrap_err();
    assert_eq!(error.disposition(), Disposition::Hold, "{}", Chain(&error));
    let refusal = Reply::status(401).body("{\"error\": \"invalid_client\"}");
    endpoint.set_script(Script::reply(refusal));
    let error = deliver(&*sink, &event("1")).await.unwrap_err();
    assert_eq!(error.disposition(), Disposition::Retry { after: None });
    let text = Chain(&error).to_string();
    assert!(text.contains("invalid_client") && !text.contains("s3cret"), "{text}");
    assert_eq!(destination.count(), 0);
}
