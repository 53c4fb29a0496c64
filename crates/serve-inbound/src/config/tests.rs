use event_bus_runtime::{Document, EnvMap};

use super::*;

const SUBJECTS: [&str; 2] = ["fleet.>", "doctor.>"];

fn read(toml: &str) -> Result<Config, String> {
    let document = Document::parse("event-bus.toml", toml, &EnvMap::default());
    let section = document.and_then(|document| document.section::<Config>("inbound"));
    section.map(Option::unwrap_or_default).map_err(|error| error.to_string())
}

fn problems(toml: &str) -> Vec<String> {
    problems_with(toml, &SUBJECTS)
}

fn problems_with(toml: &str, subjects: &[&str]) -> Vec<String> {
    let subjects: Vec<String> = subjects.iter().map(ToString::to_string).collect();
    let problems = read(toml).unwrap().validate(&subjects);
    problems.into_iter().map(|problem| format!("{}: {}", problem.path, problem.message)).collect()
}

fn source(lines: &str) -> String {
    format!("[[inbound.sources]]\n{lines}\n")
}

#[test]
fn an_empty_section_is_the_default() {
    let config = read("[inbound]").unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.grace, Duration::from_secs(25));
    assert!(config.validate(&["fleet.>".to_owned()]).is_empty());
}

