//! `event-bus schemas check`, as a gate: what passes, what does not, and what it says about it. Which changes are
//! compatible is judged by hand in the table of topic-gateway, `tests/compat/pairs.json`.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use testkit::process::Output;

use crate::world::{LONG, event_bus};

const OLD: &str =
    r#"{"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}"#;
/// Asks for more.
const STRICTER: &str = r#"{"type": "object", "required": ["id", "country"],
    "properties": {"id": {"type": "string", "maxLength": 9}}}"#;
/// Asks for less.
const LOOSER: &str = r#"{"type": "object", "properties": {"id": {"type": ["string", "null"]}}}"#;

async fn check(folder: &Path, arguments: &[&str]) -> Output {
    let all = [&["schemas", "check"], arguments].concat();
    event_bus(&all).current_dir(folder).output(LONG).await
}

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
        fs::write(folder.join(name), text).unwrap();
    }
}

#[tokio::test]
async fn each_mode_asks_for_its_direction() {
    let folder = tempfile::tempdir().unwrap();
    let files = [("old.json", OLD), ("stricter.json", STRICTER), ("looser.json", LOOSER)];
    write(folder.path(), &files);
    for (new, mode, code) in [
        ("old.json", "full", 0),
        ("stricter.json", "backward", 1),
        ("stricter.json", "forward", 0),
        ("stricter.json", "full", 1),
        ("looser.json", "backward", 0),
        ("looser.json", "forward", 1),
        ("looser.json", "full", 1),
    ] {
        let arguments = [new, "--against", "old.json", "--mode", mode];
        let output = check(folder.path(), &arguments).await;
        assert_eq!(output.code(), Some(code), "{new} {mode}\n{}", output.stdout);
        assert_eq!(output.stderr, "", "{new} {mode}");
    }
}

#[tokio::test]
async fn each_problem_is_said_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[("old.json", OLD), ("new.json", STRICTER)]);
    let output = check(folder.path(), &["new.json", "--against", "old.json"]).await;
    let mut lines: Vec<_> = output.stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "new.json: backward: (root) required: the new schema requires \"country\", the old one does not, such as {\"id\":\"a\"}",
            "new.json: backward: /properties/id maxLength: the new schema demands maxLength 9, the old one does not, such as {\"country\":\"a\",\"id\":\"aaaaaaaaaa\"}",
        ]
    );
    let output = check(folder.path(), &["new.json", "--against", "old.json", "--json"]).await;
    assert_eq!(output.code(), Some(1));
    let document: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!((&document["compatible"], &document["mode"]), (&json!(false), &json!("backward")));
    let problems = document["schemas"][0]["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 2, "{document}");
    assert!(problems.iter().any(|problem| problem["pointer"] == "/properties/id"
        && problem["keyword"] == "maxLength"
        && problem["direction"] == "backward"));
    assert!(
        problems.iter().any(|problem| problem["example"] == json!({ "id": "a" })),
        "{document}"
    );
}

#[tokio::test]
async fn folders_are_compared_by_the_names_of_their_files() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        ("old/runs.json", OLD),
        ("old/test.json", OLD),
        ("new/runs.json", LOOSER),
        ("new/test.json", OLD),
        ("new/added.json", STRICTER),
        ("new/notes.md", "no schema"),
        ("gone/runs.json", OLD),
    ];
    write(folder.path(), &files);
    let output = check(folder.path(), &["new", "--against", "old"]).await;
    assert_eq!(output.code(), Some(0), "{}", output.stderr);
    assert_eq!(
        output.stdout,
        "added.json: added\nruns.json: backward compatible\ntest.json: the same\n"
    );
    // What is removed is refused from then on; whoever reads it is not hurt.
    for (mode, code) in [("backward", 1), ("full", 1), ("forward", 0)] {
        let output = check(folder.path(), &["gone", "--against", "old", "--mode", mode]).await;
        assert_eq!(output.code(), Some(code), "{mode}\n{}", output.stdout);
        assert!(output.stdout.contains("test.json: "), "{}", output.stdout);
    }
}

#[tokio::test]
async fn what_cannot_be_compared_never_passes() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        ("good.json", OLD),
        ("broken.json", "{"),
        ("invalid.json", r#"{"type": "strin"}"#),
        ("lost.json", r##"{"$ref": "#/$defs/gone"}"##),
        ("remote.json", r#"{"$ref": "https://example.com/a.json"}"#),
        ("huge.json", r#"{"maximum": 118059162071741130342}"#),
        ("empty/notes.md", ""),
        ("some/good.json", OLD),
    ];
    write(folder.path(), &files);
    for (new, old, expected) in [
        ("broken.json", "good.json", "broken.json: not JSON"),
        ("good.json", "invalid.json", "invalid.json: not a valid schema at \"/type\""),
        ("lost.json", "good.json", "lost.json: reference"),
        ("remote.json", "good.json", "put what it refers to into $defs, with its address as $id"),
        ("huge.json", "huge.json", "beyond 64 bits"),
        ("good.json", "gone.json", "gone.json: "),
        ("some", "gone", "gone: "),
        ("some", "empty", "empty: there is no schema"),
        ("empty", "some", "empty: there is no schema"),
        ("good.json", "some", "name two files or two folders"),
    ] {
        let output = check(folder.path(), &[new, "--against", old]).await;
        assert_eq!(output.code(), Some(64), "{new} {old}\n{}", output.stdout);
        assert!(output.stderr.contains(expected), "{new} {old}\n{}", output.stderr);
        assert_eq!(output.stdout, "", "{new} {old}");
    }
    // As the message advises.
    let bundled = r#"{"$ref": "https://example.com/a.json", "$defs": {"a": {"$id": "https://example.com/a.json"}}}"#;
    write(folder.path(), &[("bundled.json", bundled)]);
    let output = check(folder.path(), &["bundled.json", "--against", "bundled.json"]).await;
    assert_eq!(output.code(), Some(0), "{}", output.stderr);
    let output = check(folder.path(), &["good.json"]).await;
    assert_eq!(output.code(), Some(64), "{}", output.stderr);
}
