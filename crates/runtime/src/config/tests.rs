use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::*;
use crate::secret::SecretRef;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only reading is tested")]
struct Root {
    bus: Option<Bus>,
    inbound: Option<Inbound>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bus {
    url: String,
    password: Option<SecretRef>,
    #[serde(default, with = "duration::option")]
    connect_timeout: Option<std::time::Duration>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only reading is tested")]
struct Inbound {
    listen: Option<std::net::SocketAddr>,
    #[serde(default)]
    sources: Vec<Source>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only reading is tested")]
struct Source {
    name: String,
    provider: Provider,
    #[serde(default)]
    secrets: Vec<SecretRef>,
    sink: Option<BTreeMap<String, SecretRef>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Provider {
    Github,
    Slack,
    StandardWebhooks,
}

const SOURCES: &str = "# a comment
[bus]
url = \"nats://one\"

[inbound]
listen = \"127.0.0.1:8080\"

[[inbound.sources]]
name = \"github\"
provider = \"github\"

[[inbound.sources]]
name = \"slack\"
";

fn error(text: &str, env: &EnvMap) -> String {
    load::<Root>("event-bus.toml", text, env).unwrap_err().to_string()
}

#[test]
fn an_error_names_the_file_the_line_the_path_and_what_is_wrong() {
    let no_env = EnvMap::default();
    for (added, expected) in [
        (
            "provider = \"slak\"",
            "event-bus.toml:14: inbound.sources[1].provider: unknown value `slak`, did you mean `slack`? Known: `github`, `slack`, `standard-webhooks`",
        ),
        (
            "provider = \"nonsense\"",
            "event-bus.toml:14: inbound.sources[1].provider: unknown value; known: `github`, `slack`, `standard-webhooks`",
        ),
        (
            "providr = \"slack\"",
            "event-bus.toml:14: inbound.sources[1].providr: unknown key `providr`, did you mean `provider`? Known: `name`, `provider`, `secrets`, `sink`",
        ),
        ("", "event-bus.toml:12: inbound.sources[1]: `provider` is missing"),
        ("provider = 7", "event-bus.toml:14: inbound.sources[1].provider: expected"),
        (
            "provider = \"slack\"\nsecrets = \"hunter2\"",
            "event-bus.toml:15: inbound.sources[1].secrets: expected a sequence, found a text",
        ),
        ("provider = \"slack\"\n[outbound]", "event-bus.toml:15: outbound: unknown key `outbound`"),
        ("provider = \"slack\"\n[[inbound.sources]]\nname = 'x' name", "event-bus.toml:16: "),
        ("provider = \"slack\"\nname = \"again\"", "event-bus.toml:15: duplicate key"),
    ] {
        let message = error(&format!("{SOURCES}{added}\n"), &no_env);
        assert!(message.starts_with(expected), "{added}\n  gives {message}\n  not   {expected}");
    }
}

#[test]
fn a_value_that_may_be_a_secret_is_never_repeated() {
    let hint = "write { env = \"NAME\" } or { file = \"/path\" }";
    for (text, expects_hint) in [
        ("[bus]\nurl = 'x'\npassword = 'hunter2'", true),
        ("[bus]\nurl = 'x'\npassword = 4711471147", true),
        ("[bus]\nurl = 'x'\npassword = { value = 'hunter2' }", true),
        ("[bus]\nurl = 'x'\npassword = { env = 'hunter2', file = 'hunter2' }", true),
        ("[bus]\nurl = 'x'\npassword = { env = ['hunter2'] }", true),
        ("[bus]\nurl = 'x'\npassword = ['hunter2']", true),
        ("[bus]\nurl = ['hunter2']", false),
        ("[inbound]\nlisten = 'hunter2'", false),
        ("inbound = 'hunter2'", false),
        ("[[inbound.sources]]\nname = 'a'\nprovider = 'hunter2'", false),
        ("[[inbound.sources]]\nname = 'a'\nprovider = 'slack'\nsecrets = ['hunter2']", true),
        ("[[inbound.sources]]\nname = 'a'\nprovider = 'slack'\nsink = 'hunter2'", false),
        ("[[inbound.sources]]\nname = 'a'\nprovider = 'slack'\nsink = { slack = 'hunter2' }", true),
        ("[bus]\nurl = 'hunter2", false),
        ("[bus]\nurl = hunter2", false),
        ("[bus]\npassword 'hunter2'", false),
    ] {
        let message = error(text, &EnvMap::default());
        assert!(!message.contains("hunter2") && !message.contains("4711"), "{text}: {message}");
        assert_eq!(message.contains(hint), expects_hint, "{text}: {message}");
    }
    let env = EnvMap::from([("EVENT_BUS__BUS__PASSWORD", "hunter2")]);
    let message = error("[bus]\nurl = 'x'", &env);
    assert!(message.starts_with("environment variable EVENT_BUS__BUS__PASSWORD: bus.password: "));
    assert!(message.contains(hint) && !message.contains("hunter2"), "{message}");
}

#[test]
fn variables_are_laid_over_the_file() {
    let env = EnvMap::from([
        ("EVENT_BUS__BUS__URL", "nats://two"),
        ("EVENT_BUS__BUS__PASSWORD__FILE", "/run/secrets/bus"),
        ("EVENT_BUS__BUS__CONNECT_TIMEOUT", "3s"),
        ("EVENT_BUS__INBOUND__SOURCES", "[{ name = 'n', provider = 'standard-webhooks' }]"),
        ("EVENT_BUS_CONFIG", "/etc/event-bus.toml"),
        ("EVENT_BUS_PORT", "tcp://10.0.0.1:4222"),
        ("PATH", "/bin"),
    ]);
    let document = Document::parse("event-bus.toml", SOURCES, &env).unwrap();
    let bus: Bus = document.section("bus").unwrap().unwrap();
    assert_eq!(bus.url, "nats://two");
    assert_eq!(bus.password, Some(SecretRef::File("/run/secrets/bus".into())));
    assert_eq!(bus.connect_timeout, Some(std::time::Duration::from_secs(3)));
    let inbound: Inbound = document.section("inbound").unwrap().unwrap();
    assert!(matches!(inbound.sources[0].provider, Provider::StandardWebhooks));
    assert!(document.section::<Bus>("outbound").unwrap().is_none());
    assert!(document.get::<Root>().is_ok());
}

#[test]
fn a_wrong_variable_is_named_instead_of_a_line() {
    for (variable, value, expected) in [
        ("EVENT_BUS__BUS__ULR", "x", "bus.ulr: unknown key `ulr`, did you mean `url`?"),
        ("EVENT_BUS__BUS__URL", "7", "bus.url: expected a string, found an integer"),
        ("EVENT_BUS__OUTBOUND__GRACE", "1s", "outbound: unknown key `outbound`"),
        ("EVENT_BUS__INBOUND__SOURCES__0__NAME", "x", "`inbound.sources` is an array"),
        ("EVENT_BUS__BUS__URL__HOST", "x", "`bus.url` is no table"),
        ("EVENT_BUS____URL", "x", "its name has an empty part"),
        ("EVENT_BUS__", "x", "its name has an empty part"),
    ] {
        let text = format!("{SOURCES}provider = \"slack\"\n");
        let message = error(&text, &EnvMap::from([(variable, value)]));
        let expected = format!("environment variable {variable}: {expected}");
        assert!(message.starts_with(&expected), "{message}\n  not {expected}");
    }
}

#[test]
fn an_array_that_only_variables_tried_to_make_names_the_variable() {
    let env = EnvMap::from([("EVENT_BUS__INBOUND__SOURCES__0__NAME", "x")]);
    let message = error("[bus]\nurl = 'x'", &env);
    assert!(
        message.starts_with("environment variable EVENT_BUS__INBOUND__SOURCES__0__NAME: inbound.sources: expected a sequence, found a table"),
        "{message}"
    );
}

#[test]
fn problems_of_a_validate_step_get_their_lines() {
    let env = EnvMap::from([("EVENT_BUS__BUS__URL", "nats://two")]);
    let document = Document::parse("event-bus.toml", SOURCES, &env).unwrap();
    assert_eq!(document.line_of("inbound.sources[0].provider"), Some(10));
    let problems = vec![
        Problem::new("inbound.sources[1].secrets", "no secret is given"),
        Problem::new("bus.url", "host is unknown"),
        Problem::new("outbound.routes", "no route is given"),
    ];
    assert_eq!(
        ConfigError::check(&document, problems).unwrap_err().to_string(),
        "event-bus.toml:12: inbound.sources[1].secrets: no secret is given\n\
         environment variable EVENT_BUS__BUS__URL: bus.url: host is unknown\n\
         event-bus.toml: outbound.routes: no route is given"
    );
    assert!(ConfigError::check(&document, Vec::new()).is_ok());
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let path = Path::new("/nowhere/event-bus.toml");
    let error = Document::read(path, &EnvMap::default()).unwrap_err();
    assert_eq!(error.to_string(), "configuration file /nowhere/event-bus.toml cannot be read");
}
