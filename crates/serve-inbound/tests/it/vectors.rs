//! Every signature case through a real socket: raw bytes as given, the clock of the case, a real stream.

use std::collections::BTreeSet;

use event_bus_core::event::Data;
use event_bus_core::key::EventKey;
use serde_json::Value;
use testkit::http::{Response, exchange};
use testkit::vectors::{self, Case, Level, RequestSpec, SecretSpec, Verdict};
use time::OffsetDateTime;

use crate::world::{Replica, StoredEvent, World, raw_request};

const SUITES: [&str; 6] = ["github", "slack", "stripe", "linear", "standard_webhooks", "generic"];

/// Policy cases that are answered differently from the recommendation, and why.
const DIFFERENT: [(&str, &str); 0] = [];

#[tokio::test]
async fn every_case_gets_its_verdict_over_a_socket() {
    let world = World::start().await;
    let mut failures = Vec::new();
    let mut differing = BTreeSet::new();
    let mut known = BTreeSet::new();
    let cases = SUITES.into_iter().flat_map(|suite| vectors::suite(suite).cases);
    for (index, case) in cases.enumerate() {
        known.insert(case.id.clone());
        match (try_case(&world, &format!("case-{index}"), &case).await, case.level) {
            (Ok(()), _) => {}
            (Err(problem), Level::Must) => failures.push(format!("{}: {problem}", case.id)),
            (Err(problem), Level::Policy) => {
                println!("policy case {} differs: {problem}", case.id);
                differing.insert(case.id);
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let listed = DIFFERENT.iter().map(|(id, _)| (*id).to_owned());
    assert_eq!(differing, listed.filter(|id| known.contains(id)).collect());
}

async fn try_case(world: &World, name: &str, case: &Case) -> Result<(), String> {
    let toml = source(name, &case.provider, &case.config, case.secrets.len(), "");
    let env = environment(&case.secrets);
    let env: Vec<_> = env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let before = world.stored().await;
    let Ok(replica) = world.serve_with(&toml, &env, None).await else {
        // A secret that cannot be used is refused at the start, before any request.
        return match case.expect.verdict {
            Verdict::Reject => Ok(()),
            verdict => Err(format!("expected {verdict:?}, did not start")),
        };
    };
    world.hand.set(at(case.now));
    let response = send(&replica, name, &case.request).await;
    let added = world.stored().await - before;
    let expect = &case.expect;
    match expect.verdict {
        Verdict::Accept | Verdict::Duplicate => {
            if !(200..300).contains(&response.status) || added != 1 {
                return Err(format!("{} {}, {added} stored", response.status, response.text()));
            }
            let stored = world.event(response.json()["seq"].as_u64().unwrap()).await;
            check_event(case, name, &response, &stored)
        }
        Verdict::Reject => {
            if !(400..500).contains(&response.status) || added != 0 {
                return Err(format!("{} {}, {added} stored", response.status, response.text()));
            }
            check_status(expect.http_status, &response)?;
            check_problem(&response)
        }
        Verdict::Handshake => {
            check_status(expect.http_status, &response)?;
            let json = expect.response.get("json");
            if added != 0 || json.is_some_and(|json| *json != response.json()) {
                return Err(format!("{}, {added} stored", response.text()));
            }
            Ok(())
        }
    }
}

fn check_event(
    case: &Case,
    name: &str,
    response: &Response,
    stored: &StoredEvent,
) -> Result<(), String> {
    let answer = response.json();
    let event = &stored.event;
    if case.expect.delivery_id.as_deref().is_some_and(|id| id != event.id()) {
        return Err(format!("the id is {}", event.id()));
    }
    if answer["id"] != event.id() || answer["subject"] != stored.subject {
        return Err(format!("the answer {answer} does not fit the event"));
    }
    if stored.header("Nats-Msg-Id") != Some(&EventKey::of(event).dedup_id(name)) {
        return Err("the dedup id is wrong".to_owned());
    }
    let body = &case.request.body;
    match event.data() {
        Some(Data::Binary(bytes)) if bytes != body => Err("the bytes differ".to_owned()),
        Some(Data::Text(text)) if text.as_bytes() != body => Err("the text differs".to_owned()),
        None if !body.is_empty() => Err("the body is lost".to_owned()),
        Some(Data::Json(json)) => {
            let form = case.request.headers.iter().any(|(_, value)| value.contains("form-url"));
            // Blanks around a value do not belong to it.
            let value = json.trim_ascii();
            let found = stored.payload.windows(value.len()).any(|window| window == value);
            if found && (form || value == body.trim_ascii()) {
                Ok(())
            } else {
                Err("the JSON differs".to_owned())
            }
        }
        Some(Data::Binary(_) | Data::Text(_)) | None => Ok(()),
    }
}

fn check_status(expected: Option<u16>, response: &Response) -> Result<(), String> {
    match expected {
        Some(expected) if expected != response.status => {
            Err(format!("status {} instead of {expected}", response.status))
        }
        Some(_) | None => Ok(()),
    }
}

/// A refusal is a problem document, unless hyper refused what is no HTTP before anybody saw it.
fn check_problem(response: &Response) -> Result<(), String> {
    if response.status == 400 && response.body.is_empty() {
        return Ok(());
    }
    let problem = response.json();
    let sound = response.header("content-type") == Some("application/problem+json")
        && problem["status"] == response.status
        && problem["code"].is_string();
    if sound { Ok(()) } else { Err(format!("{problem} is no problem document")) }
}

/// The request as the case has it, sent to the source of this name.
pub(crate) async fn send(replica: &Replica, name: &str, request: &RequestSpec) -> Response {
    let query = request.url.as_deref().and_then(|url| url.split_once('?'));
    let query = query.map_or(String::new(), |(_, query)| format!("?{query}"));
    let headers: Vec<(&str, &str)> =
        request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let target = format!("/hooks/{name}{query}");
    let bytes = raw_request(&request.method, &target, &headers, &request.body);
    exchange(&replica.authority(), &bytes).await.unwrap()
}

/// The source of a case, as its operator would write it down.
pub(crate) fn source(
    name: &str,
    provider: &str,
    config: &Value,
    secrets: usize,
    more: &str,
) -> String {
    let references: Vec<String> =
        (0..secrets).map(|index| format!("{{ env = \"SECRET_{index}\" }}")).collect();
    let text = |key: &str| config.get(key).and_then(Value::as_str);
    let table = |keys: &[&str]| {
        let entries = keys.iter().filter_map(|key| Some(format!("{key} = {:?}", text(key)?)));
        entries.collect::<Vec<_>>().join(", ")
    };
    let hmac = [
        "header",
        "algorithm",
        "encoding",
        "prefix",
        "signed",
        "timestamp_header",
        "id_header",
        "secret_encoding",
    ];
    let (provider, table) = match (provider, text("type")) {
        ("github" | "slack" | "stripe" | "linear", _) => (provider, String::new()),
        ("standard_webhooks", _) => ("standard-webhooks", String::new()),
        (_, Some("hmac")) => ("hmac", format!("hmac = {{ {} }}", table(&hmac))),
        (_, Some("basic")) => ("basic", String::new()),
        (_, Some("token")) => {
            ("token", format!("token = {{ {} }}", table(&["header", "query_param"])))
        }
        (_, Some("bearer")) => {
            let query = table(&["query_param"]);
            let comma = if query.is_empty() { "" } else { ", " };
            ("token", format!("token = {{ header = \"Authorization\"{comma}{query} }}"))
        }
        (provider, kind) => panic!("unknown scheme {provider} {kind:?}"),
    };
    let tolerance = config.get("tolerance").and_then(Value::as_u64);
    let tolerance = tolerance.map_or(String::new(), |tolerance| match tolerance {
        // The libraries that such cases come from mean "no check".
        0 => "tolerance = \"100000days\"".to_owned(),
        seconds => format!("tolerance = \"{seconds}s\""),
    });
    format!(
        "[[inbound.sources]]\nname = {name:?}\nprovider = {provider:?}\nsecrets = [{}]\n{table}\n{tolerance}\n{more}\n",
        references.join(", ")
    )
}

pub(crate) fn environment(secrets: &[SecretSpec]) -> Vec<(String, String)> {
    let value = |secret: &SecretSpec| match secret.encoding.as_str() {
        "basic" => format!("{}:{}", secret.user, secret.password),
        _ => secret.value.clone(),
    };
    let named = |(index, secret)| (format!("SECRET_{index}"), value(secret));
    secrets.iter().enumerate().map(named).collect()
}

pub(crate) fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).expect("the case's clock shows a time")
}
