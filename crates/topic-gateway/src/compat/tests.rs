use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::json::{Limits, Value as Exact, parse};
use crate::schema::{Options, Schema};

/// A pair of schemas, judged by hand.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    old: Value,
    new: Value,
    backward: bool,
    forward: bool,
    /// What is compatible but cannot be proved.
    #[serde(default)]
    cautious: Vec<String>,
    why: String,
}

#[test]
fn pairs_are_judged_as_by_hand() {
    let pairs = include_str!("../../tests/compat/pairs.json");
    let pairs: Vec<Pair> = serde_json::from_str(pairs).unwrap();
    assert!(pairs.len() >= 50);
    for pair in pairs {
        let Pair { old, new, why, .. } = &pair;
        let report = compare(new, old);
        let is_cautious = |name: &str| pair.cautious.iter().any(|cautious| cautious == name);
        let expected =
            (pair.backward && !is_cautious("backward"), pair.forward && !is_cautious("forward"));
        let judged = (report.is_backward_compatible(), report.is_forward_compatible());
        assert_eq!(judged, expected, "{why}\nold {old}\nnew {new}\n{report:#?}");
        assert!(compare(new, new).is_fully_compatible() || is_cautious("forward"), "{new}");
    }
}

/// What is shown is checked by both schemas, so it is enough to count what is not shown.
#[test]
fn nearly_every_incompatible_pair_is_shown_by_an_example() {
    let pairs: Vec<Pair> =
        serde_json::from_str(include_str!("../../tests/compat/pairs.json")).unwrap();
    let (mut problems, mut without) = (0, Vec::new());
    for pair in &pairs {
        let schema = |document: &Value| Schema::new(document.into(), &Options::default()).ok();
        let (Some(new), Some(old)) = (schema(&pair.new), schema(&pair.old)) else { continue };
        let mut report = compare(&pair.new, &pair.old);
        report.find_examples(&new, &old);
        for (found, judged) in [(&report.backward, pair.backward), (&report.forward, pair.forward)]
        {
            let shown = found.iter().filter(|problem| problem.example.is_some()).count();
            assert!(!judged || shown == 0, "{}: {found:#?}", pair.why);
            if !judged {
                problems += 1;
                if shown == 0 {
                    without.push(format!("{}: {found:?}", pair.why));
                }
            }
        }
    }
    assert!(problems > 60, "{problems}");
    assert!(without.len() <= 2, "{without:#?}");
}

#[test]
fn problems_say_where_and_what() {
    let old = json!({
        "type": "object",
        "required": ["jobs"],
        "properties": {"jobs": {"type": "array", "items": {"$ref": "#/$defs/job"}}},
        "$defs": {"job": {"properties": {"status": {"enum": ["ok", "failed"]}, "a/b": {"minimum": 1}}}}
    });
    let new = json!({
        "type": "object",
        "required": ["jobs", "id"],
        "properties": {"jobs": {"type": "array", "maxItems": 9, "items": {"$ref": "#/$defs/job"}}},
        "$defs": {"job": {"properties": {"status": {"enum": ["ok"]}, "a/b": {"minimum": 2}}}}
    });
    let report = compare(&new, &old);
    let mut said: Vec<String> = report
        .backward
        .iter()
        .map(|problem| format!("{} {}: {}", problem.pointer, problem.keyword, problem.message))
        .collect();
    said.sort();
    assert_eq!(
        said,
        [
            " required: the new schema requires \"id\", the old one does not",
            "/$defs/job/properties/a~1b minimum: the new schema demands numbers of at least 2, the old one does not",
            "/$defs/job/properties/status enum: the old schema accepts \"failed\", the new one does not",
            "/properties/jobs maxItems: the new schema demands maxItems 9, the old one does not",
        ]
    );
    assert!(report.is_forward_compatible(), "{:?}", report.forward);
}

/// The schemas of the table that Python has judged, and values of all its cases.
fn table() -> (Vec<Exact>, Vec<Exact>) {
    let table = include_str!("../../tests/python/verdicts.json");
    let table = parse(table.as_bytes(), Limits::default()).unwrap();
    let (mut schemas, mut values) = (Vec::new(), Vec::new());
    for case in table.as_array().unwrap() {
        let [schema, verdicts] = case.as_array().unwrap() else { panic!("not a case: {case:?}") };
        schemas.push(schema.clone());
        values.extend(
            verdicts
                .as_array()
                .unwrap()
                .iter()
                .map(|verdict| verdict.as_array().unwrap().first().unwrap().clone()),
        );
    }
    values.sort_by_key(Exact::repr);
    values.dedup();
    // Some of each kind, as sorted by their texts.
    (schemas, values.into_iter().step_by(7).collect())
}

/// The same schema with one keyword less, for each keyword at the top and one level below.
fn variants(schema: &Exact) -> Vec<Exact> {
    let mut variants = Vec::new();
    for (keyword, value) in schema.as_object().into_iter().flatten() {
        let with = |value: Option<Exact>| {
            let mut members = schema.as_object().unwrap().clone();
            match value {
                Some(value) => members.insert(keyword.clone(), value),
                None => members.remove(keyword),
            };
            Exact::Object(members)
        };
        if !matches!(keyword.as_str(), "definitions" | "$defs" | "$schema" | "$id") {
            variants.push(with(None));
            variants.extend(super_variants(value).into_iter().map(|value| with(Some(value))));
        }
    }
    variants
}

fn super_variants(value: &Exact) -> Vec<Exact> {
    match value {
        Exact::Object(members) => members
            .keys()
            .map(|name| {
                let mut members = members.clone();
                members.remove(name);
                Exact::Object(members)
            })
            .collect(),
        Exact::Array(items) if items.len() > 1 => vec![Exact::Array(items[1..].to_vec())],
        _ => Vec::new(),
    }
}

/// What is called compatible must be so for every value that is at hand.
#[test]
fn no_value_shows_a_compatible_change_to_be_none() {
    let (schemas, values) = table();
    let (mut compared, mut compatible) = (0, 0);
    let mut check = |one: &Exact, other: &Exact| {
        let options = Options::default();
        let (Ok(old), Ok(new)) =
            (Schema::new(one.clone(), &options), Schema::new(other.clone(), &options))
        else {
            return;
        };
        let report = compare(&other.to_serde(), &one.to_serde());
        compared += 1;
        compatible +=
            usize::from(report.backward.is_empty()) + usize::from(report.forward.is_empty());
        if !report.backward.is_empty() && !report.forward.is_empty() {
            return;
        }
        for value in &values {
            let (fits_old, fits_new) = (old.check(value).is_ok(), new.check(value).is_ok());
            let is_shown =
                |problems: &[Problem], from: bool, to: bool| problems.is_empty() && from && !to;
            assert!(
                !is_shown(&report.backward, fits_old, fits_new)
                    && !is_shown(&report.forward, fits_new, fits_old),
                "{}\n{}\n{}\n{report:?}",
                one.to_python_json(),
                other.to_python_json(),
                value.to_python_json()
            );
        }
    };
    for (index, schema) in schemas.iter().enumerate() {
        for variant in variants(schema) {
            check(schema, &variant);
        }
        check(schema, &schemas[(index + 1) % schemas.len()]);
    }
    assert!(compared > 1000 && compatible > 500, "{compared} compared, {compatible} compatible");
}
