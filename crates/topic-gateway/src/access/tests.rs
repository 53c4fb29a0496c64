use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const DOCUMENT: &str = r#"{
    "list": ["TestUser", "Straße", "ΣΊΣΥΦΟΣ"],
    "map": {
        "Free": {},
        "Bound": {"source_app": ["restricted-app"], "environment": ["dev", "uat|test"]},
        "Impossible": {"tenant_id": []},
        "Costly": {"text": ["(a|aa)+$(?!x)b", "fine"]}
    },
    "nobody": []
}"#;

fn access() -> Access {
    Access::parse(DOCUMENT.as_bytes()).unwrap()
}

fn nothing(_: &str) -> FieldValue<'static> {
    FieldValue::Absent
}

fn fields(pairs: &[(&str, &str)]) -> impl Fn(&str) -> FieldValue<'static> + use<> {
    let pairs: BTreeMap<String, String> =
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    move |name| {
        pairs
            .get(name)
            .map_or(FieldValue::Absent, |text| FieldValue::Text(Cow::Owned(text.clone())))
    }
}

fn answer(result: Result<(), Denied>) -> Option<(&'static str, String)> {
    result.err().map(|denied| (denied.error_type(), denied.to_string()))
}

#[test]
fn subjects_are_compared_without_case_and_nothing_is_trimmed() {
    let access = access();
    for subject in
        ["TestUser", "testuser", "TESTUSER", "STRASSE", "straße", "strasse", "σίσυφος", "ΣΊΣΥΦΟς"]
    {
        assert_eq!(answer(access.decide(Some(subject), "list", &nothing)), None, "{subject}");
    }
    for subject in ["TestUser ", " TestUser", "TestUser\n", "", "Test", "None", "Free"] {
        let expected = format!("User '{subject}' is not authorized for topic 'list'");
        let found = answer(access.decide(Some(subject), "list", &nothing));
        assert_eq!(found, Some(("auth", expected)), "{subject}");
    }
}

