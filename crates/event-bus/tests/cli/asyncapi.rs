//! The AsyncAPI document has the subjects of their page, and describes the messages that are on the bus.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use event_bus_core::delivery::DeadLetterReason;
use event_bus_core::wire;
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use testkit::{CaptureSink, Reply, Script, poll_until};

use crate::world::{LONG, World, route};

const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/");

fn document() -> Value {
    let path = format!("{REFERENCE}reference/asyncapi.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The channel that a subject belongs to: that with the most tokens of its own.
fn channel_of<'a>(document: &'a Value, subject: &str) -> &'a Value {
    let fixed = |address: &str| address.split('.').filter(|part| !part.starts_with('{')).count();
    let fits = |address: &str| {
        let mut tokens = subject.split('.');
        let known = address
            .split('.')
            .all(|part| tokens.next().is_some_and(|token| part.starts_with('{') || part == token));
        // The last parameters of these stand for any number of tokens.
        let open = ["{type}", "{subject}", "{topic}"].iter().any(|end| address.ends_with(end));
        known && (open || tokens.next().is_none())
    };
    let channels = document["channels"].as_object().unwrap().values();
    let fitting = channels.filter(|channel| fits(channel["address"].as_str().unwrap()));
    fitting
        .max_by_key(|channel| fixed(channel["address"].as_str().unwrap()))
        .unwrap_or_else(|| panic!("no channel for {subject}"))
}

#[test]
fn the_channels_are_the_subjects_of_the_page() {
    let document = document();
    let addresses: BTreeSet<_> = document["channels"]
        .as_object()
        .unwrap()
        .values()
        .map(|channel| channel["address"].as_str().unwrap().to_owned())
        .collect();
    let page = fs::read_to_string(format!("{REFERENCE}subjects.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let own = page.lines().filter(|line| line.starts_with("The bridge's own subjects"));
    let printed: BTreeSet<_> = rows
        .map(|line| line.split('|').nth(1).unwrap())
        .chain(own)
        .flat_map(|text| text.split('`').skip(1).step_by(2))
        .filter(|subject| subject.contains('<'))
        .map(|subject| subject.replace('<', "{").replace('>', "}"))
        .collect();
    assert_eq!(addresses, printed);
    let of_code = [
        wire::retry_subject("{route}"),
        wire::later_subject("{route}", "{id}"),
        format!("{}.{{subject}}", wire::dead_letter_prefix("{route}")),
        wire::deliver_subject("{stream}", "{route}"),
        format!("{}.{{run}}.{{type}}", wire::DOCTOR_ROOT),
        wire::receipt::subject("{event}.{route}"),
        wire::receipt::subject(&wire::receipt::route_key("{route}")),
    ];
    for subject in of_code {
        assert!(addresses.contains(&subject), "{subject}");
    }
    let reasons = &document["components"]["messages"]["deadLetter"]["headers"]["properties"]["Event-Bus-Reason"];
    assert_eq!(reasons["enum"], json!(DeadLetterReason::ALL.map(DeadLetterReason::as_str)));
}

#[tokio::test]
async fn messages_on_the_bus_are_as_the_document_says() {
    let sink = CaptureSink::start().await;
    sink.set_script(Script::per_id(|id, _| Reply::status(if id == "bad" { 400 } else { 500 })));
    let tickets = route("tickets", "fleet.publish.>", &sink.url())
        .replace("sink.webhook", "receipts = true\nsink.webhook");
    let world = World::start(&tickets.replace("100ms", "1h")).await;
    let (inbound, relay) = (world.serve_inbound().await, world.relay_outbound().await);
    for event in ["push", "pull_request.closed"] {
        world.json(&["trigger", "github", event]).await;
    }
    for id in ["bad", "worse"] {
        let published = world
            .run(&["publish", "--type", "com.example.x", "--id", id, "--data", "{\"n\":1}"])
            .await;
        assert_eq!(published.code(), Some(0), "{}", published.stderr);
    }
    let jetstream = world.nats.jetstream().await;
    let mut seen = BTreeMap::new();
    poll_until(LONG, "a dead letter and a retry", async || {
        for stream in ["EVENTS", "RETRIES", "DEAD_LETTERS", wire::receipt::STREAM] {
            let Ok(stream) = jetstream.get_stream(stream).await else { continue };
            let mut subjects = stream.info_with_subjects(">").await.unwrap();
            while let Some(subject) = subjects.next().await {
                let (subject, _) = subject.unwrap();
                let message = stream.get_last_raw_message_by_subject(&subject).await;
                // A retry may be under way to the relay just now.
                let Ok(message) = message else { continue };
                seen.insert(subject, message);
            }
        }
        let has = |start: &str| seen.keys().any(|subject: &String| subject.starts_with(start));
        let retry = has("retry.") || has("later.");
        let told = has("$KV.RECEIPTS.msg_") && has("$KV.RECEIPTS.route.");
        (retry && told && has("dead.") && has("fleet.repo.pull_request.")).then_some(())
    })
    .await;
    let document = document();
    for (subject, message) in seen {
        let channel = channel_of(&document, &subject);
        let name = channel["messages"].as_object().unwrap().keys().next().unwrap();
        let expected = &document["components"]["messages"][name];
        let headers: BTreeMap<String, String> = message
            .headers
            .iter()
            .map(|(name, values)| (name.to_string(), values[0].to_string()))
            .collect();
        let payload: Value = serde_json::from_slice(&message.payload).unwrap();
        let parts = [("headers", json!(headers)), ("payload", payload)];
        for (part, value) in parts {
            let schema = json!({ "components": document["components"], "allOf": [expected[part]] });
            let schema = if expected[part].is_null() { json!({}) } else { schema };
            let validator = jsonschema::validator_for(&schema).unwrap();
            let problems: Vec<_> =
                validator.iter_errors(&value).map(|error| error.to_string()).collect();
            assert!(problems.is_empty(), "{subject}, {name}: {problems:?}: {value}");
        }
        for name in headers.keys().filter(|name| name.starts_with("Event-Bus-")) {
            assert!(expected["headers"]["properties"].get(name).is_some(), "{subject}: {name}");
        }
    }
    world.stop(inbound).await;
    world.stop(relay).await;
}
