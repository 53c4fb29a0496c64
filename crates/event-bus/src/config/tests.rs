use event_bus_runtime::EnvMap;

use super::*;

fn read(text: &str, env: &[(&str, &str)]) -> Result<RootConfig, Vec<String>> {
    let env = env.iter().copied().collect();
    let document = Document::parse("event-bus.toml", text, &env).unwrap();
    problems::read(&document).map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

#[test]
fn an_empty_file_is_a_configuration_without_services() {
    let config = read("", &[]).unwrap();
    assert!(config.inbound.is_none() && config.outbound.is_none() && config.doctor.is_none());
    assert_eq!(config.bus.url.to_string(), "127.0.0.1:4222");
}

#[test]
fn every_section_is_checked_although_another_is_wrong() {
    let text = "[bus]\nurll = 'nats://a:1'\n[inbound]\nlisten = 'here'\n[outboundd]\n";
    let problems = read(text, &[]).unwrap_err();
    let lines: Vec<_> =
        problems.iter().map(|problem| problem.split(": ").next().unwrap()).collect();
    assert_eq!(lines, ["event-bus.toml:2", "event-bus.toml:4"], "{problems:?}");
    assert!(problems[0].contains("did you mean `url`?"), "{problems:?}");
    let problems = read("[outboundd]\n", &[]).unwrap_err();
    assert!(problems[0].contains("did you mean `outbound`?"), "{problems:?}");
}

#[test]
fn problems_of_several_sections_come_together_with_their_lines() {
    let text = "[bus]\nuser = 'x'\n[[inbound.sources]]\nname = 'a'\nprovider = 'github'\n\
                [[outbound.routes]]\nname = 'r'\nsubjects = []\nsink.webhook = { url = 'http://x/' }\n";
    let problems = read(text, &[]).unwrap_err().concat();
    for expected in [
        "event-bus.toml:1: bus.password:",
        "event-bus.toml:3: inbound.sources[0].secrets:",
        "event-bus.toml:8: outbound.routes[0].subjects:",
    ] {
        assert!(problems.contains(expected), "{expected} is not in\n{problems}");
    }
}

#[test]
fn who_waits_for_delivery_needs_a_route_that_tells() {
    let topics = "[topics]\naccess = 'a'\ntokens.keys_url = 'http://k/'\n[[topics.topic]]\nname = 'a'\n\
                  schema = 's'\nacknowledge = 'delivered'\n";
    let route = |rest: &str| {
        format!(
            "{topics}[[outbound.routes]]\nname = 'r'\nsubjects = ['fleet.topic.>']\n\
             sink.webhook = {{ url = 'http://x/' }}\n{rest}"
        )
    };
    for text in [topics.to_owned(), route("")] {
        let problems = read(&text, &[]).unwrap_err().concat();
        let expected = "event-bus.toml:7: topics.topic[0].acknowledge: no route of [outbound] with receipts = true \
                        carries fleet.topic.a; add one, or write \"durable\"";
        assert!(problems.contains(expected), "{problems}");
    }
    read(&route("receipts = true\n"), &[]).unwrap();
}

#[test]
fn the_environment_is_checked_like_the_file() {
    let problems = read("", &[("EVENT_BUS__BUS__URRL", "nats://a:1")]).unwrap_err().concat();
    assert!(problems.contains("environment variable EVENT_BUS__BUS__URRL"), "{problems}");
    let config = read("", &[("EVENT_BUS__BUS__URL", "nats://a:1")]).unwrap();
    assert_eq!(config.bus.url.to_string(), "a:1");
}

#[test]
fn a_named_file_comes_before_that_of_the_environment() {
    let env = EnvMap::from([("EVENT_BUS_CONFIG", "/from/env")]);
    let named = ConfigSource::new(Some("/named".into()), None, env.clone());
    assert_eq!(named.file(), Some(&PathBuf::from("/named")));
    assert_eq!(ConfigSource::new(None, None, env).file(), Some(&PathBuf::from("/from/env")));
    assert_eq!(ConfigSource::new(None, None, EnvMap::default()).file(), None);
}
