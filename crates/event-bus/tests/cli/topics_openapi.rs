//! The OpenAPI document of the topic gateway has every status of the code, and a running gateway answers as it says.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use http::StatusCode;
use serde_json::Value;
use testkit::{http as client, poll_until};

use crate::documented::{Asker, follow, operations};
use crate::topics_world::{
    BOUND, DURABLE, OTHER, Planned, Topics, USER, WAITING, statistics, token,
};
use crate::world::LONG;

const DOCUMENT: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/topics.openapi.json");

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../topic-gateway/src");

/// Limits that a test reaches.
const LIMITS: &str = "max_headers = 20\nmax_body_bytes = '2KB'\nbody_read_timeout = '2s'\nmax_concurrent_requests = 2\n";

fn document() -> Value {
    serde_json::from_slice(&fs::read(DOCUMENT).unwrap()).unwrap()
}

/// What a part adds: a path as a whole, a status, a type of errors.
fn planned(
    part: Planned,
) -> (&'static [&'static str], &'static [&'static str], &'static [&'static str]) {
    match part {
        Planned::Batches => (&[], &["207"], &["batch"]),
        Planned::Rates => (&[], &["429"], &["limit"]),
        Planned::Statistics => (&["/stats/{topic_name}"], &[], &["database"]),
    }
}

fn is_planned(path: &str, status: &str) -> bool {
    crate::topics_world::PLANNED.iter().any(|part| {
        let (paths, statuses, _) = planned(*part);
        paths.contains(&path) || statuses.contains(&status)
    })
}

/// The code of the gateway without its tests.
fn sources(folder: &Path, into: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && name != "tests" {
            sources(&path, into);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            let text = fs::read_to_string(&path).unwrap();
            into.push(text.split("\n#[cfg(test)]\nmod tests").next().unwrap().to_owned());
        }
    }
}

#[test]
fn the_document_has_every_status_and_every_type_of_the_code_and_no_other() {
    let document = document();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (mut statuses, mut types) = (BTreeSet::new(), BTreeSet::new());
    for (path, _, operation) in operations(&document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            // The HTTP library answers it.
            if status != "431" && !is_planned(&path, status) {
                statuses.insert(status.clone());
            }
            let response = follow(&document, response);
            let kinds = response.pointer(
                "/content/application~1json/schema/allOf/1/properties/errors/items/properties/type/enum",
            );
            types.extend(kinds.and_then(Value::as_array).into_iter().flatten().map(text));
        }
    }
    let mut code = Vec::new();
    sources(Path::new(SOURCES), &mut code);
    let code = code.concat();
    let named = |status: &StatusCode| {
        let reason = status.canonical_reason()?;
        let name: String = reason.to_uppercase().replace([' ', '-'], "_");
        code.contains(&format!("StatusCode::{name}")).then(|| status.as_str().to_owned())
    };
    let all = (100..600).filter_map(|number| StatusCode::from_u16(number).ok());
    let of_code: BTreeSet<_> = all.filter_map(|status| named(&status)).collect();
    assert_eq!(statuses, of_code, "documented, and in the code");
    for kind in &types {
        let is_sink = ["kafka_rest", "slack", "webhook"].contains(&kind.as_str());
        let later = crate::topics_world::PLANNED
            .iter()
            .any(|part| planned(*part).2.contains(&kind.as_str()));
        assert!(is_sink || later || code.contains(&format!("\"{kind}\"")), "{kind}");
    }
}

