//! What `/api` serves is true: whatever schemathesis sends, each answer is one that the description announces, and none is
//! an error of the server.

use std::fs;
use std::process::Command;

use rand::RngExt as _;
use serde_json::{Value, json};
use testkit::{Signer, rng, size, tools};

use crate::world::{LONG, Part, TOPICS, USER, World, token};

/// What is valid by the description may not fit the schema of its topic, which `/topics/{topic}` serves, or a column that it
/// is stored in: that is 400.
const CONFIG: &str = "[checks.positive_data_acceptance]\n\
    expected-statuses = [\"2xx\", \"3xx\", \"400\", \"401\", \"403\", \"404\", \"413\", \"429\"]\n";

/// Runs schemathesis with all its checks; the number of requests that it made.
fn fuzz(world: &World, cases: u32, seed: u64, headers: &[&str]) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("schemathesis.toml"), CONFIG).unwrap();
    let mut command = Command::new(tools::locate("acceptance/bin/python"));
    command.args(["-m", "schemathesis.cli", "run", &world.url("/api"), "--url", &world.url("")]);
    command.args([
        "--checks",
        "all",
        "--max-redirects",
        "0",
        "--continue-on-failure",
        "--no-shrink",
    ]);
    command.args(["--max-examples", &cases.to_string(), "--seed", &seed.to_string()]);
    command.args(["--suppress-health-check", "all", "--request-timeout", "30"]);
    for header in headers {
        command.args(["--header", header]);
    }
    let output = command.env("NO_COLOR", "1").current_dir(folder.path()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let count = |line: &str| line.trim().split_once(" generated,")?.0.parse().ok();
    text.lines().find_map(count).unwrap_or_else(|| panic!("{text}"))
}

/// A description with the schema of each topic, so that most of what is sent is valid and gets far.
fn description_of_topics(world: &World) -> Value {
    let answer = |description: &str| {
        let schema = json!({ "type": "object", "required": ["success", "statusCode"] });
        let content = json!({ "application/json": { "schema": schema } });
        json!({ "description": description, "content": content })
    };
    let mut paths = json!({});
    for topic in TOPICS {
        let name = topic.rsplit('.').next().unwrap();
        let file = world.conf_dir().join(format!("topic_schemas/{name}.json"));
        let mut schema: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        // A format is not asserted (section 6); those of other ids are, by the columns that they are stored in.
        schema["properties"]["event_id"].as_object_mut().unwrap().remove("format");
        paths[format!("/topics/{topic}")]["post"] = json!({
            "security": [{ "token": [] }],
            "requestBody": { "required": true, "content": { "application/json": { "schema": schema } } },
            "responses": {
                "202": answer("Accepted"),
                "400": answer("It does not fit"),
                "401": answer("No token"),
                "413": answer("Too large"),
            },
        });
        // The path is there for others, too.
        paths[format!("/topics/{topic}")]["get"] =
            json!({ "responses": { "200": { "description": "The schema" } } });
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Topics", "version": "1" },
        "paths": paths,
        "components": { "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } } },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_one_that_the_description_announces() {
    let seed = rng("description").random_range(0..u64::from(u32::MAX));
    let world = World::new(&[Part::EventBridge, Part::Postgres]).await;
    let gateway = world.start().await;
    let token = format!("Authorization: Bearer {}", token(&Signer::a(), USER));
    let cases = size(20, 1000);
    let mut requests = fuzz(&world, cases, seed, &[&token]) + fuzz(&world, cases, seed, &[]);
    gateway.terminate();
    assert!(gateway.wait(LONG).await.is_some());
    let description = description_of_topics(&world).to_string();
    fs::write(world.conf_dir().join("api.yaml"), &description).unwrap();
    let _gateway = world.start().await;
    let served = testkit::http::send("GET", &world.url("/api"), &[], b"").await;
    assert_eq!(served.text(), description, "what is there is served as it is");
    requests += fuzz(&world, cases, seed, &[&token]);
    println!("{requests} requests of schemathesis, each answered as described, none with 5xx");
}
