use std::collections::HashMap;

use time::macros::datetime;

use super::*;
use crate::delivery::DeadLetterReason;

fn origin() -> Origin {
    Origin { stream: "EVENTS".to_owned(), sequence: 7, subject: "fleet.repo.push".to_owned() }
}

fn read<T>(
    headers: Vec<(&'static str, String)>,
    reader: impl Fn(&dyn Fn(&str) -> Option<&'static str>) -> T,
) -> T {
    let map: HashMap<_, &'static str> = headers
        .into_iter()
        .map(|(name, value)| (name, &*Box::leak(value.into_boxed_str())))
        .collect();
    reader(&|name| map.get(name).copied())
}

#[test]
fn a_retry_comes_back_as_it_was_stored() {
    let made = Attempts::default()
        .and_one(datetime!(2026-01-01 00:00:00.5 UTC))
        .and_one(datetime!(2026-01-01 00:01 UTC));
    let retry = Retry {
        route: "hooks".to_owned(),
        origin: origin(),
        attempts: made,
        not_before: Some(datetime!(2026-01-01 00:05 UTC)),
    };
    assert_eq!(retry.attempts.made, 2);
    assert_eq!(retry.attempts.first, Some(datetime!(2026-01-01 00:00:00.5 UTC)));
    assert_eq!(read(retry.headers(), |find| Retry::read(find)), Ok(retry));
}

#[test]
fn a_dead_letter_comes_back_with_its_reason_on_one_line() {
    let mut letter = DeadLetter {
        route: "hooks".to_owned(),
        origin: origin(),
        attempts: Attempts::default(),
        reason: DeadLetterReason::Refused,
        status: Some(404),
        detail: format!("no\r\nNats-Msg-Id: x {}", "\u{20ac}".repeat(1000)),
        recorded: datetime!(2026-01-01 00:00 UTC),
    };
    let stored = read(letter.headers(), |find| DeadLetter::read(find)).unwrap();
    assert!(stored.detail.starts_with("no  Nats-Msg-Id: x") && stored.detail.len() <= 1024);
    letter.detail.clone_from(&stored.detail);
    assert_eq!(stored, letter);
}

#[test]
fn a_record_of_a_newer_version_is_refused_by_its_number() {
    let headers = vec![(header::FORMAT, "2".to_owned())];
    assert_eq!(read(headers, |find| Retry::read(find)), Err(InvalidRecord::Format(2)));
}

#[test]
fn every_delivery_has_its_own_deduplication_id() {
    let id = |stream: &str, incarnation, sequence| {
        let (stream, consumer) = (stream.to_owned(), "hooks".to_owned());
        Delivery { stream, consumer, incarnation, sequence }.dedup_id()
    };
    assert_eq!(id("EVENTS", 5, 7), "EVENTS:hooks:5:7");
    let ids = [id("EVENTS", 5, 7), id("EVENTS", 6, 7), id("EVENTS", 5, 8), id("RETRIES", 5, 7)];
    for (index, id) in ids.iter().enumerate() {
        assert!(!ids[..index].contains(id), "{id}");
    }
}

#[test]
fn headers_of_the_server_and_of_a_record_are_not_stored_again() {
    for (name, volatile) in [
        ("Nats-Msg-Id", true),
        ("nats-scheduler", true),
        ("Event-Bus-Attempts", true),
        ("ce-id", false),
        ("Content-Type", false),
        ("N\u{e4}ts-", false),
    ] {
        assert_eq!(is_volatile_header(name), volatile, "{name}");
    }
}

#[test]
fn names_of_routes_fit_into_subjects() {
    for (name, valid) in [
        ("a", true),
        ("0-a", true),
        ("-a", false),
        ("A", false),
        ("a.b", false),
        ("a_b", false),
        ("", false),
    ] {
        assert_eq!(is_name(name), valid, "{name}");
    }
    assert!(is_name(&"a".repeat(63)) && !is_name(&"a".repeat(64)));
}
