//! The validation handshake of CloudEvents' webhook specification, from the side of the sender.

use std::time::Duration;

use event_bus_core::Chain;
use event_bus_core::delivery::Disposition;
use event_bus_runtime::Clock;
use relay_outbound::sinks::Sink;
use testkit::{CaptureSink, CapturedRequest, Reply, Script, poll_until};
use tokio::time::Instant;

use crate::deliver;
use crate::workshop::Workshop;
use crate::world::{LONG, World, event};

const ORIGIN: &str = "bridge.example.com";
const DAY: Duration = Duration::from_secs(24 * 3600);

fn build(workshop: &Workshop, destination: &CaptureSink, more: &str) -> Box<dyn Sink> {
    let url = destination.url();
    let sink = format!(
        "sink.webhook = {{ url = \"{url}\", headers = {{ X-Team = \"blue\" }}, auth = {{ bearer = {{ env = \"TOKEN\" }} }}, \
         validation = {{ origin = \"{ORIGIN}\"{more} }} }}"
    );
    workshop.build(&sink).unwrap()
}

async fn workshop() -> Workshop {
    Workshop::open([("TOKEN", "hush")]).await
}

/// An endpoint that answers OPTIONS so, and POST with this status.
async fn endpoint(consent: &[(&str, &str)], post: u16) -> CaptureSink {
    let destination = CaptureSink::start().await;
    answer(&destination, consent, post);
    destination
}

fn answer(destination: &CaptureSink, consent: &[(&str, &str)], post: u16) {
    let mut granted = Reply::status(200);
    for (name, value) in consent {
        granted = granted.header(name, value);
    }
    destination.set_script(Script::per_request(move |request| {
        if request.method == "OPTIONS" { granted.clone() } else { Reply::status(post) }
    }));
}

fn methods(destination: &CaptureSink) -> Vec<String> {
    destination.requests().iter().map(|request| request.method.to_string()).collect()
}

#[tokio::test]
async fn consent_is_asked_for_once_a_day_and_carried_by_deliveries() {
    let mut workshop = workshop().await;
    let (clock, hand) = Clock::manual();
    workshop.clock = clock;
    let destination = endpoint(&[("WebHook-Allowed-Origin", ORIGIN)], 200).await;
    let sink = build(&workshop, &destination, "");
    for id in ["1", "2"] {
        deliver(&*sink, &event(id)).await.unwrap();
    }
    hand.advance(DAY);
    deliver(&*sink, &event("3")).await.unwrap();
    assert_eq!(methods(&destination), ["OPTIONS", "POST", "POST", "OPTIONS", "POST"]);
    for request in destination.requests() {
        let header = |name| CapturedRequest::header(&request, name);
        assert_eq!(header("webhook-request-origin"), Some(ORIGIN));
        assert_eq!(header("webhook-request-rate"), None);
        assert_eq!(
            (header("x-team"), header("authorization")),
            (Some("blue"), Some("Bearer hush"))
        );
    }
}

#[tokio::test]
async fn without_consent_nothing_is_delivered_and_the_route_holds() {
    let workshop = workshop().await;
    for (consent, expected) in [
        (&[][..], "without WebHook-Allowed-Origin"),
        (&[("WebHook-Allowed-Origin", "other.example.com")][..], "is another one"),
        (&[("WebHook-Allowed-Rate", "100")][..], "without WebHook-Allowed-Origin"),
    ] {
        let destination = endpoint(consent, 200).await;
        let sink = build(&workshop, &destination, "");
        let error = deliver(&*sink, &event("1")).await.unwrap_err();
        let text = Chain(&error).to_string();
        assert_eq!(error.disposition(), Disposition::Hold);
        assert!(text.contains("status 200") && text.contains(expected), "{text}");
        answer(&destination, &[("webhook-allowed-origin", "*")], 200);
        deliver(&*sink, &event("1")).await.unwrap();
        assert_eq!(methods(&destination), ["OPTIONS", "OPTIONS", "POST"]);
    }
}

#[tokio::test]
async fn consent_is_asked_for_again_when_credentials_are_refused() {
    let workshop = workshop().await;
    let consent = [("WebHook-Allowed-Origin", "*")];
    let destination = endpoint(&consent, 403).await;
    let sink = build(&workshop, &destination, "");
    deliver(&*sink, &event("1")).await.unwrap_err();
    answer(&destination, &consent, 503);
    deliver(&*sink, &event("1")).await.unwrap_err();
    answer(&destination, &consent, 200);
    deliver(&*sink, &event("1")).await.unwrap();
    assert_eq!(methods(&destination), ["OPTIONS", "POST", "OPTIONS", "POST", "POST"]);
}

#[tokio::test]
async fn a_granted_rate_is_kept() {
    let workshop = workshop().await;
    for (granted, seconds) in [
        (Some("6"), 30),
        (Some("*"), 0),
        // Not named although asked for: what was asked for, which is 20 a minute.
        (None, 9),
        (Some("0"), 9),
        (Some("soon"), 9),
    ] {
        let mut consent = vec![("WebHook-Allowed-Origin", "*")];
        consent.extend(granted.map(|rate| ("WebHook-Allowed-Rate", rate)));
        let destination = endpoint(&consent, 200).await;
        let sink = build(&workshop, &destination, ", rate = \"20/m\"");
        sink.turn().await;
        deliver(&*sink, &event("1")).await.unwrap();
        let request = &destination.requests()[0];
        assert_eq!(request.header("webhook-request-rate"), Some("20"));
        tokio::time::pause();
        // The first delivery left before the rate was known.
        sink.turn().await;
        let began = Instant::now();
        for _ in 0..3 {
            sink.turn().await;
        }
        assert_eq!(began.elapsed().as_secs(), seconds, "{granted:?}");
        tokio::time::resume();
    }
}

#[tokio::test]
async fn an_endpoint_that_is_away_holds() {
    let workshop = workshop().await;
    let destination = endpoint(&[], 200).await;
    let sink = build(&workshop, &destination, "");
    destination.stop().await;
    let error = deliver(&*sink, &event("1")).await.unwrap_err();
    assert_eq!(error.disposition(), Disposition::Hold);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_holds_until_the_endpoint_consents() {
    let destination = endpoint(&[], 200).await;
    let world = World::start().await;
    let relay = world
        .relay(&format!(
            "[[outbound.routes]]\nname = \"hooks\"\nsubjects = [\"fleet.>\"]\nretry = {{ attempts = 1, schedule = [\"0s\"] }}\n\
             sink.webhook = {{ url = \"{}\", validation = {{ origin = \"{ORIGIN}\" }} }}\n",
            destination.url()
        ))
        .await;
    for number in 0..3 {
        world.publish("fleet.a", &event(&number.to_string())).await;
    }
    let state = "relay_outbound_route_state{route=\"hooks\"}";
    poll_until(LONG, "the hold", async || (relay.metric(state) == Some(1.0)).then_some(())).await;
    answer(&destination, &[("WebHook-Allowed-Origin", "*")], 200);
    world.wait_for_settled("hooks").await;
    assert_eq!(destination.accepted().len(), 3);
    assert_eq!((world.messages("RETRIES").await, world.messages("DEAD_LETTERS").await), (0, 0));
    relay.stop().await;
}
