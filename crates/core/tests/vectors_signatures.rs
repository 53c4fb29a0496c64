//! Every signature case, verified and described with the case's own clock.
//!
//! A `must` case passes. A `policy` case that is answered differently stands in [`DIFFERENT`] with its reason, and an
//! entry there that differs no longer fails the test: the list is always true.

mod signature_cases;

use std::collections::BTreeSet;

use event_bus_core::event::Event;
use event_bus_core::signature::{Description, Outcome};
use serde_json::Value;
use signature_cases::{CaseRequest, verifier};
use testkit::vectors::{self, Case, Level, Verdict};
use time::OffsetDateTime;

const SUITES: [&str; 6] = ["github", "slack", "stripe", "linear", "standard_webhooks", "generic"];

/// Policy cases that are answered differently from the recommendation.
const DIFFERENT: [(&str, &str); 0] = [];

/// Event types that the sender's scheme cannot know; the verdict of these cases holds.
const OTHER_TYPE: [(&str, &str); 1] = [(
    "generic-058-postman-monitor-result-with-path-query-token",
    "a generic token says nothing about the body: its type is `com.<source>.event`",
)];

/// What became of a request.
enum Answer {
    Accepted(Box<Description>),
    Handshake { status: u16, body: Vec<u8> },
    Rejected { code: &'static str, status: Option<u16> },
}

#[test]
fn every_case_gets_its_verdict() {
    let mut failures = Vec::new();
    let mut differing = BTreeSet::new();
    let mut other_type = BTreeSet::new();
    let mut known = BTreeSet::new();
    for case in SUITES.into_iter().flat_map(|suite| vectors::suite(suite).cases) {
        known.insert(case.id.clone());
        let answer = answer(&case);
        match judge(&case, &answer) {
            Ok(()) => {}
            Err(problem) if case.level == Level::Must => {
                failures.push(format!("{}: {problem}", case.id))
            }
            Err(problem) => {
                println!("policy case {} differs: {problem}", case.id);
                differing.insert(case.id.clone());
            }
        }
        if !type_fits(&case, &answer) {
            other_type.insert(case.id.clone());
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(differing, listed(&DIFFERENT, &known), "policy cases that differ");
    assert_eq!(other_type, listed(&OTHER_TYPE, &known), "cases of another type");
}

#[test]
fn a_replay_has_the_key_of_the_event_and_another_event_has_another() {
    for sequence in vectors::replay_sequences() {
        let verifier = verifier(&sequence.provider, &sequence.config, &sequence.secrets)
            .expect("the secrets are sound");
        let mut published = BTreeSet::new();
        for step in &sequence.steps {
            let request = CaseRequest::new(&step.request).expect("the request is valid HTTP");
            let outcome = verifier.verify(&request.raw(), at(step.at));
            let verified = match (step.expect.known_verdict(), outcome) {
                (Some(Verdict::Reject), Err(_)) => continue,
                (Some(Verdict::Accept | Verdict::Duplicate), Ok(Outcome::Verified(verified))) => {
                    verified
                }
                (verdict, outcome) => {
                    panic!("{}: expected {verdict:?}, got {outcome:?}", sequence.id)
                }
            };
            let description = verifier
                .describe(&verified, "source")
                .expect("a verified request can be described");
            let is_new = published.insert((description.ce_source, description.id));
            if step.fault.is_null() {
                assert_eq!(Some(u64::from(is_new)), step.expect.published, "{}", sequence.id);
            }
        }
    }
}

fn answer(case: &Case) -> Answer {
    let verifier = match verifier(&case.provider, &case.config, &case.secrets) {
        Ok(verifier) => verifier,
        Err(problem) => return Answer::Rejected { code: problem.code(), status: None },
    };
    // What is no header value on the wire never reaches the verifier.
    let Some(request) = CaseRequest::new(&case.request) else {
        return Answer::Rejected { code: "malformed_request", status: None };
    };
    let verified = match verifier.verify(&request.raw(), at(case.now)) {
        Ok(Outcome::Verified(verified)) => verified,
        Ok(Outcome::Handshake(handshake)) => {
            return Answer::Handshake { status: handshake.status, body: handshake.body };
        }
        Err(rejection) => {
            return Answer::Rejected { code: rejection.code(), status: Some(rejection.status()) };
        }
    };
    match verifier.describe(&verified, "source") {
        Ok(description) => Answer::Accepted(Box::new(description)),
        Err(rejection) => {
            Answer::Rejected { code: rejection.code(), status: Some(rejection.status()) }
        }
    }
}

fn judge(case: &Case, answer: &Answer) -> Result<(), String> {
    let expect = &case.expect;
    match (expect.verdict, answer) {
        (Verdict::Accept | Verdict::Duplicate, Answer::Accepted(description)) => {
            event(description).map_err(|error| error.to_string())?;
            same("delivery id", expect.delivery_id.as_ref(), Some(&description.id))
        }
        (Verdict::Reject, Answer::Rejected { code, status }) => {
            if family(&expect.reason) != family(code) {
                return Err(format!("expected the reason {}, got {code}", expect.reason));
            }
            same(
                "status",
                expect.http_status.as_ref(),
                status.as_ref().or(expect.http_status.as_ref()),
            )
        }
        (Verdict::Handshake, Answer::Handshake { status, body }) => {
            same("status", expect.http_status.as_ref(), Some(status))?;
            response_fits(&expect.response, body)
        }
        (verdict, Answer::Accepted(_)) => Err(format!("expected {verdict:?}, was accepted")),
        (verdict, Answer::Handshake { .. }) => {
            Err(format!("expected {verdict:?}, was taken for a handshake"))
        }
        (verdict, Answer::Rejected { code, .. }) => {
            Err(format!("expected {verdict:?}, was rejected: {code}"))
        }
    }
}

/// A description must be an event as it stands.
fn event(description: &Description) -> Result<Event, event_bus_core::event::InvalidEvent> {
    let mut builder = Event::builder(&description.id, &description.ce_source, &description.kind);
    if let Some(subject) = &description.subject {
        builder = builder.subject(subject);
    }
    if let Some(time) = description.time {
        builder = builder.time(time);
    }
    if let Some(media_type) = &description.datacontenttype {
        builder = builder.datacontenttype(media_type);
    }
    if let Some(data) = description.data.clone() {
        builder = builder.data(data);
    }
    builder.build()
}

fn type_fits(case: &Case, answer: &Answer) -> bool {
    let (Some(expected), Answer::Accepted(description)) = (&case.expect.event_type, answer) else {
        return true;
    };
    description.event.as_ref() == Some(expected)
        || description.kind.ends_with(&format!(".{expected}"))
}

fn response_fits(expected: &Value, body: &[u8]) -> Result<(), String> {
    let json = expected
        .get("json")
        .is_none_or(|json| serde_json::from_slice(body).ok().as_ref() == Some(json));
    let text =
        expected.get("text").and_then(Value::as_str).is_none_or(|text| body == text.as_bytes());
    if json && text { Ok(()) } else { Err(format!("the answer is not {expected}")) }
}

/// The reasons of the vectors are a suggestion and may be merged; what kind of defect it is may not change.
fn family(reason: &str) -> &str {
    match reason {
        "signature_mismatch" | "malformed_signature" | "no_supported_scheme" => "signature",
        "timestamp_invalid" | "timestamp_too_old" | "timestamp_missing" => "timestamp",
        other => other,
    }
}

fn same<T: PartialEq + std::fmt::Debug>(
    what: &str,
    expected: Option<&T>,
    got: Option<&T>,
) -> Result<(), String> {
    if expected.is_none() || expected == got {
        Ok(())
    } else {
        Err(format!("{what}: expected {expected:?}, got {got:?}"))
    }
}

fn listed(table: &[(&str, &str)], known: &BTreeSet<String>) -> BTreeSet<String> {
    table.iter().map(|(id, _)| (*id).to_owned()).filter(|id| known.contains(id)).collect()
}

fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).expect("the case's clock shows a time")
}
