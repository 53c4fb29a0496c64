use event_bus_runtime::EnvMap;
use event_bus_runtime::config::load;

use super::*;

#[derive(Debug, Deserialize)]
struct Root {
    outbound: Config,
}

fn parse(text: &str) -> Result<Config, String> {
    load::<Root>("event-bus.toml", text, &EnvMap::default())
        .map(|root| root.outbound)
        .map_err(|e| e.to_string())
}

fn problems(route: &str) -> Vec<String> {
    let text = format!("[[outbound.routes]]\n{route}\n");
    let config = parse(&text).unwrap();
    config
        .validate(&["fleet.>".to_owned(), "doctor.>".to_owned()])
        .into_iter()
        .map(|problem| format!("{}: {}", problem.path, problem.message))
        .collect()
}

const SINK: &str = "sink.webhook = { url = \"http://127.0.0.1:1/\" }";

#[test]
fn a_route_needs_little() {
    let config =
        parse(&format!("[[outbound.routes]]\nname = \"a\"\nsubjects = [\"fleet.>\"]\n{SINK}\n"))
            .unwrap();
    let route = &config.routes[0];
    assert_eq!(route.window.get(), 256);
    assert_eq!(route.retry.schedule().unwrap(), Schedule::default());
    assert_eq!(route.dead_letter_prefix(), "dead.a");
    assert_eq!(config.validate(&["fleet.>".to_owned()]), []);
}

#[test]
fn each_mistake_is_named_with_its_place() {
    for (route, expected) in [
        ("name = \"A b\"\nsubjects = [\"fleet.>\"]", "outbound.routes[0].name: `A b` is no name"),
        ("name = \"event-bus-doctor\"\nsubjects = [\"fleet.>\"]", "doctor's own route"),
        ("name = \"a\"\nsubjects = []", "outbound.routes[0].subjects: name at least one"),
        ("name = \"a\"\nsubjects = [\"fleet..x\"]", "outbound.routes[0].subjects[0]: `fleet..x`"),
        (
            "name = \"a\"\nsubjects = [\"fleet.>\", \"fleet.x\"]",
            "subjects[1]: `fleet.x` overlaps `fleet.>`",
        ),
        ("name = \"a\"\nsubjects = [\"orders.>\"]", "the stream of events holds fleet.>, doctor.>"),
        ("name = \"a\"\nsubjects = [\"doctor.>\"]", "the doctor's own events"),
        ("name = \"a\"\nsubjects = [\">\"]", "`>` matches the doctor's own events"),
        ("name = \"a\"\nsubjects = [\"*.*.outbound\"]", "`*.*.outbound` matches the doctor's own"),
        (
            "name = \"a\"\nsubjects = [\"fleet.>\"]\nfilter = \"data.x ==\"",
            "outbound.routes[0].filter:",
        ),
        (
            "name = \"a\"\nsubjects = [\"fleet.>\"]\nretry = { schedule = [] }",
            "the schedule is empty",
        ),
        (
            "name = \"a\"\nsubjects = [\"fleet.>\"]\nretry = { dead_letter_subject = \"fleet.dead\" }",
            "retry.dead_letter_subject: `fleet.dead` is no subject below `dead.`",
        ),
    ] {
        let found = problems(&format!("{route}\n{SINK}"));
        assert!(
            found.iter().any(|problem| problem.contains(expected)),
            "{expected} is not in {found:?}"
        );
    }
}

#[test]
fn two_routes_cannot_share_a_name() {
    let route = format!("[[outbound.routes]]\nname = \"a\"\nsubjects = [\"fleet.>\"]\n{SINK}\n");
    let config = parse(&route.repeat(2)).unwrap();
    let problems = config.validate(&["fleet.>".to_owned()]);
    assert_eq!(problems[0].path, "outbound.routes[1].name");
}