#[test]
fn every_provider_can_be_configured() {
    let secrets = r#"secrets = [{ env = "S" }, { file = "/run/secrets/old" }]"#;
    let mut toml = "[inbound]\npublic_url = \"https://hooks.example.com\"\n".to_owned();
    for (name, lines) in [
        ("github", r#"subject = "fleet.repo.{event}.{action}""#),
        ("slack", r#"tolerance = "10m""#),
        ("stripe", r#"rate = "100/s""#),
        ("linear", r#"body = "base64""#),
        ("standard-webhooks", r#"schema = "/etc/schema.json""#),
        (
            "hmac",
            r#"hmac = { header = "X-Sig", algorithm = "sha512", encoding = "base64", prefix = "v1=", signed = "{timestamp}.{id}.{header:X-A}.{url}.{body}", timestamp_header = "X-Time", tolerance = "1m", id_header = "X-Id", secret_encoding = "hex" }"#,
        ),
        ("token", r#"token = { header = "Authorization", query_param = "token" }"#),
        ("basic", ""),
    ] {
        toml.push_str(&source(&format!(
            "name = \"{name}\"\nprovider = \"{name}\"\n{secrets}\n{lines}"
        )));
    }
    toml.push_str(&source("name = \"open\"\nprovider = \"unsigned\""));
    assert_eq!(problems(&toml), Vec::<String>::new());
    assert_eq!(read(&toml).unwrap().sources.len(), 9);
}

#[test]
fn a_value_of_the_wrong_kind_is_named_with_its_line() {
    for (toml, expected) in [
        ("[inbound]\nlisten = \"8080\"", "event-bus.toml:2: inbound.listen"),
        ("[inbound]\nlisten_on = \"127.0.0.1:1\"", "event-bus.toml:2: inbound"),
        ("[inbound.limits]\nmax_headers = 0", "event-bus.toml:2: inbound.limits.max_headers"),
        (
            "[inbound.limits]\nclient_rate = \"100\"",
            "inbound.limits.client_rate: not a rate: write a number per s, m or h",
        ),
        (
            "[[inbound.sources]]\nname = \"a\"\nprovider = \"gitbuh\"",
            "event-bus.toml:3: inbound.sources[0].provider",
        ),
        (
            "[[inbound.sources]]\nname = \"a\"\nprovider = \"github\"\nsecrets = [\"hunter2\"]",
            "write { env = \"NAME\" } or { file = \"/path\" }",
        ),
        (
            "[[inbound.sources]]\nname = \"a\"\nprovider = \"hmac\"\nhmac = { header = \"a b\" }",
            "not the name of an HTTP header",
        ),
        ("[inbound.events]\nauth = \"hunter2\"", "inbound.events.auth: expected { bearer"),
        ("[inbound.events]\nauth = { secrets = [] }", "inbound.events.auth: expected { bearer"),
        ("[inbound.events]\nmax_batch = 1", "auth"),
    ] {
        let error = read(toml).unwrap_err();
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn each_mistake_of_a_source_is_a_problem_at_its_key() {
    let secrets = r#"secrets = [{ env = "S" }]"#;
    for (lines, expected) in [
        (format!("name = \"A\"\nprovider = \"github\"\n{secrets}"), "name: must match"),
        (
            format!("name = \"event-bus-doctor\"\nprovider = \"github\"\n{secrets}"),
            "name: `event-bus-doctor` is reserved",
        ),
        (
            format!("name = \"events\"\nprovider = \"github\"\n{secrets}"),
            "name: `events` is reserved",
        ),
        ("name = \"a\"\nprovider = \"github\"".to_owned(), "secrets: needs at least one secret"),
        (
            format!("name = \"a\"\nprovider = \"unsigned\"\n{secrets}"),
            "secrets: an unsigned source cannot use a secret",
        ),
        (
            format!("name = \"a\"\nprovider = \"hmac\"\n{secrets}"),
            "provider: the provider `hmac` needs the table `hmac`",
        ),
        (
            format!("name = \"a\"\nprovider = \"github\"\n{secrets}\ntoken = {{ header = \"X\" }}"),
            "token: belongs to the provider `token` alone",
        ),
        (
            format!("name = \"a\"\nprovider = \"token\"\n{secrets}\ntoken = {{}}"),
            "token: needs a `header` or a `query_param`",
        ),
        (
            format!(
                "name = \"a\"\nprovider = \"hmac\"\n{secrets}\nhmac = {{ header = \"X\", signed = \"{{id}}\" }}"
            ),
            "hmac.signed: `{body}` does not occur",
        ),
        (
            format!(
                "name = \"a\"\nprovider = \"hmac\"\n{secrets}\nhmac = {{ header = \"X\", timestamp_header = \"T\" }}"
            ),
            "hmac.signed: the template of the signed content is unusable: a timestamp header is set",
        ),
        (
            format!(
                "name = \"a\"\nprovider = \"hmac\"\n{secrets}\nhmac = {{ header = \"X\", signed = \"{{url}}{{body}}\" }}"
            ),
            "hmac.signed: `{url}` is signed, so `inbound.public_url` must be set",
        ),
        (
            format!("name = \"a\"\nprovider = \"slack\"\n{secrets}\ntolerance = \"0s\""),
            "tolerance: must be longer than 0s",
        ),
        (
            format!("name = \"a\"\nprovider = \"github\"\n{secrets}\ntolerance = \"5m\""),
            "tolerance: nothing this provider signs carries a time",
        ),
        (
            format!("name = \"a\"\nprovider = \"github\"\n{secrets}\nsubject = \"{{event}}.x\""),
            "subject: the first token must be written out",
        ),
        (
            format!(
                "name = \"a\"\nprovider = \"github\"\n{secrets}\nsubject = \"fleet.{{evnet}}\""
            ),
            "subject: `{evnet}` is not a variable",
        ),
        (
            format!("name = \"a\"\nprovider = \"github\"\n{secrets}\nsubject = \"fleet.>\""),
            "subject: `>` cannot stand in this subject",
        ),
        (
            format!("name = \"a\"\nprovider = \"github\"\n{secrets}\nsubject = \"ci.{{event}}\""),
            "subject: `ci.>` is outside the stream, whose subjects are fleet.>, doctor.>",
        ),
        (
            format!(
                "name = \"a\"\nprovider = \"github\"\n{secrets}\nsubject = \"doctor.{{event}}\""
            ),
            "subject: `doctor.` is reserved",
        ),
    ] {
        let found = problems(&source(&lines));
        assert_eq!(found.len(), 1, "{lines}\n{found:?}");
        assert!(found[0].starts_with(&format!("inbound.sources[0].{expected}")), "{}", found[0]);
    }
}

#[test]
fn a_subject_whose_tokens_can_all_be_dropped_must_be_covered_without_them() {
    let toml = |subject: &str| {
        source(&format!(
            "name = \"a\"\nprovider = \"github\"\nsecrets = [{{ env = \"S\" }}]\nsubject = \"{subject}\""
        ))
    };
    for (subject, stream, sound) in [
        ("fleet.{event}", "fleet.>", false),
        ("fleet.{type}", "fleet.>", true),
        ("fleet.repo.{event}", "fleet.>", true),
        ("fleet.push", "fleet.push", true),
        ("fleet.push", "fleet.*", true),
        ("fleet.{type}", "fleet.*", false),
    ] {
        assert_eq!(
            problems_with(&toml(subject), &[stream]).is_empty(),
            sound,
            "{subject} {stream}"
        );
    }
}

#[test]
fn mistakes_beside_the_sources_are_problems_too() {
    let github = "name = \"a\"\nprovider = \"github\"\nsecrets = [{ env = \"S\" }]";
    for (toml, expected) in [
        (
            format!("{}{}", source(github), source(github)),
            "sources[1].name: source `a` exists twice",
        ),
        (
            "[inbound]\nadmin_listen = \"127.0.0.1:8080\"".to_owned(),
            "admin_listen: the same address",
        ),
        ("[inbound]\npublic_url = \"ftp://x\"".to_owned(), "public_url: not an http"),
        ("[inbound]\npublic_url = \"https://x?a\"".to_owned(), "public_url: must have no query"),
        (
            "[inbound.limits]\nheader_read_timeout = \"0s\"".to_owned(),
            "limits.header_read_timeout: must be longer",
        ),
        (
            "[inbound.limits]\nmax_body_bytes = 0".to_owned(),
            "limits.max_body_bytes: must be larger",
        ),
        (
            "[inbound.events]\nauth = { bearer = [] }".to_owned(),
            "events.auth.bearer: needs at least",
        ),
        (
            "[inbound.events]\nauth = { hmac = { header = \"X\" } }".to_owned(),
            "events.auth.secrets: needs at least",
        ),
        (
            "[inbound.events]\nauth = \"unsigned\"\nsubject = \"x\"".to_owned(),
            "events.subject: `x` is outside the stream",
        ),
        (
            "[inbound.events]\nauth = \"unsigned\"\nallowed_origins = [\"a b\"]".to_owned(),
            "events.allowed_origins[0]: an origin is a DNS name",
        ),
    ] {
        let found = problems(&toml);
        assert_eq!(found.len(), 1, "{toml}\n{found:?}");
        assert!(found[0].starts_with(&format!("inbound.{expected}")), "{}", found[0]);
    }
}

#[test]
fn only_what_belongs_to_the_listener_needs_a_restart() {
    let old = Config::default();
    let mut new = old.clone();
    new.sources = read(&source("name = \"a\"\nprovider = \"unsigned\"")).unwrap().sources;
    new.limits.body_read_timeout = Duration::from_secs(1);
    assert_eq!(old.needs_restart(&new), Vec::<&str>::new());
    new.listen.set_port(1);
    new.limits.max_connections = NonZeroUsize::MIN;
    assert_eq!(old.needs_restart(&new), ["inbound.listen", "inbound.limits.max_connections"]);
}

#[test]
fn the_settings_have_a_json_schema() {
    let schema = serde_json::to_value(schemars::schema_for!(Config)).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let sound = serde_json::json!({
        "listen": "127.0.0.1:8080",
        "sources": [{
            "name": "gitea", "provider": "hmac", "secrets": [{"env": "S"}], "rate": "100/s",
            "tolerance": "5m", "hmac": {"header": "X-Gitea-Signature"},
        }],
        "events": {"auth": {"bearer": [{"file": "/token"}]}},
    });
    assert!(validator.is_valid(&sound), "{:?}", validator.validate(&sound));
    for (pointer, wrong) in
        [("/sources/0/provider", "gitbuh"), ("/events/auth", "open"), ("/sources/0/rate", "100")]
    {
        let mut changed = sound.clone();
        *changed.pointer_mut(pointer).unwrap() = wrong.into();
        assert!(!validator.is_valid(&changed), "{pointer}");
    }
}
