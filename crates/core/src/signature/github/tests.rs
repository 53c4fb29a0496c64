use serde_json::Value;

use super::rules::{RULES, Rule, Source};

#[test]
fn the_rules_stand_once_and_in_order() {
    let events: Vec<&str> = RULES.iter().map(|rule| rule.event).collect();
    let mut sorted = events.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(events, sorted);
    assert_eq!(events.len(), 71, "the sections of the specification");
}

/// Compares with the machine form of the specification where it stands beside the project.
#[test]
fn the_rules_are_those_of_the_specification() {
    let Some(specification) = testkit::vectors::shared::<Value>("github-adapter-rules") else {
        return;
    };
    let rules = specification["rules"].as_array().unwrap();
    assert_eq!(rules.len(), RULES.len());
    for expected in rules {
        let event = expected["event"].as_str().unwrap();
        let rule = RULES
            .iter()
            .find(|rule| rule.event == event)
            .unwrap_or_else(|| panic!("no rule for {event}"));
        assert_eq!(in_words_of_the_specification(rule), relevant(expected), "{event}");
    }
}

fn relevant(rule: &Value) -> Value {
    serde_json::json!({
        "source": rule["source"],
        "suffix": rule["type_suffix_paths"],
        "subject": rule["subject"],
        "time": rule["time"],
    })
}

/// Only the first subject: the others are errata.
fn in_words_of_the_specification(rule: &Rule) -> Value {
    let source = match rule.source {
        Source::Path(path) => serde_json::json!({ "paths": [path] }),
        Source::Joined(base, segment) => {
            serde_json::json!({ "paths": [base, segment], "join": "/" })
        }
        Source::Parent(path) => serde_json::json!({ "paths": [path], "strip_last_segment": true }),
        Source::Literal(text) => serde_json::json!({ "literal": text }),
    };
    serde_json::json!({
        "source": source,
        "suffix": rule.suffix,
        "subject": rule.subject.first(),
        "time": rule.time,
    })
}
