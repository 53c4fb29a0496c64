//! `event-bus access explain`: the sentences, what a program reads, and the exit codes.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use testkit::NatsServer;
use testkit::process::Output;

use crate::world::{LONG, event_bus};

const ACCESS: &str = r#"{
  "orders.placed": {"Shop": {"country": ["CZ", "S[KI]"]}, "admin": {}},
  "orders.paid": ["shop"]
}"#;

/// A folder with the access document and a message.
fn folder(message: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("access.json"), ACCESS).unwrap();
    fs::write(folder.path().join("message.json"), message).unwrap();
    folder
}

async fn explain(folder: &Path, arguments: &[&str]) -> Output {
    let all = [&["access", "explain"], arguments].concat();
    event_bus(&all).current_dir(folder).output(LONG).await
}

#[tokio::test]
async fn what_is_allowed_and_what_is_denied_is_said_with_its_reason() {
    let folder = folder(r#"{"country": "SK"}"#);
    let by = ["--access", "access.json"];
    for (subject, topic, code, lines) in [
        (
            "shop",
            "Orders.Placed",
            0,
            [
                "topic 'orders.placed' lists 2 users",
                "subject 'shop' is listed as 'Shop', bound in 1 field",
                "field 'country' is \"SK\", which the pattern 'S[KI]' matches",
                "allowed",
            ]
            .as_slice(),
        ),
        (
            "admin",
            "orders.paid",
            1,
            &[
                "topic 'orders.paid' lists 1 user",
                "subject 'admin' is not among them",
                "denied (auth): User 'admin' is not authorized for topic 'orders.paid'",
            ],
        ),
    ] {
        let output =
            explain(folder.path(), &[&[subject, topic, "message.json"], &by[..]].concat()).await;
        assert_eq!(output.code(), Some(code), "{}", output.stderr);
        assert_eq!(output.stdout.lines().collect::<Vec<_>>(), lines);
        assert_eq!(output.stderr, "");
    }
}

#[tokio::test]
async fn a_program_reads_what_the_sender_would_be_told() {
    let folder = folder(r#"{"country": "DE"}"#);
    let arguments = ["shop", "orders.placed", "message.json", "--access", "access.json", "--json"];
    let output = explain(folder.path(), &arguments).await;
    assert_eq!(output.code(), Some(1), "{}", output.stderr);
    let document: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(document["allowed"], json!(false));
    assert_eq!(document["reason"], "forbidden_value");
    assert_eq!(
        document["error"],
        json!({ "type": "permission", "message": "Field 'country' value not permitted for user 'Shop'" })
    );
    assert_eq!(document["because"].as_array().unwrap().len(), 4, "{document}");
    // Case counts in the older version.
    let seed = [&arguments[..], &["--compat", "seed"]].concat();
    let output = explain(folder.path(), &seed).await;
    let document: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(document["error"]["message"], "User not authorized for topic", "{document}");
}

/// The configuration names the document, and nothing else that it names need be there.
#[tokio::test]
async fn the_configuration_names_the_document_and_the_message_may_come_by_a_pipe() {
    let folder = folder("");
    let config = "[topics]\naccess = 'access.json'\ncompat = 'seed'\n\
                  tokens = { keys_url = 'http://127.0.0.1:1/' }\n\
                  [[topics.topic]]\nname = 'orders.paid'\nschema = 'gone.json'\n";
    fs::write(folder.path().join("event-bus.toml"), config).unwrap();
    let named = ["--config", "event-bus.toml"];
    let explain = |subject, topic| {
        let arguments = [&["access", "explain", subject, topic, "-"], &named[..]].concat();
        event_bus(&arguments).current_dir(folder.path()).stdin(r#"{"country": "CZ"}"#)
    };
    let output = explain("shop", "orders.paid").output(LONG).await;
    assert_eq!((output.code(), output.stderr.as_str()), (Some(0), ""), "{}", output.stdout);
    let output = explain("SHOP", "orders.paid").output(LONG).await;
    assert_eq!(output.code(), Some(1), "{}", output.stderr);
    assert!(output.stdout.contains("case counts in the profile seed"), "{}", output.stdout);
    let output = explain("Shop", "orders.placed").output(LONG).await;
    assert_eq!(output.code(), Some(0), "{}", output.stderr);
    assert!(output.stderr.contains("no topic orders.placed"), "{}", output.stderr);
    // Another document, compared as the configuration says.
    fs::write(folder.path().join("none.json"), r#"{"orders.paid": ["Shop"]}"#).unwrap();
    let arguments = ["access", "explain", "shop", "orders.paid", "-", "--access", "none.json"];
    let command = event_bus(&[&arguments[..], &named[..]].concat());
    let output = command.current_dir(folder.path()).stdin("{}").output(LONG).await;
    assert!(output.stdout.contains("case counts in the profile seed"), "{}", output.stdout);
    // Nobody is listed, so that something is wrong with the gateway rather than with a subject.
    fs::write(folder.path().join("none.json"), "{}").unwrap();
    let command = event_bus(&arguments);
    let output = command.current_dir(folder.path()).stdin("{}").output(LONG).await;
    assert_eq!(output.code(), Some(1), "{}", output.stdout);
    assert!(output.stderr.contains("answers every message with 500"), "{}", output.stderr);
}

#[tokio::test]
async fn what_cannot_be_used_is_misuse() {
    let folder = folder("{\"country\": ");
    fs::write(folder.path().join("wrong.json"), r#"{"t": "shop"}"#).unwrap();
    fs::write(folder.path().join("none.toml"), "[bus]\n").unwrap();
    fs::write(folder.path().join("good.json"), "{}").unwrap();
    for (message, rest, expected) in [
        ("message.json", ["--access", "access.json"].as_slice(), "message.json: not JSON"),
        ("gone.json", &["--access", "access.json"], "gone.json cannot be read"),
        ("good.json", &["--access", "gone.json"], "gone.json cannot be read"),
        (
            "good.json",
            &["--access", "wrong.json"],
            "wrong.json: Topic 't': expected list or dict, got str.",
        ),
        ("good.json", &["--config", "none.toml"], "no section [topics]"),
        ("good.json", &[], "name the access document with --access"),
        ("good.json", &["--access", "access.json", "--compat", "old"], "write head or seed"),
    ] {
        let output =
            explain(folder.path(), &[&["shop", "orders.paid", message], rest].concat()).await;
        assert_eq!(output.code(), Some(64), "{message} {rest:?}\n{}", output.stderr);
        assert!(output.stderr.contains(expected), "{message} {rest:?}\n{}", output.stderr);
        assert_eq!(output.stdout, "", "{message} {rest:?}");
    }
}

/// A document in a bucket of the bus, as a gateway reads it.
#[tokio::test]
async fn the_document_may_be_on_the_bus() {
    let (nats, folder) = (NatsServer::start().await, folder(r#"{"country": "CZ"}"#));
    let bucket = async_nats::jetstream::kv::Config {
        bucket: "TOPICS".to_owned(),
        ..async_nats::jetstream::kv::Config::default()
    };
    let bucket = nats.jetstream().await.create_key_value(bucket).await.unwrap();
    bucket.put("access", ACCESS.into()).await.unwrap();
    let config = format!("[bus]\nurl = '{}'\n", nats.url());
    fs::write(folder.path().join("bus.toml"), config).unwrap();
    let arguments = ["shop", "orders.placed", "message.json", "--access", "kv://TOPICS/access"];
    let output =
        explain(folder.path(), &[&arguments[..], &["--config", "bus.toml"]].concat()).await;
    assert_eq!(output.code(), Some(0), "{}", output.stderr);
    let output = explain(folder.path(), &arguments).await;
    assert_eq!(output.code(), Some(64), "{}", output.stderr);
    assert!(output.stderr.contains("is on the bus, which --config names"), "{}", output.stderr);
    // What cannot be read allows nothing and denies nothing.
    let arguments = ["shop", "orders.placed", "message.json", "--config", "bus.toml", "--access"];
    let other = [
        (
            "kv://OTHER/access",
            "there is no key-value bucket OTHER; make it with: nats kv add OTHER",
        ),
        ("kv://TOPICS/other", "there is no such document"),
        ("s3://bucket/access.json", "S3: "),
    ];
    for (access, expected) in other {
        let command = event_bus(&[&["access", "explain"], &arguments[..], &[access]].concat());
        let command = command.current_dir(folder.path()).env("AWS_EC2_METADATA_DISABLED", "true");
        let output = command.output(LONG).await;
        assert_eq!(output.code(), Some(64), "{}", output.stderr);
        assert!(output.stderr.contains(expected), "{}", output.stderr);
    }
    fs::write(folder.path().join("bus.toml"), "bus.url = 'nats://127.0.0.1:1'").unwrap();
    let arguments = [&arguments[..], &["kv://TOPICS/access"]].concat();
    let output = explain(folder.path(), &arguments).await;
    assert_eq!(output.code(), Some(64), "{}", output.stderr);
    assert!(output.stderr.contains("cannot be reached"), "{}", output.stderr);
}

#[tokio::test]
async fn each_item_of_an_array_is_a_message_unless_the_topic_takes_arrays() {
    let folder = folder(r#"[{"country": "CZ"}, {"country": "DE"}]"#);
    let arguments = ["shop", "orders.placed", "message.json", "--access", "access.json"];
    let output = explain(folder.path(), &arguments).await;
    assert_eq!(output.code(), Some(1), "{}", output.stderr);
    let lines: Vec<_> = output.stdout.lines().collect();
    assert_eq!((lines[0], lines[4], lines[5]), ("message 0:", "  allowed", "message 1:"));
    assert!(lines[9].starts_with("  denied (permission)"), "{}", output.stdout);
    assert_eq!(lines[10], "denied: 1 of 2 messages");
    let output = explain(folder.path(), &[&arguments[..], &["--json"]].concat()).await;
    let document: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(document["allowed"], json!(false));
    assert_eq!(document["results"][0]["allowed"], json!(true));
    assert_eq!(document["results"][1]["index"], json!(1));
    assert_eq!(document["results"][1]["reason"], "forbidden_value");

    let config = "[topics]\naccess = 'access.json'\ntokens = { keys_url = 'http://127.0.0.1:1/' }\n\
                  [[topics.topic]]\nname = 'orders.placed'\nschema = 'schema.json'\n";
    fs::write(folder.path().join("event-bus.toml"), config).unwrap();
    for (schema, first) in
        [(r#"{"type": "object"}"#, "message 0:"), (r#"{"type": "array"}"#, "topic ")]
    {
        fs::write(folder.path().join("schema.json"), schema).unwrap();
        let arguments = [&arguments[..], &["--config", "event-bus.toml"]].concat();
        let output = explain(folder.path(), &arguments).await;
        assert_eq!(output.code(), Some(1), "{}", output.stderr);
        assert!(output.stdout.starts_with(first), "{}", output.stdout);
    }
    fs::write(folder.path().join("message.json"), r#"[{"country": "CZ"}]"#).unwrap();
    let output = explain(folder.path(), &arguments).await;
    assert_eq!(output.code(), Some(0), "{}", output.stderr);
}

/// The schema says how many messages an array is, wherever it is kept and whatever it refers to.
#[tokio::test]
async fn an_array_is_judged_as_the_gateway_judges_it_or_not_at_all() {
    let (nats, folder) = (NatsServer::start().await, folder(r#"[{"country": "CZ"}]"#));
    let bucket = async_nats::jetstream::kv::Config {
        bucket: "TOPICS".to_owned(),
        ..async_nats::jetstream::kv::Config::default()
    };
    let bucket = nats.jetstream().await.create_key_value(bucket).await.unwrap();
    let elsewhere = r#"{"type": "array", "items": {"$ref": "https://example.com/item.json"}}"#;
    bucket.put("schema/orders.placed", elsewhere.into()).await.unwrap();
    fs::write(folder.path().join("schema.json"), elsewhere).unwrap();
    fs::write(folder.path().join("broken.json"), "{").unwrap();
    let unknown = "whether topic orders.placed takes an array as one message is not known: ";
    let topic =
        |schema: &str| format!("topic = [{{ name = 'orders.placed', schema = '{schema}' }}]");
    for (bus, schemas, expected) in [
        (nats.url(), topic("schema.json"), Ok("topic 'orders.placed'")),
        (nats.url(), topic("kv://TOPICS/schema/orders.placed"), Ok("topic 'orders.placed'")),
        (
            nats.url(),
            "registry = { location = 'kv://TOPICS/schema/' }".to_owned(),
            Ok("topic 'orders.placed'"),
        ),
        (
            nats.url(),
            topic("gone.json"),
            Err("gone.json cannot be read: there is no such document"),
        ),
        (nats.url(), topic("broken.json"), Err("broken.json is not JSON")),
        (nats.url(), topic("kv://TOPICS/other"), Err("kv://TOPICS/other cannot be read")),
        ("nats://127.0.0.1:1".to_owned(), topic("kv://TOPICS/other"), Err("cannot be reached")),
    ] {
        let config = format!(
            "[bus]\nurl = '{bus}'\n[topics]\naccess = 'none.json'\n{schemas}\n\
             tokens = {{ keys_url = 'http://127.0.0.1:1/' }}\nreference_hosts = ['example.com']\n"
        );
        fs::write(folder.path().join("event-bus.toml"), config).unwrap();
        let arguments = ["shop", "orders.placed", "message.json", "--access", "access.json"];
        let arguments = [&arguments[..], &["--config", "event-bus.toml"]].concat();
        let output = explain(folder.path(), &arguments).await;
        match expected {
            // As one message it has no fields.
            Ok(first) => {
                assert_eq!(output.code(), Some(1), "{schemas}: {}", output.stderr);
                assert!(output.stdout.starts_with(first), "{schemas}: {}", output.stdout);
            }
            Err(reason) => {
                assert_eq!(output.code(), Some(64), "{schemas}: {}", output.stdout);
                assert!(output.stderr.contains(reason), "{schemas}: {}", output.stderr);
                let is_away = reason == "cannot be reached";
                assert!(is_away || output.stderr.contains(unknown), "{}", output.stderr);
            }
        }
    }
}
