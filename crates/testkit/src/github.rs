//! Real payloads of GitHub: those of the package `@octokit/webhooks-examples`.

use serde_json::Value;

use crate::tools;

/// Each published payload, with the name of its event.
pub fn payloads() -> Vec<(String, Value)> {
    let file = tools::locate("node/octokit-webhooks-examples/api.github.com/index.json");
    let text = std::fs::read(file).expect("a file");
    let all: Value = serde_json::from_slice(&text).expect("the examples are JSON");
    let all = all.as_array().expect("a list").iter().flat_map(|event| {
        let name = event["name"].as_str().expect("a name");
        let examples = event["examples"].as_array().expect("a list");
        examples.iter().map(|example| (name.to_owned(), example.clone()))
    });
    let all: Vec<_> = all.collect();
    assert!(all.len() >= 300, "only {} payloads", all.len());
    all
}
