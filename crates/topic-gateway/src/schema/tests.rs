use std::path::{Path, PathBuf};
use std::time::Instant;

use super::*;

fn schema(text: &str) -> Schema {
    Schema::parse(text.as_bytes(), &Options::default())
        .unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

fn read(text: &str) -> Value {
    parse(text.as_bytes(), Limits::default()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The sentence about a value, `fits` if there is none.
fn said(schema: &Schema, value: &str) -> String {
    schema.check(&read(value)).map_or_else(|violation| violation.message, |()| "fits".to_owned())
}

#[test]
fn verdicts_and_sentences_are_those_of_python() {
    let table = read(include_str!("../../tests/python/verdicts.json"));
    let (mut count, mut filtered) = (0, 0);
    let mut differing = Vec::new();
    for case in table.as_array().unwrap() {
        let [document, verdicts] = case.as_array().unwrap() else { panic!("not a case: {case:?}") };
        let schema = Schema::new(document.clone(), &Options::default()).unwrap();
        filtered += usize::from(schema.filter.is_some());
        for verdict in verdicts.as_array().unwrap() {
            let [value, said @ ..] = verdict.as_array().unwrap() else { panic!("no verdict") };
            let expected = said.first().map(|message| Violation {
                message: message.str().into_owned(),
                path: said[1].str().into_owned(),
            });
            count += 1;
            // With and without the filter.
            let checked = [schema.check(value).err(), judge::best_match(&schema, value)];
            if checked != [expected.clone(), expected.clone()] {
                let (schema, value) = (document.to_python_json(), value.to_python_json());
                differing.push(format!("{schema}\n  {value}\n  {expected:?}\n  {checked:?}"));
            }
        }
    }
    assert!(count > 5000 && filtered > 100, "{count} verdicts, {filtered} schemas with a filter");
    let (shown, of) = (differing.iter().take(20).cloned().collect::<Vec<_>>(), differing.len());
    assert!(differing.is_empty(), "{of} of {count} differ\n{}", shown.join("\n"));
}

/// The data that the reference's acceptance kit has, if it is there.
fn kit() -> Option<PathBuf> {
    let kit = testkit::report::workspace_root().join("../shared/kits/eventgate/data");
    if kit.is_dir() {
        return Some(kit);
    }
    testkit::report::loudly_once("the recorded bodies of ../shared/kits/eventgate are NOT FOUND");
    None
}

fn kit_schemas(kit: &Path) -> Registry {
    let topic = |path: &Path| topic_of_file("public.cps.za.", path);
    Registry::from_folder(&kit.join("topic_schemas"), topic, &Options::default()).unwrap()
}

#[test]
fn recorded_bodies_get_the_recorded_answers() {
    let Some(kit) = kit() else { return };
    let registry = kit_schemas(&kit);
    assert_eq!(registry.len(), 4);
    assert!(registry.iter().all(|(_, schema)| schema.filter.is_some()));
    let recorded = std::fs::read_to_string(kit.join("vectors/validation.json")).unwrap();
    let recorded = read(&recorded);
    let cases = recorded.get("cases").and_then(Value::as_array).unwrap();
    assert!(cases.len() > 300, "{} cases", cases.len());
    for case in cases {
        let text = |name: &str| case.get(name).unwrap().str();
        let checked = registry.get(&text("topic")).unwrap().check(case.get("body").unwrap());
        let message = checked.err().map(|violation| Value::String(violation.message));
        let context = (text("topic"), text("case"));
        assert_eq!(
            &message.clone().unwrap_or_default(),
            case.get("message").unwrap(),
            "{context:?}"
        );
        assert_eq!(case.get("valid"), Some(&Value::Bool(message.is_none())), "{context:?}");
    }
}

#[test]
fn an_event_is_read_and_checked_in_microseconds() {
    let Some(kit) = kit() else { return };
    let registry = kit_schemas(&kit);
    let runs = registry.get("public.cps.za.runs").unwrap();
    let event = br#"{"event_id": "e-1", "job_ref": "j-1", "tenant_id": "abcd", "source_app": "app",
        "source_app_version": "1.0.0", "environment": "dev", "timestamp_start": 1747646400000,
        "timestamp_end": 1747646460000, "jobs": [{"country": "za", "catalog_id": "db.t", "status": "succeeded",
        "timestamp_start": 1747646400000, "timestamp_end": 1747646460000, "message": null,
        "additional_info": {"k": 1}}]}"#;
    let rounds = 2000;
    let started = Instant::now();
    for _ in 0..rounds {
        let value = parse(event, Limits::default()).unwrap();
        runs.check(&value).unwrap();
    }
    let each = started.elapsed() / rounds;
    // About 3 microseconds with optimizations; the limit is for a build without them on a busy machine.
    assert!(each.as_micros() < 500, "{each:?}");
    if std::env::args().any(|argument| argument == "--nocapture") {
        println!("parse and check: {each:?}");
    }
}

#[test]
fn schemas_that_cannot_be_used_are_refused() {
    let hosts = Options { reference_hosts: vec!["schemas.example".to_owned()] };
    for (text, expected) in [
        ("{", "not JSON"),
        (r#"{"type": "strong"}"#, "not a valid schema at \"/type\""),
        (
            r#"{"properties": {"a": {"minLength": -1}}}"#,
            "not a valid schema at \"/properties/a/minLength\"",
        ),
        (
            r#"{"$schema": "http://json-schema.org/draft-03/schema#"}"#,
            "$schema \"http://json-schema.org/draft-03/schema#\" is not a known draft; known are 4, 6, 7, 2019-09 and 2020-12",
        ),
        (r#"{"pattern": "("}"#, "pattern \"(\" cannot be used"),
        (
            r##"{"$ref": "#/$defs/a"}"##,
            "reference \"#/$defs/a\" leads to a place that is not there",
        ),
        (r##"{"$ref": "#a"}"##, "reference \"#a\" leads to a place that is not there"),
        (
            r#"{"items": {"$ref": "https://other.example/a.json#/b"}}"#,
            "reference \"https://other.example/a.json#/b\" leads to another document, and nothing is fetched",
        ),
        (
            r#"{"$ref": "a.json"}"#,
            "reference \"a.json\" leads to another document, and nothing is fetched",
        ),
        (
            r#"{"$ref": "file:///etc/passwd"}"#,
            "reference \"file:///etc/passwd\" leads to another document, and nothing is fetched",
        ),
        (
            r#"{"$id": "https://schemas.example/a.json", "$ref": "b.json"}"#,
            "reference \"b.json\" leads to the allowed host \"schemas.example\", but fetching is not built",
        ),
    ] {
        let error = Schema::parse(text.as_bytes(), &hosts).unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
    }
}

#[test]
fn a_folder_of_schemas_becomes_a_registry() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("topic_b.json", r#"{"type": "object"}"#);
    write("topic_a.json", r#"{"$schema": "http://json-schema.org/draft-07/schema#"}"#);
    write("config.json", "no schema");
    let topic = |path: &Path| topic_of_file("t.", path);
    let registry = Registry::from_folder(folder.path(), topic, &Options::default()).unwrap();
    let topics: Vec<&str> = registry.iter().map(|(topic, _)| topic).collect();
    assert_eq!(topics, ["t.a", "t.b"]);
    assert_eq!(registry.get("t.a").unwrap().dialect(), Dialect::Draft7);
    assert_eq!(said(registry.get("t.b").unwrap(), "[1]"), "[1] is not of type 'object'");
    assert!(registry.get("t.c").is_none() && !registry.is_empty());

    write("topic_c.json", r#"{"$ref": "https://x.example/"}"#);
    let error = Registry::from_folder(folder.path(), topic, &Options::default()).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(error.to_string().contains("topic_c.json"), "{error}");
    assert!(source.contains("https://x.example/"), "{source}");

    let twice = Registry::new([("t", "{}"), ("t", "{}")], &Options::default()).unwrap_err();
    assert_eq!(twice.to_string(), "topic \"t\" has two schemas");
    let gone = Registry::from_folder(&folder.path().join("no"), topic, &Options::default());
    assert!(gone.unwrap_err().to_string().starts_with("cannot read "));
}

#[test]
fn values_may_be_as_deep_as_they_are_read() {
    let tree = schema(r##"{"type": "object", "properties": {"a": {"allOf": [{"$ref": "#"}]}}}"##);
    let deep = format!("{}1{}", "{\"a\":".repeat(127), "}".repeat(127));
    assert_eq!(said(&tree, &deep), "1 is not of type 'object'");
}

#[test]
fn a_reference_may_lead_below_an_unknown_keyword() {
    let nested = format!("{}1{}", "{\"x\":".repeat(100), "}".repeat(100));
    let schema = schema(&format!(
        r##"{{"$ref": "#/x-own/properties/a", "x-deep": {nested},
            "x-own": {{"properties": {{"a": {{"pattern": "^a", "multipleOf": 2}}}}}}}}"##
    ));
    assert_eq!(said(&schema, "\"ab\""), "fits");
    assert_eq!(said(&schema, "\"b\""), "'b' does not match '^a'");
    assert_eq!(said(&schema, "3"), "3 is not a multiple of 2");
}

#[test]
fn a_slow_expression_is_given_up() {
    let slow = schema(r#"{"pattern": "^(a+)+(?!b)$"}"#);
    let text = format!("\"{}!\"", "a".repeat(60));
    let started = Instant::now();
    assert!(said(&slow, &text).contains("does not match"));
    assert!(started.elapsed().as_secs() < 20);
}

#[test]
fn expressions_are_rewritten_only_where_python_differs() {
    for (python, ours) in [
        (r"^[0-9a-f]{8}$", r"^[0-9a-f]{8}(?:\n?\z)"),
        (r"\w+\.\d\Z", r"[\p{L}\p{N}_]+\x{2e}\d\z"),
        (r"[\w\s&[]{,3}", r"[\p{L}\p{N}_\s\x1c-\x1f\x{26}\x{5b}]{0,3}"),
        ("a{b", r"a\x{7b}b"),
    ] {
        assert_eq!(pattern::translate(python), ours);
    }
}
