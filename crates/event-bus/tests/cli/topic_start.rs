//! A topic gateway that cannot start, or hardly as it was meant: what it says of that.

use std::fs;

use serde_json::json;
use tempfile::TempDir;
use testkit::{CaptureSink, NatsServer, Reply, Script, free_port};

use crate::world::{LONG, event_bus};

/// A configuration with these documents.
fn configuration(bus: &str, access: &str, more: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "bus.url = '{bus}'\n[topics]\nlisten = '127.0.0.1:0'\naccess = '{access}'\n\
         tokens = {{ keys_url = 'http://127.0.0.1:1/' }}\n\
         [[topics.topic]]\nname = 'orders'\nschema = 'orders.json'\n{more}"
    );
    fs::write(folder.path().join("event-bus.toml"), text).unwrap();
    fs::write(folder.path().join("orders.json"), "{}").unwrap();
    folder
}

/// A configuration folder of EventGate.
fn conf_dir(keys: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("topic_schemas")).unwrap();
    let config = json!({
        "access_config": "access.json",
        "topic_keys_config": "topic_keys.json",
        "token_public_keys_url": "http://127.0.0.1:1/",
        "event_bus_arn": "main",
    });
    for (name, text) in [
        ("config.json", config.to_string().as_str()),
        ("access.json", "{}"),
        ("topic_keys.json", keys),
        ("topic_schemas/runs.json", "{}"),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

#[tokio::test]
async fn a_document_that_is_not_there_is_named_with_its_key_and_what_to_do() {
    let nats = NatsServer::start().await;
    let cases: [(&str, &[&str]); 3] = [
        (
            "access.json",
            &[
                "topics.access: access.json cannot be read: there is no such document; the file is /",
            ],
        ),
        (
            "kv://TOPICS/access",
            &[
                "topics.access: kv://TOPICS/access cannot be read: there is no key-value bucket TOPICS; \
               make it with: nats kv add TOPICS\n",
            ],
        ),
        ("s3://bucket/access.json", &["topics.access: s3://bucket", "topics.aws", "credentials"]),
    ];
    for (access, expected) in cases {
        let folder = configuration(&nats.url(), access, "");
        let command = event_bus(&["topic-gateway", "--config", "event-bus.toml"]);
        let command = command.current_dir(folder.path()).env("AWS_EC2_METADATA_DISABLED", "true");
        let output = command.env("AWS_REGION", "eu-west-1").output(LONG).await;
        assert_eq!(output.code(), Some(64), "{access}: {}", output.stderr);
        for expected in expected {
            assert!(output.stderr.contains(expected), "{access}: {}", output.stderr);
        }
        // What the SDK says of itself helps nobody.
        assert!(!output.stderr.contains("\"target\":\"aws_"), "{access}: {}", output.stderr);
    }
}

#[tokio::test]
async fn a_type_that_is_none_is_shown_as_it_was_written() {
    for (written, expected) in [
        ("txt", "storage.a: unknown type `txt`, did you mean `text`?"),
        ("decimal(10,2)", "storage.a: unknown type `decimal(10,2)`; known: `uuid`, `varchar(255)`"),
    ] {
        let more = format!("storage = {{ a = '{written}' }}\n");
        let folder = configuration("nats://127.0.0.1:1", "access.json", &more);
        let command = event_bus(&["check-config", "--config", "event-bus.toml"]);
        let output = command.current_dir(folder.path()).output(LONG).await;
        assert_eq!(output.code(), Some(64), "{}", output.stderr);
        assert!(output.stderr.contains(expected), "{}", output.stderr);
    }
}

#[tokio::test]
async fn what_a_folder_says_in_vain_is_said_at_the_start() {
    let nats = NatsServer::start().await;
    for (keys, expected) in [
        (
            "{}",
            [
                "POSTGRES_SECRET_NAME is set and POSTGRES_SECRET_REGION is not",
                "event_bus_arn is main, which is no ARN",
                "topics.tokens.keys_url at 127.0.0.1:1: the key server is unreachable",
            ]
            .as_slice(),
        ),
        (
            r#"{"public.cps.za.runs": 5}"#,
            &[
                "topic_keys.json: Topic 'public.cps.za.runs': expected key field name as string, got int.",
            ],
        ),
    ] {
        let folder = conf_dir(keys);
        let command = event_bus(&["topic-gateway", "--listen", "127.0.0.1:0", "--conf-dir", "."]);
        let command = command.current_dir(folder.path()).env("POSTGRES_SECRET_NAME", "postgres");
        let output = command.env("EVENT_BUS__BUS__URL", nats.url()).output(LONG).await;
        assert!(matches!(output.code(), Some(1 | 64)), "{}", output.stderr);
        for expected in expected {
            assert!(output.stderr.contains(expected), "{expected}: {}", output.stderr);
        }
    }
}

#[tokio::test]
async fn waiting_for_the_secret_of_postgresql_is_said_and_ends_with_a_reason() {
    let folder = conf_dir("{}");
    let gateway = |endpoint: &str| {
        event_bus(&["topic-gateway", "--listen", "127.0.0.1:0", "--conf-dir", "."])
            .current_dir(folder.path())
            .env("EVENT_BUS__BUS__URL", "nats://127.0.0.1:1")
            .env("POSTGRES_SECRET_NAME", "orders-db")
            .env("POSTGRES_SECRET_REGION", "eu-west-1")
            .env("AWS_ENDPOINT_URL_SECRETS_MANAGER", endpoint)
            .env("AWS_ACCESS_KEY_ID", "key")
            .env("AWS_SECRET_ACCESS_KEY", "key")
    };
    let away = format!("http://127.0.0.1:{}", free_port());
    let running = gateway(&away).spawn();
    let waited = format!(
        "waiting for AWS Secrets Manager at {away} (eu-west-1), at most 10 s: POSTGRES_SECRET_NAME is orders-db"
    );
    running.wait_for_text(&waited, LONG).await;
    drop(running);

    let server = CaptureSink::start().await;
    let answer = r#"{"__type": "ResourceNotFoundException", "message": "there is none"}"#;
    server.set_script(Script::reply(Reply::status(400).body(answer)));
    let output = gateway(&server.url()).output(LONG).await;
    assert_eq!(output.code(), Some(64), "{}", output.stderr);
    for expected in ["connection field 'host'", "POSTGRES_SECRET_NAME is orders-db", "eu-west-1"] {
        assert!(output.stderr.contains(expected), "{expected}: {}", output.stderr);
    }
}
