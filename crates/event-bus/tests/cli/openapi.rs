//! The OpenAPI document names every refusal of the code, and running services answer as it says.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use event_bus_core::event::{DecodeError, InvalidEvent};
use event_bus_core::signature::{Rejection, SigningSecret, sign};
use event_bus_runtime::bus::PublishError;
use serde_json::Value;
use serve_inbound::ReceiveError;
use testkit::http;
use testkit::process::Running;
use testkit::{CaptureSink, poll_until};

use crate::documented::{Asker, follow, operations};
use crate::world::{LONG, SECRETS, World};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/openapi.json");

/// Limits that a test reaches.
const LIMITS: &str =
    "[inbound.limits]\nmax_headers = 20\nmax_body_bytes = '1KB'\nbody_read_timeout = '2s'\n";
const EVENTS: &str = "max_batch = 1\nallowed_origins = ['sender.example.com']\nrate = '40/h'\n";

fn document() -> Value {
    serde_json::from_slice(&fs::read(DOCUMENT).unwrap()).unwrap()
}

/// One of each refusal, and each is here: a new one does not compile, and then is missed.
fn refusals() -> Vec<ReceiveError> {
    let second = Duration::from_secs(1);
    let invalid = || InvalidEvent::SpecVersion;
    let all = vec![
        ReceiveError::NotFound,
        ReceiveError::UnknownSource,
        ReceiveError::MethodNotAllowed { allow: "POST" },
        ReceiveError::EncodedBody,
        ReceiveError::TooManyHeaders { limit: 1 },
        ReceiveError::BodyTooLarge { limit: 1 },
        ReceiveError::BodyTimeout,
        ReceiveError::BodyBroken,
        ReceiveError::SourceRate { retry_after: second },
        ReceiveError::ClientRate { retry_after: second },
        ReceiveError::Busy,
        ReceiveError::InvalidEvent(invalid()),
        ReceiveError::NotAnEvent(DecodeError::NotAnEvent),
        ReceiveError::NotAnEvent(DecodeError::UnknownFormat(String::new())),
        ReceiveError::BatchTooLarge { limit: 1 },
        ReceiveError::AttributesTooLarge { limit: 1 },
        ReceiveError::SchemaMismatch(Vec::new()),
        ReceiveError::OriginNotAllowed,
        ReceiveError::Unavailable(PublishError::StreamFull),
        ReceiveError::StreamFull(PublishError::StreamFull),
        ReceiveError::BusRefused(PublishError::StreamFull),
    ];
    let refused =
        Rejection::ALL.map(|rejection| ReceiveError::Refused { rejection, challenge: None });
    let all: Vec<_> = all.into_iter().chain(refused).collect();
    let kinds: BTreeSet<usize> = all.iter().map(kind).collect();
    assert_eq!(kinds, (0..21).collect());
    all
}

fn kind(error: &ReceiveError) -> usize {
    match error {
        ReceiveError::NotFound => 0,
        ReceiveError::UnknownSource => 1,
        ReceiveError::MethodNotAllowed { .. } => 2,
        ReceiveError::EncodedBody => 3,
        ReceiveError::TooManyHeaders { .. } => 4,
        ReceiveError::BodyTooLarge { .. } => 5,
        ReceiveError::BodyTimeout => 6,
        ReceiveError::BodyBroken => 7,
        ReceiveError::SourceRate { .. } => 8,
        ReceiveError::ClientRate { .. } => 9,
        ReceiveError::Busy => 10,
        ReceiveError::Refused { .. } => 11,
        ReceiveError::InvalidEvent(_) => 12,
        ReceiveError::NotAnEvent(_) => 13,
        ReceiveError::BatchTooLarge { .. } => 14,
        ReceiveError::AttributesTooLarge { .. } => 15,
        ReceiveError::SchemaMismatch(_) => 16,
        ReceiveError::OriginNotAllowed => 17,
        ReceiveError::Unavailable(_) => 18,
        ReceiveError::StreamFull(_) => 19,
        ReceiveError::BusRefused(_) => 20,
    }
}

