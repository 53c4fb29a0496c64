//! The page about topics is followed as it is printed: its files, its commands, and what they print.

use std::fs;
use std::path::Path;

use serde_json::Value;
use testkit::{Bin, free_port};

use crate::world::{LONG, event_bus};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/topics.md");

/// Where the commands begin and end that belong together.
const FIRST: &str = "## A first topic";
const BEHIND: &str = "## What an answer means";

/// A block of code: what stands behind its fence, and the code.
fn blocks(text: &str) -> Vec<(&str, &str)> {
    let fenced = text.split("\n```").skip(1).step_by(2);
    fenced.map(|block| block.split_once('\n').unwrap()).collect()
}

#[tokio::test]
async fn a_first_topic_goes_as_printed() {
    let page = fs::read_to_string(PAGE).unwrap();
    let part = &page[page.find(FIRST).unwrap()..page.find(BEHIND).unwrap()];
    let ports = [8090, 8091, 9000].map(|printed| (printed.to_string(), free_port()));
    let elsewhere = |text: &str| {
        let printed = ports.iter();
        printed.fold(text.to_owned(), |text, (from, to)| text.replace(from, &to.to_string()))
    };
    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_event-bus")).parent().unwrap().display();
    let mut script = format!(
        "set -euo pipefail\nexport PATH='{program}':$PATH\ntrap 'kill $(jobs -p); wait' EXIT\n"
    );
    let mut printed = Vec::new();
    for (info, code) in blocks(part) {
        match (info, info.split('"').nth(1)) {
            (_, Some(name)) => {
                fs::write(folder.path().join(name), elsewhere(code)).unwrap();
            }
            ("sh", None) => {
                // The broker's own port may be taken where tests run.
                script.push_str(&elsewhere(code).replace(" up ", " up --nats-port 0 "));
                script.push('\n');
            }
            ("text", None) => printed.extend(code.lines()),
            (_, None) => {}
        }
    }
    assert!(printed.len() >= 10, "{printed:?}");
    let bash = Bin::at("bash").args(["-c", &script]).current_dir(folder.path());
    let bash = bash.env("EVENT_BUS__TOPICS__LISTEN", format!("127.0.0.1:{}", ports[0].1));
    let output = bash.output(LONG).await;
    let all = format!("{}\n{}", output.stdout, output.stderr);
    assert_eq!(output.code(), Some(0), "{all}");
    // Answers of curl have no end of a line.
    for line in printed {
        assert!(output.stdout.contains(line), "not printed: {line}\n{all}");
    }
    assert!(output.stdout.contains("o-1"), "the destination prints nothing:\n{all}");
}

#[tokio::test]
async fn the_access_document_of_the_page_can_be_used() {
    let page = fs::read_to_string(PAGE).unwrap();
    let section = page.split("\n## Access\n").nth(1).unwrap();
    let (_, document) = blocks(section)[0];
    let document: Value = serde_json::from_str(document).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("access.json"), document.to_string()).unwrap();
    for (subject, message, code) in [
        ("shop", r#"{"country": "CZ", "amount": 12000}"#, 1),
        ("shop", r#"{"country": "SK", "amount": 1200}"#, 0),
        ("ADMIN", "{}", 0),
    ] {
        let arguments =
            ["access", "explain", subject, "orders.paid", "-", "--access", "access.json"];
        let command = event_bus(&arguments).current_dir(folder.path()).stdin(message);
        let output = command.output(LONG).await;
        assert_eq!(output.code(), Some(code), "{subject} {message}\n{}", output.stdout);
    }
}
