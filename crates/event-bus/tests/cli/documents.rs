//! The examples are sound, complete, and say the truth about defaults.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::world::{LONG, event_bus};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");

/// The examples as a whole, and those of single kinds of sinks.
fn examples(below: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(format!("{EXAMPLES}/{below}")).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let mut paths: Vec<_> = paths.filter(|path| path.is_file()).collect();
    paths.sort();
    paths
}

async fn check(path: &str) -> Value {
    let output = event_bus(&["check-config", "--json", "--config", path]).output(LONG).await;
    assert_eq!(output.code(), Some(0), "{path}\n{}", output.stderr);
    serde_json::from_str(&output.stdout).unwrap()
}

#[tokio::test]
async fn every_example_can_be_used() {
    let whole = examples("");
    assert!(whole.len() >= 2);
    for path in &whole {
        let checked = check(path.to_str().unwrap()).await;
        assert!(!checked["sources"].as_array().unwrap().is_empty());
        assert!(!checked["routes"].as_array().unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_example_of_the_topics_can_be_used() {
    let checked = check(&format!("{EXAMPLES}/topics/event-bus.toml")).await;
    assert_eq!(checked["routes"].as_array().unwrap().len(), 4);
    let checked = check(&format!("{EXAMPLES}/event-bus.toml")).await;
    let topic = json!({ "name": "orders.placed", "kind": "durable", "subjects": ["fleet.topic.orders.placed"] });
    assert_eq!(checked["topics"], json!([topic]));
}

#[tokio::test]
async fn every_configuration_that_a_page_prints_can_be_used() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("event-bus.toml");
    let mut checked = 0;
    for folder in ["", "sources", "sinks", "findings", "adr"] {
        for page in fs::read_dir(format!("{EXAMPLES}/../docs/{folder}")).unwrap() {
            let path = page.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "md") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            for block in text.split("```toml\n").skip(1) {
                let block = block.split("```").next().unwrap();
                fs::write(&file, block).unwrap();
                let arguments = ["check-config", "--config", file.to_str().unwrap()];
                let output = event_bus(&arguments).output(LONG).await;
                assert_eq!(output.code(), Some(0), "{path:?}\n{block}{}", output.stderr);
                checked += 1;
            }
        }
    }
    assert!(checked >= 15, "{checked}");
}

/// Every kind of sink that the program knows.
async fn kinds_of_sinks() -> Vec<String> {
    let output = event_bus(&["config-schema"]).output(LONG).await;
    let schema: Value = serde_json::from_str(&output.stdout).unwrap();
    let variants = schema["$defs"]["SinkConfig"]["oneOf"].as_array().unwrap();
    let kinds = variants.iter().flat_map(|variant| variant["properties"].as_object().unwrap());
    let mut kinds: Vec<_> = kinds.map(|(kind, _)| kind.clone()).collect();
    kinds.sort();
    kinds
}

/// Whoever adds a sink is told the truth: the page lists every kind, and every file that it names is there.
#[tokio::test]
async fn the_page_about_adding_a_sink_fits_the_registry_and_the_tree() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let page = fs::read_to_string(format!("{root}/docs/adding-a-sink.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let mut listed: Vec<_> = rows.map(str::to_owned).collect();
    listed.sort();
    let kinds = kinds_of_sinks().await;
    assert_eq!(listed, kinds);
    let named = page.split('`').skip(1).step_by(2);
    let is_path = |text: &&str| {
        ["crates/", "docs/", "examples/", "scripts/"].iter().any(|b| text.starts_with(b))
    };
    let mut count = 0;
    for path in named.filter(is_path) {
        for kind in &kinds {
            let path = path.replace("<kind>", kind).replace("<code>", "EB0215");
            assert!(PathBuf::from(format!("{root}/{path}")).exists(), "{path} is not there");
            count += 1;
        }
    }
    assert!(count > 50, "{count}");
}

/// Each kind of sink has an example, and a guide that names every one of its settings.
#[tokio::test]
async fn every_kind_of_sink_has_an_example_and_a_guide() {
    let kinds = kinds_of_sinks().await;
    let name = |path: &PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let found: Vec<_> = examples("sinks").iter().map(name).collect();
    assert_eq!(found, kinds);
    let guides = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/sinks");
    for path in examples("sinks") {
        let checked = check(path.to_str().unwrap()).await;
        let routes = checked["routes"].as_array().unwrap();
        assert!(routes.iter().all(|route| route["kind"] == name(&path).as_str()), "{routes:?}");
        let guide = fs::read_to_string(format!("{guides}/{}.md", name(&path))).unwrap();
        assert!(guide.contains(&format!("sink.{}", name(&path))));
    }
}

/// Lines such as `# max_bytes = "50GB"` are settings that are not in use.
#[tokio::test]
async fn what_the_example_has_commented_out_could_be_used() {
    let text = fs::read_to_string(format!("{EXAMPLES}/event-bus.toml")).unwrap();
    let is_setting = |line: &str| {
        let name = line.split(' ').next().unwrap_or_default();
        let is_name = name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_');
        line.starts_with('[') || (is_name && line[name.len()..].starts_with(" = "))
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("event-bus.toml");
    // Together these would contradict each other: only one way to log in.
    let others = ["credentials", "nkey", "token"];
    let mut used = 0;
    let lines = text.lines().map(|line| match line.strip_prefix("# ") {
        Some(setting)
            if is_setting(setting) && !others.iter().any(|other| setting.starts_with(other)) =>
        {
            used += 1;
            setting
        }
        Some(_) | None => line,
    });
    let text: Vec<_> = lines.collect();
    fs::write(&path, text.join("\n")).unwrap();
    check(path.to_str().unwrap()).await;
    assert!(used > 15, "{used}");
}

/// The examples name every setting, so that nobody has to look for one elsewhere.
#[tokio::test]
async fn the_examples_name_every_setting_of_the_schema() {
    let whole = PathBuf::from(format!("{EXAMPLES}/event-bus.toml"));
    let paths = examples("sinks").into_iter().chain([whole]);
    let text: String = paths.map(|path| fs::read_to_string(path).unwrap()).collect();
    let output = event_bus(&["config-schema"]).output(LONG).await;
    let schema: Value = serde_json::from_str(&output.stdout).unwrap();
    let mut names = Vec::new();
    collect_names(&schema, &mut names);
    assert!(names.len() > 60, "{}", names.len());
    let words: Vec<_> =
        text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').collect();
    names.retain(|name| !words.contains(&name.as_str()));
    assert_eq!(names, Vec::<String>::new(), "not in the example");
}

fn collect_names(schema: &Value, names: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::Object(properties)) = members.get("properties") {
                names.extend(properties.keys().cloned());
            }
            members.values().for_each(|member| collect_names(member, names));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_names(item, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// An editor that knows the schema says about a file what the program says.
#[tokio::test]
async fn the_schema_accepts_the_examples_and_refuses_a_misspelt_key() {
    let output = event_bus(&["config-schema"]).output(LONG).await;
    let schema: Value = serde_json::from_str(&output.stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let problems = |text: &str| {
        let document = serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap();
        let problems = validator.iter_errors(&document);
        problems.map(|error| format!("{}: {error}", error.instance_path())).collect::<Vec<_>>()
    };
    for path in examples("sinks") {
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(problems(&text), Vec::<String>::new(), "{}", path.display());
    }
    for path in examples("") {
        let text = fs::read_to_string(path).unwrap();
        assert_eq!(problems(&text), Vec::<String>::new());
        for (right, wrong) in
            [("provider =", "provder ="), ("sink.webhook", "sink.webhok"), ("\"github\"", "7")]
        {
            assert_ne!(problems(&text.replace(right, wrong)), Vec::<String>::new(), "{wrong}");
        }
    }
}
