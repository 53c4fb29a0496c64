//! The examples around the workflow: callers that fit it, routes that bring their events to Slack, and a consumer.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Bin, CaptureSink, Reply, Script, github, poll_until, report, tools};

use crate::bus::{Bus, write};
use crate::runner::Form;

const LONG: Duration = Duration::from_secs(60);

/// Fails where a caller gives what the workflow does not take, or not what it needs.
const FITS: &str = "
import json, pathlib, sys, yaml
root = pathlib.Path(sys.argv[1])
call = yaml.safe_load((root / '.github/workflows/publish-cloudevent.yml').read_text())[True]['workflow_call']
subjects = {}
for file in sorted((root / 'examples/workflows').glob('*.yml')):
    jobs = yaml.safe_load(file.read_text())['jobs']
    (job,) = [job for job in jobs.values() if 'publish-cloudevent.yml' in job.get('uses', '')]
    given = job['with']
    assert given.keys() <= call['inputs'].keys(), file
    assert {name for name, what in call['inputs'].items() if what.get('required')} <= given.keys(), file
    assert job['secrets'].keys() <= call['secrets'].keys(), file
    subjects[file.name] = given.get('subject', 'fleet.' + given['type'].split('.', 2)[2])
print(json.dumps(subjects))
";

fn example(path: &str) -> PathBuf {
    report::workspace_root().join("examples").join(path)
}

#[test]
fn every_caller_fits_the_workflow() {
    let root = report::workspace_root();
    let subjects = tools::python(FITS, &[root.to_str().unwrap()]);
    let subjects: Value = serde_json::from_str(&subjects).unwrap();
    let action = "${{ github.event.action }}";
    let expected = json!({
        "artifact-promotion.yml": "fleet.deploy.promoted",
        "comments.yml": "fleet.repo.issue_comment.created",
        "contract-gaps.yml": "fleet.contract.gap",
        "issues.yml": format!("fleet.repo.issues.{action}"),
        "pull-requests.yml": format!("fleet.repo.pull_request.{action}"),
        "workflow-runs.yml": "fleet.repo.workflow_run.completed",
    });
    assert_eq!(subjects, expected);
}

/// A published payload of that event and action.
fn payload(event: &str, action: &str) -> Value {
    let mut payloads = github::payloads().into_iter();
    let found = payloads.find(|(name, data)| name == event && data["action"] == action);
    found.unwrap_or_else(|| panic!("there is no payload {event} {action}")).1
}

#[tokio::test(flavor = "multi_thread")]
async fn the_events_of_the_examples_arrive_at_slack() {
    let bus = Bus::start().await;
    let slack = CaptureSink::scripted(Script::reply(Reply::status(200).body("ok"))).await;
    let folder = tempfile::tempdir().unwrap();
    let url = write(folder.path(), "slack_url", &slack.url());
    let admin = format!("127.0.0.1:{}", testkit::free_port());
    let routes = fs::read_to_string(example("workflows/slack.toml")).unwrap();
    let routes = routes
        .replace("/run/secrets/slack_url", &url)
        .replace("nats://127.0.0.1:4222", &bus.nats.url())
        .replace("[[outbound.routes]]\nname = \"slack-merges\"", &format!(
            "[outbound]\nadmin_listen = \"{admin}\"\n\n[[outbound.routes]]\nname = \"slack-merges\""
        ));
    let config = write(folder.path(), "slack.toml", &routes);
    let relay = Bin::at(env!("CARGO_BIN_EXE_event-bus"))
        .args(["relay-outbound", "--config", &config])
        .spawn();
    let ready = format!("http://{admin}/readyz");
    poll_until(LONG, "the relay to be ready", async || {
        assert!(relay.exited().is_none(), "it ended:\n{}", relay.stderr());
        let answer = testkit::http::try_send("GET", &ready, &[], b"").await.ok()?;
        (answer.status == 200).then_some(())
    })
    .await;

    let mut merged = payload("pull_request", "closed");
    merged["pull_request"]["merged"] = json!(true);
    let mut failed = payload("workflow_run", "completed");
    failed["workflow_run"]["conclusion"] = json!("failure");
    let calls = [
        (
            "com.github.pull_request.closed",
            "fleet.repo.pull_request.closed",
            merged,
            "was merged: ",
        ),
        (
            "com.github.issues.opened",
            "fleet.repo.issues.opened",
            payload("issues", "opened"),
            "New issue ",
        ),
        (
            "com.github.issue_comment.created",
            "fleet.repo.issue_comment.created",
            payload("issue_comment", "created"),
            " commented on ",
        ),
        (
            "com.github.workflow_run.completed",
            "fleet.repo.workflow_run.completed",
            failed,
            "*failure*",
        ),
    ];
    let mut expected = Vec::new();
    for (kind, subject, data, text) in calls {
        let call = bus.to_nats(Form::Workflow, &[("type", kind), ("subject", subject)]);
        assert_eq!(call.payload(data.to_string().as_bytes()).end().code, Some(0), "{kind}");
        expected.push(text);
    }
    let manifest = json!({ "version": "1.2.3", "environment": "production", "actor": "octocat" });
    let call = bus
        .to_nats(Form::Workflow, &[("type", "com.example.deploy.promoted"), ("key", "production")]);
    assert_eq!(call.artifact(manifest.to_string().as_bytes()).end().code, Some(0));
    expected.push("1.2.3 is now on production, by octocat");
    let gap =
        json!({ "kind": "unvendored-contract", "contract": "orders.v1", "message": "no copy" });
    let call = bus.to_nats(
        Form::Workflow,
        &[("type", "com.example.contract.gap"), ("data", &gap.to_string())],
    );
    assert_eq!(call.end().code, Some(0));
    expected.push("Contract gap (unvendored-contract): *orders.v1*");

    let requests = slack.wait_for(expected.len(), LONG).await;
    let texts: Vec<_> = requests
        .iter()
        .map(|request| serde_json::from_slice::<Value>(&request.body).unwrap()["text"].to_string())
        .collect();
    for text in expected {
        assert_eq!(
            texts.iter().filter(|posted| posted.contains(text)).count(),
            1,
            "{text}: {texts:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_consumer_gets_contract_events_alone() {
    let bus = Bus::start().await;
    let gap = json!({ "kind": "unregistered-contract", "contract": "orders.v1" }).to_string();
    let mut ids = Vec::new();
    for kind in [
        "com.example.contract.gap",
        "com.example.deploy.promoted",
        "com.example.contract.gap.closed",
    ] {
        let ended = bus.to_nats(Form::Workflow, &[("type", kind), ("data", &gap)]).end();
        assert_eq!(ended.code, Some(0), "{}", ended.log);
        ids.push(ended.outputs["id"].clone());
    }
    let consumer = Bin::at("python3")
        .arg(example("contract-consumer/consumer.py"))
        .args([bus.nats.url().as_str(), "2"])
        .env("PYTHONPATH", tools::locate("python"))
        .output(LONG)
        .await;
    assert_eq!(consumer.code(), Some(0), "{}", consumer.stderr);
    let lines: Vec<_> = consumer.stdout.lines().collect();
    let known = r#"{"kind": "unregistered-contract", "contract": "orders.v1"}"#;
    let expected = [
        format!("com.example.contract.gap {} {known}", ids[0]),
        format!("com.example.contract.gap.closed {} {known}", ids[2]),
    ];
    assert_eq!(lines, expected);
}
