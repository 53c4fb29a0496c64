//! The questions that senders ask before they deliver.

use testkit::http::Response;
use testkit::vectors::{self, HandshakeCase};

use crate::vectors::{at, environment, send, source};
use crate::world::World;

const EVENTS: &str = r#"
[inbound.events]
auth = "unsigned"
allowed_origins = ["eventemitter.example.com", "EventGrid.azure.net"]
"#;

#[tokio::test]
async fn a_sender_gets_the_answer_that_it_expects() {
    let world = World::start().await;
    let replica = world.serve(EVENTS).await;
    let mut answered = 0;
    for case in vectors::handshakes() {
        let response = match case.provider.as_str() {
            "cloudevents" | "azure_event_grid"
                if case.request.method.as_deref() == Some("OPTIONS") =>
            {
                let headers: Vec<(&str, &str)> =
                    case.request.headers.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
                replica.send("OPTIONS", "/events", &headers, b"").await
            }
            "slack" => slack(&world).await,
            // Providers of a later issue.
            _ => continue,
        };
        answered += 1;
        check(&case, &response);
    }
    assert!(answered >= 3, "only {answered} handshakes of these providers were found");
    assert_eq!(world.stored().await, 0, "a handshake publishes nothing");
}

/// The signed `url_verification` of the Slack suite, with the clock of that case.
async fn slack(world: &World) -> Response {
    let suite = vectors::suite("slack");
    let case = suite
        .cases
        .iter()
        .find(|case| case.expect.verdict == vectors::Verdict::Handshake)
        .expect("the suite has a signed handshake");
    let toml = source("slack", "slack", &case.config, case.secrets.len(), "");
    let env = environment(&case.secrets);
    let env: Vec<_> = env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let replica = world.serve_with(&toml, &env, None).await.unwrap();
    world.hand.set(at(case.now));
    let response = send(&replica, "slack", &case.request).await;
    let line = r#"serve_inbound_requests_total{source="slack",outcome="handshake"} 1"#;
    replica.metric(line).await;
    response
}

fn check(case: &HandshakeCase, response: &Response) {
    let expect = &case.expect;
    let id = &case.id;
    if let Some(status) = expect.status {
        assert_eq!(response.status, status, "{id}");
    }
    if !expect.status_in.is_empty() {
        assert!(expect.status_in.contains(&response.status), "{id} {}", response.status);
    }
    for name in expect.headers.keys() {
        let value = response.header(name).unwrap_or_else(|| panic!("{id}: no {name}"));
        assert!(expect.header_fits(name, value), "{id}: {name}: {value}");
    }
    for name in &expect.headers_absent {
        assert_eq!(response.header(name), None, "{id}");
    }
    if let Some(json) = &expect.json {
        let members: Vec<_> = json.as_object().unwrap().keys().collect();
        for member in members {
            let value = &response.json()[member];
            let described = json[member].as_str().is_some_and(|text| text.starts_with('<'));
            assert!(if described { value.is_string() } else { *value == json[member] }, "{id}");
        }
    }
}

#[tokio::test]
async fn a_rate_that_is_asked_for_is_granted_up_to_the_limit() {
    let world = World::start().await;
    let limited = world.serve(&format!("{EVENTS}rate = \"120/m\"\n")).await;
    let free = world.serve(&EVENTS.replace("[\"eventemitter", "[\"*\", \"eventemitter")).await;
    let origin = ("WebHook-Request-Origin", "eventemitter.example.com");
    let ask = |rate| vec![origin, ("WebHook-Request-Rate", rate)];
    for (headers, of_limited, of_free) in [
        (ask("100"), "100", "100"),
        (ask("1000"), "120", "1000"),
        (ask("many"), "120", "*"),
        (vec![origin], "120", "*"),
    ] {
        for (replica, rate) in [(&limited, of_limited), (&free, of_free)] {
            let response = replica.send("OPTIONS", "/events", &headers, b"").await;
            assert_eq!(response.status, 200, "{}", response.text());
            assert_eq!(response.header("webhook-allowed-rate"), Some(rate), "{headers:?}");
        }
    }
    let stranger = [("WebHook-Request-Origin", "evil.example")];
    let granted = free.send("OPTIONS", "/events", &stranger, b"").await;
    assert_eq!(granted.header("webhook-allowed-origin"), Some("evil.example"));
}