#[test]
fn the_document_names_every_refusal_with_its_status_and_no_other() {
    let document = document();
    let mut documented = BTreeSet::new();
    for (path, _, operation) in operations(&document) {
        if !path.starts_with("/hooks/") && path != "/events" {
            continue;
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            let response = follow(&document, response);
            let codes = response
                .pointer("/content/application~1problem+json/schema/allOf/1/properties/code/enum");
            for code in codes.and_then(Value::as_array).into_iter().flatten() {
                documented.insert((status.clone(), code.as_str().unwrap().to_owned()));
            }
        }
    }
    let of_code: BTreeSet<_> = refusals()
        .iter()
        .map(|error| (error.status().as_str().to_owned(), error.code().to_owned()))
        .collect();
    assert_eq!(documented, of_code);
}

fn secret(name: &str) -> SigningSecret {
    let (_, text) = SECRETS.into_iter().find(|(known, _)| *known == name).unwrap();
    SigningSecret::new(text.as_bytes().to_vec())
}

async fn start(world: &World, events: bool) -> Running {
    let object = world.folder.path().join("object.json");
    fs::write(&object, r#"{"type":"object"}"#).unwrap();
    let schema = format!("provider = 'unsigned'\nschema = {object:?}");
    let sources = [
        LIMITS.to_owned(),
        world.source("github", "provider = 'github'"),
        world.source("slack", "provider = 'slack'"),
        world.source("open", &schema),
        world.source("header", "provider = 'token'\ntoken = { header = 'X-Token' }\nrate = '1/h'"),
    ]
    .concat();
    let token = world.folder.path().join("bearer");
    let events = if events {
        format!(
            "[inbound.events]\nauth = {{ bearer = [{{ file = {token:?} }}] }}\nschema = {object:?}\n{EVENTS}"
        )
    } else {
        String::new()
    };
    world.write(&(sources + &events), "");
    world.serve_inbound().await
}

#[tokio::test]
async fn the_services_answer_as_the_document_says() {
    let sink = CaptureSink::start().await;
    let world = World::start(&crate::world::route("all", "fleet.>", &sink.url())).await;
    let relay = world.relay_outbound().await;
    let inbound = start(&world, false).await;
    let mut asker = Asker::new(document(), format!("http://{}", world.inbound));
    asker.ask("POST", "/events", &[], b"{}", 404).await;
    asker.ask("OPTIONS", "/events", &[], b"", 404).await;
    world.stop(inbound).await;
    let inbound = start(&world, true).await;
    for url in [world.admin_url(""), world.relay_admin_url("")] {
        for path in ["/livez", "/readyz", "/healthz", "/metrics"] {
            for (method, status) in [("GET", 200), ("DELETE", 405)] {
                let answer = http::send(method, &format!("{url}{path}"), &[], b"").await;
                asker.compare(method, path, &answer, status);
            }
        }
    }
    hooks(&mut asker).await;
    events(&mut asker).await;
    world.nats.kill();
    asker.ask("POST", "/hooks/open", &[], b"{\"away\":1}", 503).await;
    let bearer = format!("Bearer {}", secret_text("bearer"));
    let event = [("Authorization", bearer.as_str()), ("Content-Type", STRUCTURED)];
    asker.ask("POST", "/events", &event, EVENT.replace("one", "two").as_bytes(), 503).await;
    let options = format!("http://{}/events", world.inbound);
    while http::send("OPTIONS", &options, &[], b"").await.status != 429 {}
    asker.ask("OPTIONS", "/events", &[], b"", 429).await;
    asker.ask("POST", "/events", &[], b"{}", 429).await;
    for path in ["/readyz", "/healthz"] {
        for url in [world.admin_url(path), world.relay_admin_url(path)] {
            let answer = poll_until(LONG, "a service that is not ready", async || {
                let answer = http::send("GET", &url, &[], b"").await;
                (answer.status != 200).then_some(answer)
            })
            .await;
            asker.compare("GET", path, &answer, 503);
        }
    }
    assert_eq!(asker.never_given(), Vec::<String>::new(), "documented, and not tried");
    drop((inbound, relay));
}

fn secret_text(name: &str) -> &'static str {
    SECRETS.into_iter().find(|(known, _)| *known == name).unwrap().1
}

