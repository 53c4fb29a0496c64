use std::path::{Path, PathBuf};

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

fn kit_schemas(kit: &Path) -> HashMap<String, Schema> {
    let files = std::fs::read_dir(kit.join("topic_schemas")).unwrap();
    let schema = |path: PathBuf| {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let text = std::fs::read(&path).unwrap();
        (format!("public.cps.za.{stem}"), Schema::parse(&text, &Options::default()).unwrap())
    };
    files.map(|file| schema(file.unwrap().path())).collect()
}

#[test]
fn recorded_bodies_get_the_recorded_answers() {
    let Some(kit) = kit() else { return };
    let registry = kit_schemas(&kit);
    assert_eq!(registry.len(), 4);
    assert!(registry.values().all(|schema| schema.filter.is_some()));
    let recorded = std::fs::read_to_string(kit.join("vectors/validation.json")).unwrap();
    let recorded = read(&recorded);
    let cases = recorded.get("cases").and_then(Value::as_array).unwrap();
    assert!(cases.len() > 300, "{} cases", cases.len());
    for case in cases {
        let text = |name: &str| case.get(name).unwrap().str();
        let checked = registry.get(&*text("topic")).unwrap().check(case.get("body").unwrap());
        let message = checked.err().map(|violation| Value::String(violation.message.into()));
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
fn schemas_that_cannot_be_used_are_refused() {
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
            "reference \"https://other.example/a.json#/b\" leads to another document, on a host from which none may be fetched",
        ),
        (
            r#"{"$ref": "a.json"}"#,
            "reference \"a.json\" leads to another document, on a host from which none may be fetched",
        ),
        (
            r#"{"$ref": "file:///etc/passwd"}"#,
            "reference \"file:///etc/passwd\" leads to another document, on a host from which none may be fetched",
        ),
    ] {
        let error = Schema::parse(text.as_bytes(), &Options::default()).unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
    }
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
fn branches_within_branches_are_given_up_and_long_messages_are_not() {
    let branch = |name: &str| {
        format!(
            r##"{{"type": "object", "properties": {{"a": {{"$ref": "#/$defs/n"}}}}, "required": ["{name}"]}}"##
        )
    };
    let any = format!(r#"{{"anyOf": [{}, {}, {}]}}"#, branch("x"), branch("y"), branch("z"));
    let text = format!(r##"{{"$defs": {{"n": {any}}}, "$ref": "#/$defs/n"}}"##);
    let deep = |depth| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    let tree = schema(&text);
    assert!(!said(&tree, &deep(3)).contains("too long"));
    for depth in [20, 60] {
        let expected = "judging it by all branches of the schema would take too long";
        assert_eq!(said(&tree, &deep(depth)), expected, "{depth}");
    }
    // Here only the innermost value decides.
    let twice = r##"{"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#"}}}"##;
    for keyword in ["anyOf", "oneOf"] {
        let tree = schema(&format!(r#"{{"{keyword}": [{twice}, {twice}]}}"#));
        assert!(said(&tree, &deep(60)).contains("too long"), "{keyword}");
    }
    // What fits is let pass soon, however often it could be asked.
    let both =
        schema(&format!(r#"{{"allOf": [{0}, {0}]}}"#, twice.replace(r#""required": ["a"], "#, "")));
    assert_eq!(said(&both, &deep(60).replace('1', "{}")), "fits");
    let items = schema(r#"{"items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}}"#);
    let long = format!("[{}1]", "1,".repeat(500_000));
    assert_eq!(items.check(&read(&long)), Ok(()));
}

#[test]
fn what_an_expression_takes_too_long_for_is_refused() {
    let slow = r"^(?=(a|aa)+$)";
    let text = format!("{}!", "a".repeat(60));
    let long = "a".repeat(10_000);
    for (written, value, length) in [
        (r#"{"pattern": "SLOW"}"#, r#""TEXT""#, 61),
        (r#"{"not": {"pattern": "SLOW"}}"#, r#""TEXT""#, 61),
        (r#"{"patternProperties": {"SLOW": false}}"#, r#"{"TEXT": 1}"#, 61),
        (
            r#"{"additionalProperties": {"type": "string"}, "patternProperties": {"SLOW": true}}"#,
            r#"{"TEXT": ""}"#,
            61,
        ),
        (
            r#"{"patternProperties": {"SLOW": true}, "unevaluatedProperties": {"type": "null"}}"#,
            r#"{"TEXT": null}"#,
            61,
        ),
        (r#"{"propertyNames": {"not": {"pattern": "SLOW"}}}"#, r#"{"TEXT": 1}"#, 61),
        (r#"{"items": {"if": {"pattern": "SLOW"}, "then": false}}"#, r#"["TEXT", "TEXT"]"#, 61),
        (r#"{"not": {"pattern": "SLOW"}}"#, r#""LONG""#, 10_000),
        (
            r##"{"$ref": "#/examples/0", "examples": [{"not": {"pattern": "SLOW"}}]}"##,
            r#""TEXT""#,
            61,
        ),
    ] {
        let value = value.replace("TEXT", &text).replace("LONG", &long);
        let expected =
            format!("matching a text of {length} characters with '{slow}' would take too long");
        assert_eq!(said(&schema(&written.replace("SLOW", slow)), &value), expected, "{written}");
    }
}

#[test]
fn an_expression_without_a_way_back_reads_a_text_of_any_length() {
    let plain = schema(r#"{"pattern": "^(a|aa)+$"}"#);
    let long = "a".repeat(1_000_000);
    assert_eq!(said(&plain, &format!("\"{long}\"")), "fits");
    assert!(said(&plain, &format!("\"{long}!\"")).contains("does not match"));
}

#[test]
fn of_very_many_reasons_the_same_one_is_said() {
    let either = schema(
        r#"{"anyOf": [{"type": "array", "items": {"type": "object"}}, {"type": "null"}, {"items": {"type": ["object"]}}]}"#,
    );
    let first = schema(r#"{"anyOf": [{"items": {"type": "object"}}, {"type": "null"}]}"#);
    for count in [2, 200_000] {
        let many = read(&format!("[{}1]", "1,".repeat(count - 1)));
        let said = |schema: &Schema| schema.check(&many).unwrap_err();
        // Two branches say the same of the first item.
        assert_eq!(said(&either).path, "");
        let expected =
            Violation { message: "1 is not of type 'object'".to_owned(), path: "/0".to_owned() };
        assert_eq!(said(&first), expected);
    }
}

#[test]
fn expressions_are_those_of_python() {
    for (expression, fitting, others) in [
        ("^[+--]$", ["+", ",", "-"].as_slice(), ["*", "."].as_slice()),
        ("^a$b", &[], &["a\\nb", "a"]),
        (r"^\\p{Lu}[^\\P{L}a]$", &["Äb"], &["äb", "Äa", "Ä1"]),
    ] {
        let written = format!(r#"{{"pattern": "{expression}"}}"#);
        let read = schema(&written);
        for (texts, fits) in [(fitting, true), (others, false)] {
            for text in texts {
                let said = said(&read, &format!("\"{text}\""));
                assert_eq!(said == "fits", fits, "{expression} {text}: {said}");
            }
        }
    }
}

#[test]
fn a_schema_is_bundled_with_what_it_refers_to() {
    let written = r#"{"$id": "https://a.example/main.json", "properties": {"who": {"$ref": "https://b.example/who.json#/$defs/name"},
        "where": {"$ref": "https://b.example/where.json"}}}"#;
    let document = parse(written.as_bytes(), Limits::default()).unwrap();
    let wanted = |known: &Remotes| -> Vec<String> {
        references_elsewhere(&document, known).into_iter().map(String::from).collect()
    };
    let mut remotes = Remotes::default();
    assert_eq!(wanted(&remotes), ["https://b.example/where.json", "https://b.example/who.json"]);
    let mut add = |uri: &str, text: &str| {
        remotes.insert(uri.to_owned(), parse(text.as_bytes(), Limits::default()).unwrap());
    };
    add("https://b.example/who.json", r#"{"$defs": {"name": {"type": "string"}}}"#);
    add("https://b.example/where.json", r#"{"$ref": "place.json"}"#);
    assert_eq!(wanted(&remotes), ["https://b.example/place.json"]);
    remotes.insert("https://b.example/place.json".to_owned(), Value::Bool(false));
    let schema = Schema::parse(written.as_bytes(), &Options { remotes }).unwrap();
    assert_eq!(said(&schema, r#"{"who": 1}"#), "1 is not of type 'string'");
    assert_eq!(said(&schema, r#"{"where": 1}"#), "False schema does not allow 1");
    assert_eq!(said(&schema, r#"{"who": "me"}"#), "fits");
    assert_eq!(schema.document(), &document);
}

#[test]
fn what_a_schema_refers_to_is_of_its_draft_and_of_its_name() {
    let with = |text: &str| {
        let mut remotes = Remotes::default();
        let uri = "https://b.example/b.json";
        remotes.insert(uri.to_owned(), parse(text.as_bytes(), Limits::default()).unwrap());
        let schema = format!(r#"{{"$ref": "{uri}"}}"#);
        Schema::parse(schema.as_bytes(), &Options { remotes })
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    assert_eq!(with(r#"{"$schema": "https://json-schema.org/draft/2020-12/schema"}"#), Ok(()));
    assert_eq!(
        with(r#"{"$schema": "http://json-schema.org/draft-07/schema#"}"#).unwrap_err(),
        "https://b.example/b.json is of another draft than the schema that refers to it"
    );
    assert_eq!(
        with(r#"{"$id": "https://c.example/c.json"}"#).unwrap_err(),
        "https://b.example/b.json says that it is \"https://c.example/c.json\"; refer to it by that name"
    );
}