#[test]
fn a_token_without_a_subject_is_nobody() {
    let access = Access::parse(br#"{"t": ["None", ""]}"#).unwrap();
    let denied = access.decide(None, "t", &nothing).unwrap_err();
    assert_eq!(denied.message(), "User 'None' is not authorized for topic 't'");
    assert_eq!(denied.reason(), Reason::UnlistedSubject);
}

#[test]
fn what_is_not_listed_is_denied() {
    let access = access();
    let denied = access.decide(Some("Free"), "LIST", &nothing).unwrap_err();
    assert_eq!(denied.reason(), Reason::UnlistedTopic);
    assert_eq!(denied.message(), "User 'Free' is not authorized for topic 'LIST'");
    assert!(access.decide(Some("Free"), "nobody", &nothing).is_err());
    assert!(!access.is_empty());
    assert!(Access::parse(b"{}").unwrap().is_empty());
    assert_eq!(access.topics().collect::<Vec<_>>(), ["list", "map", "nobody"]);
}

#[test]
fn the_first_version_compares_exactly_and_says_less() {
    let access = access().with_profile(Profile::Seed);
    assert_eq!(answer(access.decide(Some("TestUser"), "list", &nothing)), None);
    for (subject, topic) in [("testuser", "list"), ("STRASSE", "list"), ("TestUser", "none")] {
        let found = answer(access.decide(Some(subject), topic, &nothing));
        assert_eq!(found, Some(("auth", "User not authorized for topic".to_owned())));
    }
    assert!(
        access.decide(Some("Bound"), "map", &nothing).is_err(),
        "constraints are no decoration"
    );
}

#[test]
fn all_fields_must_match_each_by_any_of_its_patterns() {
    let access = access();
    let app = ("source_app", "restricted-app");
    let forbidden = |field| {
        Some(("permission", format!("Field '{field}' value not permitted for user 'Bound'")))
    };
    let missing =
        |field| Some(("permission", format!("Required field '{field}' missing from message")));
    for (pairs, expected) in [
        (&[app, ("environment", "dev")][..], None),
        (&[app, ("environment", "test")], None),
        (&[app, ("environment", "dev\n")], forbidden("environment")),
        (&[app, ("environment", "DEV")], forbidden("environment")),
        (&[app, ("environment", "")], forbidden("environment")),
        (&[("source_app", "xrestricted-app"), ("environment", "prod")], forbidden("source_app")),
        (&[app], missing("environment")),
        (&[("environment", "prod")], missing("source_app")),
    ] {
        let found = answer(access.decide(Some("BOUND"), "map", &fields(pairs)));
        assert_eq!(found, expected, "{pairs:?}");
    }
    let null = |_: &str| FieldValue::Null;
    assert_eq!(answer(access.decide(Some("bound"), "map", &null)), missing("source_app"));
    let found = access.decide(Some("Impossible"), "map", &fields(&[("tenant_id", "x")]));
    assert_eq!(found.unwrap_err().reason(), Reason::ForbiddenValue);
}

#[test]
fn a_message_that_is_no_object_passes_only_from_whoever_is_bound_in_nothing() {
    let (access, scalar) = (access(), |_: &str| FieldValue::NoObject);
    assert_eq!(answer(access.decide(Some("Free"), "map", &scalar)), None);
    let denied = access.decide(Some("Bound"), "map", &scalar).unwrap_err();
    assert_eq!((denied.error_type(), denied.reason()), ("permission", Reason::NoObject));
}

#[test]
fn a_value_that_takes_too_long_to_match_is_denied_unless_another_pattern_matches() {
    let access = access();
    let long = "a".repeat(8000);
    let denied = access.decide(Some("Costly"), "map", &fields(&[("text", &long)])).unwrap_err();
    assert_eq!(denied.reason(), Reason::Undecided);
    assert_eq!(
        answer(Err(denied)),
        Some((
            "permission",
            "Field 'text' value is too long or takes too long to be matched for user 'Costly'"
                .to_owned()
        ))
    );
    assert_eq!(answer(access.decide(Some("Costly"), "map", &fields(&[("text", "fine")]))), None);
}

#[test]
fn a_document_that_cannot_be_meant_is_refused_in_the_words_of_the_contract() {
    for (document, expected) in [
        (r#"{"t": "u"}"#, "Topic 't': expected list or dict, got str."),
        (r#"{"t": null}"#, "Topic 't': expected list or dict, got NoneType."),
        (r#"{"t": 1}"#, "Topic 't': expected list or dict, got int."),
        (r#"{"t": 1.5}"#, "Topic 't': expected list or dict, got float."),
        (r#"{"t": true}"#, "Topic 't': expected list or dict, got bool."),
        (r#"{"t": [1]}"#, "Topic 't': users must be strings, got int."),
        (r#"{"t": {"u": []}}"#, "Topic 't', user 'u': constraints must be a dict, got list."),
        (
            r#"{"t": {"u": {"f": "p"}}}"#,
            "Topic 't', user 'u', field 'f': patterns must be a list, got str.",
        ),
        (
            r#"{"t": {"u": {"f": [{}]}}}"#,
            "Topic 't', user 'u', field 'f': patterns must be strings, got dict.",
        ),
        (
            r#"{"t": {"u": {"f": ["a", "["]}}}"#,
            "Topic 't', user 'u', field 'f': invalid regex pattern '[': unterminated character set at position 0.",
        ),
        (
            r#"{"t": {"u": {"f": ["["]}, "v": 1}}"#,
            "Topic 't', user 'v': constraints must be a dict, got int.",
        ),
        (r#"["t"]"#, "the access document: expected dict, got list."),
        ("{\"t\": [],}", "the access document is not JSON"),
        ("", "the access document is not JSON"),
    ] {
        assert_eq!(
            Access::parse(document.as_bytes()).unwrap_err().to_string(),
            expected,
            "{document}"
        );
    }
}

#[test]
fn of_members_with_one_name_the_last_counts() {
    let access =
        Access::parse(br#"{"t": ["a"], "s": [], "t": {"b": {"f": ["x"], "f": ["y"]}}}"#).unwrap();
    assert_eq!(
        access.warnings(),
        [
            "topic 't' stands there more than once: the last one counts",
            "topic 't': user 'b', field 'f' stands there more than once: the last one counts",
        ]
    );
    assert_eq!(access.topics().collect::<Vec<_>>(), ["t", "s"]);
    assert!(access.decide(Some("a"), "t", &nothing).is_err());
    assert!(access.decide(Some("b"), "t", &fields(&[("f", "y")])).is_ok());
    assert!(access.decide(Some("b"), "t", &fields(&[("f", "x")])).is_err());
}

#[test]
fn what_has_no_effect_is_said() {
    let access = Access::parse(br#"{"T": [], "t": {"Bob": {"f": ["x"]}, "BOB": {}}}"#).unwrap();
    assert_eq!(
        access.warnings(),
        [
            "topic 'T' is never used: names of topics are lower case",
            "topic 't': user 'BOB' is never used, since 'Bob' stands before",
        ]
    );
    assert!(access.decide(Some("BOB"), "t", &nothing).is_err(), "the first of them decides");
    let access = Access::parse(br#"{"t": {"Bob": {}, "BOB": {}, "Bob": {}}}"#).unwrap();
    assert_eq!(
        access.with_profile(Profile::Seed).warnings(),
        ["topic 't': user 'Bob' stands there more than once: the last one counts"]
    );
    assert!(self::access().warnings().is_empty());
}

#[test]
fn a_decision_is_explained_in_order() {
    let access = access();
    let body = fields(&[("source_app", "restricted-app"), ("environment", "prod")]);
    assert_eq!(
        access.explain(Some("bound"), "map", &body),
        [
            "topic 'map' lists 4 users",
            "subject 'bound' is listed as 'Bound', bound in 2 fields",
            "field 'source_app' is \"restricted-app\", which the pattern 'restricted-app' matches",
            "field 'environment' is \"prod\", which does not match any of the patterns 'dev', 'uat|test' as a whole",
            "denied (permission): Field 'environment' value not permitted for user 'Bound'",
        ]
    );
    assert_eq!(
        access.explain(Some("TestUser "), "list", &nothing),
        [
            "topic 'list' lists 3 users",
            "subject 'TestUser ' is not among them",
            "'TestUser' is, but white space around a name counts",
            "denied (auth): User 'TestUser ' is not authorized for topic 'list'",
        ]
    );
    assert_eq!(
        access.explain(Some("Free"), "map", &nothing),
        ["topic 'map' lists 4 users", "subject 'Free' is listed, bound in no field", "allowed"]
    );
    assert_eq!(
        access.explain(None, "none", &nothing)[0],
        "topic 'none' is not in the access document, so nobody may publish to it"
    );
}

#[test]
fn the_access_document_of_the_acceptance_kit() {
    let path =
        testkit::report::workspace_root().join("../shared/kits/eventgate/data/access.kit.json");
    let Ok(document) = std::fs::read(&path) else {
        testkit::report::loudly_once(
            "../shared/kits/eventgate NOT FOUND, its access document is not tested",
        );
        return;
    };
    let access = Access::parse(&document).unwrap();
    assert!(access.warnings().is_empty());
    let runs = "public.cps.za.runs";
    for (tenant, environment, allowed) in [
        ("tenant-prod-eu", "prod", true),
        ("t42", "uat", true),
        ("t4", "prod", false),
        ("xt42", "prod", false),
        ("t42", "prod2", false),
        ("tenant-prod-", "prod", true),
        ("t42", "dev", false),
    ] {
        let body = fields(&[("tenant_id", tenant), ("environment", environment)]);
        let found = access.decide(Some("PatternUser"), runs, &body);
        assert_eq!(found.is_ok(), allowed, "{tenant} {environment}");
    }
    for (timestamp, allowed) in [("1747646400000", true), ("1847646400000", false)] {
        let body = fields(&[("timestamp_start", timestamp)]);
        assert_eq!(access.decide(Some("NumericPatternUser"), runs, &body).is_ok(), allowed);
    }
    assert!(access.decide(Some("STRASSE"), "public.cps.za.test", &nothing).is_ok());
    assert!(access.decide(Some("FooBarUser"), "public.cps.za.status_change", &nothing).is_err());
}

proptest! {
    #[test]
    fn no_document_panics_and_an_explanation_ends_with_the_decision(
        topic in "[ab]", user in "[abAB]{1,2}", field in "[fg]", pattern in "[ab|.*+?()\\[\\]]{0,5}",
        subject in proptest::option::of("[abAB]{0,2}"), value in "[ab]{0,4}",
    ) {
        let document = serde_json::json!({topic: {user: {field: [pattern]}}}).to_string();
        if let Ok(access) = Access::parse(document.as_bytes()) {
            let body = fields(&[("f", &value)]);
            let allowed = access.decide(subject.as_deref(), "a", &body).is_ok();
            let said = access.explain(subject.as_deref(), "a", &body);
            prop_assert_eq!(said.last().unwrap() == "allowed", allowed);
        }
    }

    #[test]
    fn bytes_that_are_no_document_are_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        Access::parse(&bytes).ok();
    }
}