async fn hooks(asker: &mut Asker) {
    let signature = |body: &[u8]| sign::github(&secret("github"), body);
    let signed = signature(b"{}");
    let good = [
        ("X-Hub-Signature-256", signed.as_str()),
        ("X-GitHub-Event", "ping"),
        ("X-GitHub-Delivery", "one"),
        ("Content-Type", "application/json"),
    ];
    asker.ask("POST", "/hooks/github", &good, b"{}", 202).await;
    asker.ask("POST", "/hooks/github", &good, b"{}", 202).await;
    asker.ask("POST", "/hooks/github", &good[..1], b"{}", 400).await;
    asker.ask("POST", "/hooks/github", &good[1..], b"{}", 401).await;
    let seconds = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let time = seconds.to_string();
    for body in [
        br#"{"type":"url_verification","token":"t","challenge":"c"}"#.as_slice(),
        br#"{"type":"event_callback","event_id":"Ev1","team_id":"T1","event":{"type":"message"}}"#,
    ] {
        let signed = sign::slack(&secret("slack"), seconds.try_into().unwrap(), body);
        let headers = [
            ("X-Slack-Signature", signed.as_str()),
            ("X-Slack-Request-Timestamp", time.as_str()),
            ("Content-Type", "application/json"),
        ];
        asker.ask("POST", "/hooks/slack", &headers, body, 200).await;
    }
    asker.ask("POST", "/hooks/nobody", &[], b"{}", 404).await;
    asker.ask("GET", "/hooks/github", &[], b"", 405).await;
    asker.ask("POST", "/hooks/open", &[("Content-Length", "9")], b"{}", 408).await;
    asker.ask("POST", "/hooks/open", &[], &vec![b' '; 2000], 413).await;
    asker.ask("POST", "/hooks/open", &[("Content-Encoding", "gzip")], b"{}", 415).await;
    asker.ask("POST", "/hooks/open", &[("Content-Type", "application/json")], b"7", 422).await;
    let token = [("X-Token", secret_text("header"))];
    asker.ask("POST", "/hooks/header", &token, b"{}", 202).await;
    asker.ask("POST", "/hooks/header", &token, b"{}", 429).await;
    asker.ask("POST", "/hooks/open", &many(), b"{}", 431).await;
}

const STRUCTURED: &str = "application/cloudevents+json";
const EVENT: &str =
    r#"{"specversion":"1.0","id":"one","source":"/s","type":"com.example.made","data":{}}"#;

fn many() -> Vec<(&'static str, &'static str)> {
    vec![("X-Further", "x"); 19]
}

async fn events(asker: &mut Asker) {
    let bearer = format!("Bearer {}", secret_text("bearer"));
    let bearer = ("Authorization", bearer.as_str());
    let as_event = [bearer, ("Content-Type", STRUCTURED)];
    let as_batch = [bearer, ("Content-Type", "application/cloudevents-batch+json")];
    asker.ask("POST", "/events", &as_event, EVENT.as_bytes(), 202).await;
    asker.ask("POST", "/events", &as_batch, format!("[{EVENT}]").as_bytes(), 202).await;
    asker.ask("POST", "/events", &as_batch, format!("[{EVENT},{EVENT}]").as_bytes(), 413).await;
    asker.ask("POST", "/events", &as_event, b"{}", 400).await;
    asker.ask("POST", "/events", &as_event[1..], EVENT.as_bytes(), 401).await;
    asker.ask("GET", "/events", &[], b"", 405).await;
    asker.ask("POST", "/events", &[("Content-Length", "9")], b"{}", 408).await;
    let xml = [bearer, ("Content-Type", "application/cloudevents+xml")];
    asker.ask("POST", "/events", &xml, b"<event/>", 415).await;
    let number = EVENT.replace("{}}", "7}");
    asker.ask("POST", "/events", &as_event, number.as_bytes(), 422).await;
    asker.ask("POST", "/events", &many(), b"{}", 431).await;
    let origin = |origin| [("WebHook-Request-Origin", origin)];
    asker.ask("OPTIONS", "/events", &origin("sender.example.com"), b"", 200).await;
    asker.ask("OPTIONS", "/events", &[], b"", 204).await;
    asker.ask("OPTIONS", "/events", &origin("stranger.example.com"), b"", 403).await;
    asker.ask("OPTIONS", "/events", &[("Content-Encoding", "gzip")], b"", 415).await;
    asker.ask("OPTIONS", "/events", &many(), b"", 431).await;
}
