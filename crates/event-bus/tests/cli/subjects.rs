//! The page of subjects says the truth: each printed filter is subscribed to, and sees what it should.

use std::fs;
use std::time::Duration;

use futures_util::StreamExt as _;
use testkit::NatsServer;
use tokio::time::timeout;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The parts of a text between back quotes.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// A subject as the page prints it, with any text for what stands in angle brackets.
fn example(subject: &str) -> String {
    let mut parts = subject.split('<');
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, part| text + "any" + part.split_once('>').map_or("", |(_, rest)| rest))
}

#[tokio::test]
async fn each_printed_filter_sees_the_subjects_of_its_row() {
    let page = fs::read_to_string(format!("{ROOT}/docs/subjects.md")).unwrap();
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split('|').collect())
        .collect();
    assert!(rows.len() >= 7, "{rows:?}");
    let nats = NatsServer::start().await;
    let client = nats.connect().await;
    for row in rows {
        let filter = quoted(row[4]).remove(0).replace("<source>", "any");
        let mut seen = client.subscribe(filter.clone()).await.unwrap();
        for subject in quoted(row[0]) {
            let subject = example(&subject);
            let tokens = subject.split('.').count().to_string();
            assert!(row[1].contains(&tokens) || row[1].contains("more"), "{subject}: {}", row[1]);
            client.publish(subject.clone(), "".into()).await.unwrap();
            let message = timeout(Duration::from_secs(10), seen.next()).await;
            let message = message.unwrap_or_else(|_| panic!("{filter} does not see {subject}"));
            assert_eq!(message.unwrap().subject.as_str(), subject);
        }
    }
}

#[tokio::test]
async fn one_wildcard_misses_events_with_an_action() {
    let nats = NatsServer::start().await;
    let client = nats.connect().await;
    let mut one = client.subscribe("fleet.repo.*").await.unwrap();
    for subject in ["fleet.repo.pull_request.closed", "fleet.repo.push"] {
        client.publish(subject, "".into()).await.unwrap();
    }
    let first = timeout(Duration::from_secs(10), one.next()).await.unwrap().unwrap();
    assert_eq!(first.subject.as_str(), "fleet.repo.push");
}

#[test]
fn every_contract_names_a_test_and_a_decision_that_are_there() {
    let page = fs::read_to_string(format!("{ROOT}/docs/contracts.md")).unwrap();
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains(".rs`"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert!(rows[0][0] == "Event bus (NATS JetStream + CloudEvents)" && rows[0][1] == "the fleet");
    for row in rows {
        let test = quoted(row[5]).remove(0);
        let text = fs::read_to_string(format!("{ROOT}/{test}")).expect(&test);
        let holds = ["test]", "test(", "\nmod "].iter().any(|mark| text.contains(mark));
        assert!(holds, "{test} holds no test");
        let decision = row[4].split(['(', ')']).nth(1).unwrap();
        assert!(fs::exists(format!("{ROOT}/docs/{decision}")).unwrap(), "{decision}");
    }
}