#[tokio::test]
async fn the_gateway_answers_as_the_document_says() {
    let (database, section) = match Planned::Statistics.is_built() {
        true => Some(statistics().await),
        false => None,
    }
    .unzip();
    let rate = if Planned::Rates.is_built() { "subject_rate = '40/h'\n" } else { "" };
    let section = section.unwrap_or_default();
    let topics = Topics::start(&format!("[topics.limits]\n{LIMITS}{rate}{section}")).await;
    let document = document();
    let mut asker = Asker::new(document.clone(), topics.url(""));
    about(&mut asker, &topics).await;
    messages(&mut asker, &topics).await;
    if Planned::Statistics.is_built() {
        pages(&mut asker, &topics).await;
        database.as_ref().unwrap().kill();
        let url = topics.url(&format!("/stats/{DURABLE}"));
        let bearer = bearer(USER);
        // Its processes end one after the other.
        let away = poll_until(LONG, "a database that is away", async || {
            let answer = client::send("POST", &url, &[("Authorization", &bearer)], b"").await;
            (answer.status != 200).then_some(answer)
        })
        .await;
        asker.compare("POST", "/stats/{topic_name}", &away, 500);
    }
    busy(&mut asker, &topics).await;
    topics.nats.kill();
    let bearer = bearer(USER);
    let path = format!("/topics/{DURABLE}");
    asker.ask("POST", &path, &[("Authorization", &bearer)], br#"{"event_id":"away"}"#, 503).await;
    let health = poll_until(LONG, "a gateway that is not well", async || {
        let answer = client::send("GET", &topics.url("/health"), &[], b"").await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    asker.compare("GET", "/health", &health, 503);
    let left: Vec<_> = asker
        .never_given()
        .into_iter()
        .filter(|each| {
            let mut words = each.split(' ').skip(1);
            !is_planned(words.next().unwrap(), words.next().unwrap())
        })
        .collect();
    assert_eq!(left, Vec::<String>::new(), "documented, and not tried");
}

/// What says something of the gateway itself, and what every path does.
async fn about(asker: &mut Asker, topics: &Topics) {
    let served = client::send("GET", &topics.url("/api"), &[], b"").await;
    let generated = fs::read_to_string(format!("{SOURCES}/api.yaml")).unwrap();
    assert!(served.text() == generated, "/api serves something else");
    for (path, status) in
        [("/api", 200), ("/docs", 200), ("/token", 303), ("/health", 200), ("/topics", 200)]
    {
        asker.ask("GET", path, &[], b"", status).await;
        asker.ask("DELETE", path, &[], b"", 405).await;
        asker.ask("GET", path, &many(), b"", 431).await;
    }
}

async fn messages(asker: &mut Asker, topics: &Topics) {
    let path = format!("/topics/{DURABLE}");
    asker.ask("GET", &path, &[], b"", 200).await;
    asker.ask("GET", "/topics/nothing", &[], b"", 404).await;
    asker.ask("PUT", &path, &[], b"{}", 405).await;
    for method in ["GET", "POST"] {
        asker.ask(method, &path, &many(), b"{}", 431).await;
    }
    let (user, bound, other) = (bearer(USER), bearer(BOUND), bearer("nobody"));
    let user = [("Authorization", user.as_str())];
    let good = br#"{"event_id":"one"}"#;
    asker.ask("POST", &path, &user, good, 202).await;
    // Twice, and in another case.
    asker.ask("POST", &path.to_uppercase().replace("/TOPICS", "/topics"), &user, good, 202).await;
    asker.ask("POST", &path, &[], good, 401).await;
    asker.ask("POST", &path, &[("bearer", "none"), user[0]], good, 401).await;
    asker.ask("POST", &path, &[("Authorization", &other)], good, 403).await;
    asker.ask("POST", &path, &[("Authorization", &bound)], good, 403).await;
    for body in ["{", "", "{}", "7", "NaN", r#"{"a":1,}"#] {
        asker.ask("POST", &path, &user, body.as_bytes(), 400).await;
    }
    asker.ask("POST", "/topics/nothing", &user, good, 404).await;
    asker.ask("POST", &path, &user, &vec![b' '; 3000], 413).await;
    asker.ask("POST", &format!("/topics/{WAITING}"), &user, good, 500).await;
    let lines = [user[0], ("Content-Type", "application/x-ndjson")];
    if Planned::Batches.is_built() {
        for other in [OTHER, DURABLE] {
            let path = format!("/topics/{other}");
            asker.ask("POST", &path, &lines, b"{\"event_id\":\"a\"}\n{}", 207).await;
            asker.ask("POST", &path, &user, br#"[{"event_id":"b"},{}]"#, 207).await;
            asker.ask("POST", &path, &user, br#"[{"event_id":"c"}]"#, 202).await;
            asker.ask("POST", &path, &lines, b"{}\n{}", 400).await;
        }
    }
    if Planned::Rates.is_built() {
        // Another subject, so that the others keep their rate.
        let bound = [("Authorization", bound.as_str())];
        let body = br#"{"event_id":"fast","environment":"test"}"#;
        let url = topics.url(&path);
        while client::send("POST", &url, &bound, body).await.status != 429 {}
        asker.ask("POST", &path, &bound, body, 429).await;
    }
}

async fn pages(asker: &mut Asker, topics: &Topics) {
    let path = format!("/stats/{DURABLE}");
    let user = bearer(USER);
    let user = [("Authorization", user.as_str())];
    let window = br#"{"timestamp_start":1789000000000,"timestamp_end":1791000000000}"#;
    let page = client::send("POST", &topics.url(&path), &user, window).await;
    assert_eq!(page.json()["data"].as_array().unwrap().len(), 1, "{}", page.text());
    asker.compare("POST", "/stats/{topic_name}", &page, 200);
    asker.ask("POST", &path, &user, b"", 200).await;
    asker.ask("POST", &path, &[], b"", 401).await;
    for body in ["{", "[]", r#"{"limit":0}"#, r#"{"cursor":"a"}"#] {
        asker.ask("POST", &path, &user, body.as_bytes(), 400).await;
    }
    asker.ask("POST", &format!("/stats/{OTHER}"), &user, b"{}", 400).await;
    asker.ask("POST", "/stats/nothing", &user, b"{}", 404).await;
    asker.ask("GET", &path, &user, b"", 405).await;
    asker.ask("POST", &path, &user, &vec![b' '; 3000], 413).await;
    asker.ask("POST", &path, &many(), b"{}", 431).await;
}

/// While bodies are waited for, there is no room for others.
async fn busy(asker: &mut Asker, topics: &Topics) {
    let stored = if Planned::Statistics.is_built() { "/stats/" } else { "/topics/" };
    let paths = [format!("/topics/{DURABLE}"), format!("{stored}{DURABLE}")];
    let bearer = bearer("nobody");
    let user = ("Authorization", bearer.as_str());
    let slow = paths.each_ref().map(|path| topics.url(path));
    let headers = [user, ("Content-Length", "9")];
    let [first, second] = slow.each_ref().map(|url| client::send("POST", url, &headers, b"{}"));
    let refused = async {
        let mut refused = Vec::new();
        for path in &paths {
            let answer = poll_until(LONG, "a gateway that is busy", async || {
                let answer = client::send("POST", &topics.url(path), &[user], b"{}").await;
                (answer.status == 503).then_some(answer)
            });
            refused.push(answer.await);
        }
        refused
    };
    let (first, second, refused) = tokio::join!(first, second, refused);
    for (path, answers) in paths.iter().zip([[&first, &refused[0]], [&second, &refused[1]]]) {
        let known = format!("{}{{topic_name}}", path.trim_end_matches(DURABLE));
        asker.compare("POST", &known, answers[0], 408);
        asker.compare("POST", &known, answers[1], 503);
    }
}

/// `Authorization` of somebody.
fn bearer(subject: &str) -> String {
    format!("Bearer {}", token(subject))
}

fn many() -> Vec<(&'static str, &'static str)> {
    vec![("X-Further", "x"); 19]
}
