//! What may stand in the file.

use event_bus_runtime::EnvMap;
use event_bus_runtime::config::Document;
use relay_outbound::Config;
use serde::Deserialize;

#[derive(Deserialize)]
struct Root {
    outbound: Config,
}

/// The keys of the problems that these settings have, or that they cannot be read.
fn problems(settings: &str) -> Vec<String> {
    let text = format!(
        "[[outbound.routes]]\nname = \"r\"\nsubjects = [\"fleet.>\"]\nsink.kafka_rest = {{ {settings} }}\n"
    );
    let document = Document::parse("event-bus.toml", &text, &EnvMap::default()).unwrap();
    match document.get::<Root>() {
        Ok(root) => {
            let problems = root.outbound.validate(&["fleet.>".to_owned()]);
            let prefix = "outbound.routes[0].sink.kafka_rest.";
            problems.into_iter().map(|problem| problem.path.replace(prefix, "")).collect()
        }
        Err(error) => vec![error.to_string()],
    }
}

#[test]
fn a_setting_that_cannot_work_is_named() {
    for (settings, expected) in [
        ("api = \"strimzi\"", None),
        ("api = \"confluent-v2\"", None),
        ("api = \"confluent-v3\", cluster_id = \"lkc-1\"", None),
        ("api = \"confluent-v3\"", Some("cluster_id")),
        ("api = \"confluent-v3\", cluster_id = \"a/b\"", Some("cluster_id")),
        ("api = \"strimzi\", cluster_id = \"lkc-1\"", Some("cluster_id")),
        ("api = \"confluent-v2\", format = \"structured\"", None),
        ("api = \"confluent-v2\", format = \"data\"", None),
        ("api = \"confluent-v2\", format = \"binary\"", Some("format")),
        ("api = \"strimzi\", timeout = \"1ms\"", Some("timeout")),
        ("api = \"strimzi\", tls = { ca = \"/ca.pem\" }", None),
        ("api = \"strimzi\", tls = { certificate = \"/c.pem\" }", Some("tls.key")),
        ("api = \"strimzi\", headers = { Accept = \"x\" }", Some("headers.Accept")),
        ("api = \"strimzi\", headers = { X-Team = \"a\\nb\" }", Some("headers.X-Team")),
        ("api = \"strimzi\", headers = { Content-Type = \"x\" }", Some("headers.Content-Type")),
        (
            "api = \"strimzi\", auth = { basic = { user = \"a:b\", password = { env = \"P\" } } }",
            Some("auth.basic.user"),
        ),
    ] {
        let full = format!("url = \"https://h/\", topic = \"t\", {settings}");
        assert_eq!(problems(&full), Vec::from_iter(expected), "{settings}");
    }
    for (settings, expected) in [
        ("url = \"https://h/kafka\", topic = \"events.{type}\"", None),
        ("url = \"ftp://h/\", topic = \"t\"", Some("url")),
        ("url = \"https://user@h/\", topic = \"t\"", Some("url")),
        ("url = \"https://h/?a=b\", topic = \"t\"", Some("url")),
        ("url = \"https://h/\", topic = \"\"", Some("topic")),
        ("url = \"https://h/\", topic = \"a/b\"", Some("topic")),
        ("url = \"https://h/\", topic = \"a{\"", Some("topic")),
    ] {
        let full = format!("api = \"strimzi\", {settings}");
        assert_eq!(problems(&full), Vec::from_iter(expected), "{settings}");
    }
}

#[test]
fn an_unknown_key_or_api_is_refused() {
    for settings in ["api = \"v4\"", "api = \"strimzi\", topics = \"t\""] {
        let full = format!("url = \"https://h/\", topic = \"t\", {settings}");
        assert_eq!(problems(&full).len(), 1, "{settings}");
    }
}
