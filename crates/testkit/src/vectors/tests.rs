use std::collections::HashSet;

use super::*;

const SIGNATURES: [&str; 6] =
    ["github", "slack", "stripe", "linear", "standard_webhooks", "generic"];

#[test]
fn every_suite_of_the_project_itself_has_accepted_and_refused_cases() {
    for name in SIGNATURES {
        let own: Cases<Case> = read(&own_path(name));
        let verdicts: HashSet<String> =
            own.cases.iter().map(|case| format!("{:?}", case.expect.verdict)).collect();
        assert!(verdicts.contains("Accept") && verdicts.contains("Reject"), "{name}: {verdicts:?}");
        for case in own.cases {
            assert!(!case.secrets.is_empty(), "{}", case.id);
            assert!(!case.request.headers.is_empty(), "{}", case.id);
        }
    }
    for name in ["cloudevents", "handshakes", "replay_sequences"] {
        assert!(own_path(name).is_file(), "{name}");
    }
}

#[test]
fn every_suite_is_read_whole_and_its_ids_are_unique() {
    let mut ids: Vec<String> = Vec::new();
    for name in SIGNATURES {
        ids.extend(suite(name).cases.into_iter().map(|case| case.id));
    }
    ids.extend(cloudevents().into_iter().map(|case| case.id));
    ids.extend(handshakes().into_iter().map(|case| case.id));
    ids.extend(replay_sequences().into_iter().map(|sequence| sequence.id));
    let unique: HashSet<&String> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len());
}

#[test]
fn a_suite_that_is_not_there_is_none_and_not_an_empty_success() {
    assert!(load("absent-on-purpose").is_none());
    assert!(std::panic::catch_unwind(|| suite("absent-on-purpose")).is_err());
}

#[test]
fn secrets_are_decoded_by_their_encoding() {
    let spec = |encoding: &str, value: &str| SecretSpec {
        encoding: encoding.to_owned(),
        value: value.to_owned(),
        user: "user".to_owned(),
        password: "pass:word".to_owned(),
        kind: None,
    };
    for (encoding, value, bytes) in [
        ("utf8", "a", "a"),
        ("base64", "YQ==", "a"),
        ("hex", "6162", "ab"),
        ("basic", "", "user:pass:word"),
    ] {
        assert_eq!(spec(encoding, value).bytes(), bytes.as_bytes(), "{encoding}");
    }
}

#[test]
fn expected_headers_are_exact_or_described() {
    let expect: HandshakeExpectation = serde_json::from_str(
        r#"{"headers": {"Allow": ["contains POST"], "Rate": ["*", "<positive integer>"]}}"#,
    )
    .unwrap();
    for (name, value, fits) in [
        ("Allow", "GET, POST", true),
        ("Allow", "GET", false),
        ("Rate", "120", true),
        ("Rate", "0", false),
        ("Rate", "*", true),
        ("Other", "anything", true),
    ] {
        assert_eq!(expect.header_fits(name, value), fits, "{name}: {value}");
    }
}
