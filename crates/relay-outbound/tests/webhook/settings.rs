//! What may stand in the file.

use event_bus_runtime::config::{Document, EnvMap};
use relay_outbound::Config;
use serde::Deserialize;

#[derive(Deserialize)]
struct Root {
    outbound: Config,
}

/// The keys of the problems that these settings have, or that they cannot be read.
fn problems(settings: &str) -> Vec<String> {
    let text = format!(
        "[[outbound.routes]]\nname = \"r\"\nsubjects = [\"fleet.>\"]\nsink.webhook = {{ {settings} }}\n"
    );
    let document = Document::parse("event-bus.toml", &text, &EnvMap::default()).unwrap();
    match document.get::<Root>() {
        Ok(root) => {
            let problems = root.outbound.validate(&["fleet.>".to_owned()]);
            let prefix = "outbound.routes[0].sink.webhook.";
            problems.into_iter().map(|problem| problem.path.replace(prefix, "")).collect()
        }
        Err(error) => vec![error.to_string()],
    }
}

#[test]
fn a_setting_that_cannot_work_is_named() {
    let https = "url = \"https://h/\"";
    for (settings, expected) in [
        ("url = \"https://h/\"", None),
        ("url = \"ftp://h/\"", Some("url")),
        ("url = \"https://user@h/\"", Some("url")),
        ("url = \"http://h/\", tls = { ca = \"/ca.pem\" }", Some("tls")),
    ] {
        assert_eq!(problems(settings), Vec::from_iter(expected), "{settings}");
    }
    for (settings, expected) in [
        ("auth = { bearer = { env = \"T\" } }", None),
        ("headers = { X-Api-Key = { env = \"T\" }, Authorization = \"Token x\" }", None),
        ("gzip = \"64KiB\", http2 = \"prior-knowledge\"", None),
        ("timeout = \"0s\"", Some("timeout")),
        ("headers = { Content-Type = \"x\" }", Some("headers.Content-Type")),
        ("headers = { ce-id = \"x\" }", Some("headers.ce-id")),
        ("headers = { WebHook-Signature = \"x\" }", Some("headers.WebHook-Signature")),
        ("headers = { \"a b\" = \"x\" }", Some("headers.a b")),
        ("headers = { X-Team = \"blue\\ngreen\" }", Some("headers.X-Team")),
        (
            "auth = { bearer = { env = \"T\" } }, headers = { Authorization = \"x\" }",
            Some("headers.Authorization"),
        ),
        (
            "auth = { basic = { user = \"a:b\", password = { env = \"P\" } } }",
            Some("auth.basic.user"),
        ),
        (
            "auth = { oauth2 = { token_url = \"http://idp/\", client_id = \"c\", client_secret = { env = \"S\" } } }",
            Some("auth.oauth2.token_url"),
        ),
        ("tls = { certificate = \"/c.pem\" }", Some("tls.key")),
        ("tls = { key = { env = \"K\" } }", Some("tls.certificate")),
        ("validation = { origin = \"\" }", Some("validation.origin")),
        ("validation = { origin = \"a b\" }", Some("validation.origin")),
    ] {
        let settings = format!("{https}, {settings}");
        assert_eq!(problems(&settings), Vec::from_iter(expected), "{settings}");
    }
}

#[test]
fn two_ways_to_authenticate_cannot_be_read() {
    let two = "url = \"https://h/\", auth = { bearer = { env = \"T\" }, basic = { user = \"u\", password = { env = \"P\" } } }";
    let problems = problems(two);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("auth"), "{problems:?}");
}
