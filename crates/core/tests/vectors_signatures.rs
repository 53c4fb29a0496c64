//! Every signature case, verified and described with the case's own clock.
//!
//! A `must` case passes. A `policy` case that is answered differently stands in [`DIFFERENT`] with its reason; an entry
//! whose cases differ no longer fails the test, so the list is always true.

mod signature_cases;

use std::collections::BTreeSet;

use event_bus_core::event::Event;
use event_bus_core::signature::{Description, Outcome};
use serde_json::Value;
use signature_cases::{CaseRequest, verifier};
use testkit::vectors::{self, Case, Level, Verdict};
use time::OffsetDateTime;

const SUITES: [&str; 6] = ["github", "slack", "stripe", "linear", "standard_webhooks", "generic"];

/// Policy cases that may be answered differently from the recommendation: suite, a word of the title, and the reason.
const DIFFERENT: [(&str, &str, &str); 0] = [];

/// What became of a request.
enum Answer {
    Accepted(Box<Description>),
    Handshake { status: u16, body: Vec<u8> },
    Rejected { code: &'static str, status: Option<u16> },
}

#[test]
fn every_must_case_gets_its_verdict() {
    let cases: Vec<Case> = cases().filter(|case| case.level == Level::Must).collect();
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|case| problem(case).map(|text| format!("{}: {text}", case.id)))
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_policy_case_that_is_answered_differently_is_listed_with_its_reason() {
    let mut unlisted = Vec::new();
    let mut used = BTreeSet::new();
    let mut matching = BTreeSet::new();
    for case in cases().filter(|case| case.level == Level::Policy) {
        let entry = DIFFERENT
            .iter()
            .position(|(suite, word, _)| case.id.starts_with(suite) && case.title.contains(word));
        matching.extend(entry);
        match (problem(&case), entry) {
            (Some(problem), None) => unlisted.push(format!("{}: {problem}", case.id)),
            (Some(problem), Some(entry)) => {
                println!("{}: {problem}, because {}", case.id, DIFFERENT[entry].2);
                used.insert(entry);
            }
            (None, _) => {}
        }
    }
    assert!(unlisted.is_empty(), "{}", unlisted.join("\n"));
    assert_eq!(used, matching, "entries of the table that differ no longer");
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

fn cases() -> impl Iterator<Item = Case> {
    SUITES.into_iter().flat_map(|suite| vectors::suite(suite).cases)
}

fn problem(case: &Case) -> Option<String> {
    judge(case, &answer(case)).err()
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
            if !type_fits(case, description) {
                return Err(format!(
                    "event type: expected {:?}, got {}",
                    expect.event_type, description.kind
                ));
            }
            same("delivery id", expect.delivery_id.as_ref(), Some(&description.id))
        }
        (Verdict::Reject, Answer::Rejected { code, status }) => {
            if !reason_fits(case, code) {
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

/// The name of the event stands alone or within the type. A generic scheme knows nothing about the body, so the names
/// of its cases cannot be met: their type is `com.<source>.event`.
fn type_fits(case: &Case, description: &Description) -> bool {
    let Some(expected) = &case.expect.event_type else { return true };
    let is_generic = !case.config.is_null();
    let in_kind = || format!(".{}.", description.kind).contains(&format!(".{expected}."));
    is_generic || description.event.as_ref() == Some(expected) || in_kind()
}

fn response_fits(expected: &Value, body: &[u8]) -> Result<(), String> {
    let json = expected
        .get("json")
        .is_none_or(|json| serde_json::from_slice(body).ok().as_ref() == Some(json));
    let text =
        expected.get("text").and_then(Value::as_str).is_none_or(|text| body == text.as_bytes());
    if json && text { Ok(()) } else { Err(format!("the answer is not {expected}")) }
}

/// The reasons of the vectors are a suggestion and may be merged. But a case about one kind of defect proves nothing if
/// it is refused for another kind.
fn reason_fits(case: &Case, code: &str) -> bool {
    let (Some(expected), Some(got)) = (family(&case.expect.reason), family(code)) else {
        return true;
    };
    // Its id is signed: one that is wrong or missing is a defect of the signature too.
    expected == got
        || case.provider == "standard_webhooks"
            && [expected, got].iter().all(|one| ["proof", "id"].contains(one))
}

fn family(reason: &str) -> Option<&'static str> {
    match reason {
        "signature_mismatch"
        | "malformed_signature"
        | "missing_signature"
        | "no_supported_scheme"
        | "too_many_signatures"
        | "duplicate_header"
        | "timestamp_missing"
        | "timestamp_invalid"
        | "timestamp_too_old"
        | "timestamp_in_future"
        | "missing_token"
        | "token_mismatch" => Some("proof"),
        "missing_id" | "malformed_id" | "missing_event" | "malformed_event" => Some("id"),
        "malformed_body" => Some("body"),
        "empty_secret" | "no_secret" | "malformed_secret" | "private_key" => Some("secret"),
        _ => None,
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

fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).expect("the case's clock shows a time")
}
