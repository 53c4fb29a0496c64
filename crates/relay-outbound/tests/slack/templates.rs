//! Each ready-made message, filled by every published GitHub payload that it is for.

use bytes::Bytes;
use event_bus_core::event::{Data, Event};
use relay_outbound::sinks::slack::ReadyMade;
use serde_json::{Value, json};
use testkit::github;

use crate::stub::Slack;
use crate::workshop::Workshop;

/// The names of the templates, with the events of GitHub that they are for.
const FOR_GITHUB: [(&str, &[&str]); 6] = [
    ("pull-request-merged", &["pull_request"]),
    ("issue-opened", &["issues"]),
    (
        "comment",
        &["issue_comment", "commit_comment", "pull_request_review_comment", "discussion_comment"],
    ),
    ("workflow-run", &["workflow_run"]),
    ("deployment", &["deployment", "deployment_status"]),
    ("dispatch", &["repository_dispatch", "workflow_dispatch"]),
];

fn event(kind: &str, data: &Value) -> Event {
    Event::builder("1", "https://github.com/o/r", kind)
        .data(Data::Json(Bytes::from(data.to_string())))
        .build()
        .unwrap()
}

/// What is posted by a template for each of these events.
async fn posted(template: &str, events: &[Event]) -> Vec<String> {
    let slack = Slack::start().await;
    let workshop = Workshop::open([("HOOK", &*slack.hook())]).await;
    let sink = workshop
        .build(&format!("sink.slack = {{ url = {{ env = \"HOOK\" }}, template = \"{template}\" }}"))
        .unwrap();
    for event in events {
        let result = sink.deliver(std::slice::from_ref(event)).await.remove(0);
        result.unwrap_or_else(|error| panic!("{template}: {error:?} {event:?}"));
    }
    slack.posted()
}

fn assert_sound(text: &str) {
    for flaw in ["undefined", "none", "null", "\n\n", "  ", "<|", "|>"] {
        assert!(!text.contains(flaw), "{flaw:?} in {text}");
    }
    assert_eq!(text, text.trim());
}

#[tokio::test]
async fn every_published_payload_fills_its_templates() {
    let payloads = github::payloads();
    for (template, names) in FOR_GITHUB {
        let matching = payloads.iter().filter(|(name, _)| names.contains(&&**name));
        let events: Vec<_> = matching.map(|(name, payload)| event(name, payload)).collect();
        assert!(events.len() >= names.len(), "{template}: {}", events.len());
        let texts = posted(template, &events).await;
        for text in &texts {
            assert_sound(text);
            assert!(text.contains("<https://github.com/"), "{template}: {text}");
        }
        assert_eq!(texts.len(), events.len());
    }
    let all: Vec<_> = payloads.iter().map(|(name, payload)| event(name, payload)).collect();
    assert!(all.len() >= 300, "only {}", all.len());
    assert_eq!(posted("event", &all).await.len(), all.len());
}

#[tokio::test]
async fn what_is_optional_may_be_missing_and_what_is_hostile_is_escaped() {
    let repository = json!({ "full_name": "o/r", "html_url": "https://github.com/o/r" });
    let hostile = "<!channel>";
    let safe = "&lt;!channel&gt;";
    let link = "https://github.com/o/r/1";
    for (template, data, expected) in [
        (
            "pull-request-merged",
            json!({ "pull_request": { "html_url": link, "number": 1, "title": hostile, "merged_by": null }}),
            format!("*<{link}|o/r#1>* was merged: {safe}"),
        ),
        (
            "pull-request-merged",
            json!({ "pull_request": { "html_url": link, "number": 1, "title": "t", "merged_by": { "login": hostile } }}),
            format!("*<{link}|o/r#1>* was merged: t (by {safe})"),
        ),
        (
            "issue-opened",
            json!({ "issue": { "html_url": link, "number": 1, "title": hostile, "user": null }}),
            format!("New issue *<{link}|o/r#1>*: {safe}"),
        ),
        (
            "comment",
            json!({ "comment": { "html_url": link, "body": format!("one\n\n{hostile}") }}),
            format!("Somebody commented on *<{link}|o/r>*\n>one\n>\n>{safe}"),
        ),
        (
            "comment",
            json!({
                "action": "deleted", "issue": { "number": 7, "title": "t" },
                "comment": { "html_url": link, "body": "x".repeat(501), "user": { "login": "me" } },
            }),
            format!("me deleted a comment on *<{link}|o/r#7>*: t\n>{}…", "x".repeat(500)),
        ),
        (
            "workflow-run",
            json!({ "workflow_run": { "html_url": link, "name": null }}),
            format!("Workflow *<{link}|without a name>* of o/r: *unknown*"),
        ),
        (
            "workflow-run",
            json!({ "workflow_run": {
                "html_url": link, "name": "ci", "run_number": 5, "head_branch": hostile,
                "status": "completed", "conclusion": "failure", "display_title": hostile,
            }}),
            format!("Workflow *<{link}|ci #5>* of o/r on `{safe}`: *failure*\n>{safe}"),
        ),
        (
            "deployment",
            json!({ "deployment": { "ref": "main", "environment": hostile }}),
            format!("Deployment of `main` to *{safe}* in <https://github.com/o/r|o/r>: *created*"),
        ),
        (
            "deployment",
            json!({
                "deployment": { "ref": "main", "environment": "prod" },
                "deployment_status": { "state": "failure", "log_url": null, "target_url": link, "description": hostile },
            }),
            format!(
                "Deployment of `main` to *prod* in <https://github.com/o/r|o/r>: *failure* (<{link}|details>)\n>{safe}"
            ),
        ),
        (
            "dispatch",
            json!({ "action": hostile, "client_payload": null }),
            format!("Somebody dispatched `{safe}` in <https://github.com/o/r|o/r>"),
        ),
        (
            "dispatch",
            json!({ "workflow": "w.yml", "ref": "main", "inputs": { "name": hostile }, "sender": { "login": "me" } }),
            format!(
                "me dispatched `w.yml` in <https://github.com/o/r|o/r> on `main`\n• name: {safe}"
            ),
        ),
        ("contract-gap", json!({}), "Contract gap: *https://github.com/o/r*".to_owned()),
        (
            "contract-gap",
            json!({
                "kind": "unvendored-contract", "contract": hostile, "producer": "a",
                "consumers": ["b", hostile], "message": "m", "url": link,
            }),
            format!(
                "Contract gap (unvendored-contract): *{safe}*\n• Producer: a\n• Consumers: b, {safe}\n>m\n<{link}|Details>"
            ),
        ),
        ("event", json!({}), "*t*\nFrom https://github.com/o/r, id 1".to_owned()),
    ] {
        let mut data = data;
        data["repository"] = repository.clone();
        assert_eq!(posted(template, &[event("t", &data)]).await, [expected], "{template}");
    }
}

#[tokio::test]
async fn messages_for_any_event_need_no_data() {
    let bare = Event::builder("1", "/s", "t").subject("<x>").build().unwrap();
    let text = Event::builder("1", "/s", "t").data(Data::Text("x".to_owned())).build().unwrap();
    let expected = ["*t* &lt;x&gt;\nFrom /s, id 1", "*t*\nFrom /s, id 1"];
    assert_eq!(posted("event", &[bare.clone(), text.clone()]).await, expected);
    let expected = ["Contract gap: *&lt;x&gt;*", "Contract gap: */s*"];
    assert_eq!(posted("contract-gap", &[bare, text]).await, expected);
}

#[test]
fn every_template_has_a_test_here() {
    assert_eq!(FOR_GITHUB.len() + 2, ReadyMade::ALL.len());
}
