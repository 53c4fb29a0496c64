//! Schemas made of schemas.

use serde_json::Value;

use super::part::{Inner, Node, Types, of_type};
use super::prove::{Proof, below};
use crate::schema::Dialect;

impl Proof<'_> {
    pub(super) fn combination<'a>(
        &mut self,
        inner: &Inner<'a>,
        outer: Node<'a>,
        keyword: &str,
        value: &'a Value,
        at: &str,
    ) {
        match keyword {
            "$ref" => match value.as_str().and_then(|reference| outer.doc.look_up(reference)) {
                Some((target, pointer)) => self.contain(inner, outer.with(target), &pointer),
                None => self.unjudged(at, keyword),
            },
            "allOf" => {
                for (index, branch) in outer.list(keyword).iter().enumerate() {
                    let place = below(at, &[keyword, &index.to_string()]);
                    self.contain(inner, outer.with(branch), &place);
                }
            }
            "anyOf" | "oneOf" => self.branches(inner, outer, keyword, at),
            "not" => self.not(inner, outer.with(value), at),
            "if" => self.condition(inner, outer, at),
            // Looked at with `if`.
            _ => (),
        }
    }

    fn branches<'a>(&mut self, inner: &Inner<'a>, outer: Node<'a>, keyword: &str, at: &str) {
        if !self.fits_a_branch(inner, outer, keyword) {
            self.unjudged(at, keyword);
        }
    }

    /// Whether every value fits the same branch, and with `oneOf` no other one.
    fn fits_a_branch<'a>(&mut self, inner: &Inner<'a>, outer: Node<'a>, keyword: &str) -> bool {
        let branches = outer.list(keyword);
        let is_same = |part: &Node<'a>| {
            let own = part.list(keyword);
            own.len() == branches.len()
                && own.iter().zip(branches).all(|(a, b)| part.with(a).is_same(&outer.with(b)))
        };
        if inner.parts.iter().any(is_same) {
            return true;
        }
        for (index, branch) in branches.iter().enumerate() {
            let mut others = branches.iter().enumerate().filter(|(other, _)| *other != index);
            let is_only =
                keyword == "anyOf" || others.all(|(_, other)| are_apart(inner, outer.with(other)));
            if is_only && self.proves(inner, outer.with(branch)) {
                return true;
            }
        }
        false
    }

    /// Whether the inner values can be divided by branches or types, so that each part fits.
    pub(super) fn fits_case_by_case<'a>(&mut self, inner: &Inner<'a>, outer: Node<'a>) -> bool {
        !inner.is_case
            && divisions(inner).into_iter().any(|mut cases| {
                cases.iter_mut().all(|case| {
                    case.is_case = true;
                    self.proves(case, outer)
                })
            })
    }

    /// No value may fit the schema below an outer `not`.
    fn not<'a>(&mut self, inner: &Inner<'a>, forbidden: Node<'a>, at: &str) {
        let values = Inner::of(forbidden);
        let is_met = are_apart(inner, forbidden)
            || inner.parts.iter().any(|part| {
                let own = part.get("not").map(|own| part.with(own));
                own.is_some_and(|own| self.proves(&values, own))
            });
        if !is_met {
            self.unjudged(at, "not");
        }
    }

    fn condition<'a>(&mut self, inner: &Inner<'a>, outer: Node<'a>, at: &str) {
        let Some(condition) = outer.get("if").filter(|_| outer.doc.dialect >= Dialect::Draft7)
        else {
            return;
        };
        let condition = outer.with(condition);
        let same = inner
            .parts
            .iter()
            .find(|part| part.get("if").is_some_and(|own| part.with(own).is_same(&condition)));
        for keyword in ["then", "else"] {
            let Some(demanded) = outer.get(keyword) else { continue };
            let given = same.and_then(|part| Some(part.with(part.get(keyword)?)));
            let mut case = given.map_or_else(|| inner.clone(), |given| inner.and(given));
            if keyword == "then" {
                case.add(condition);
            }
            self.contain(&case, outer.with(demanded), &below(at, &[keyword]));
        }
    }
}

/// Ways to see the inner values as several sets, each of which may be judged alone.
fn divisions<'a>(inner: &Inner<'a>) -> Vec<Vec<Inner<'a>>> {
    let mut divisions = Vec::new();
    for part in &inner.parts {
        for keyword in ["anyOf", "oneOf"] {
            let branches = part.list(keyword);
            if !branches.is_empty() {
                divisions
                    .push(branches.iter().map(|branch| inner.and(part.with(branch))).collect());
            }
        }
        let types = part.list("type").iter().filter_map(Value::as_str);
        let alone: Vec<_> =
            types.filter_map(of_type).map(|one| inner.and(part.with(one))).collect();
        if !alone.is_empty() {
            divisions.push(alone);
        }
    }
    divisions
}

/// Whether no value is of both, which types and required constants can show.
fn are_apart<'a>(inner: &Inner<'a>, other: Node<'a>) -> bool {
    let other = Inner::of(other);
    if other.is_empty() || !inner.types().overlaps(other.types()) {
        return true;
    }
    let required = |inner: &Inner<'a>| -> Vec<&'a str> {
        let lists = inner.parts.iter().flat_map(|part| part.list("required"));
        lists.filter_map(Value::as_str).collect()
    };
    let (own, others) = (required(inner), required(&other));
    let only_objects = inner.types() == Types::OBJECT || other.types() == Types::OBJECT;
    only_objects
        && own.iter().filter(|name| others.contains(name)).any(|name| {
            match (constants(inner, name), constants(&other, name)) {
                (Some(own), Some(others)) => own.iter().all(|one| !others.contains(one)),
                _ => false,
            }
        })
}

/// The texts that the member of that name may be, if they are listed.
fn constants<'a>(inner: &Inner<'a>, name: &str) -> Option<Vec<&'a str>> {
    let schemas = inner.parts.iter().flat_map(|part| part.members("properties"));
    let mut schemas = schemas.filter(|(own, _)| *own == name).map(|(_, schema)| schema);
    schemas.find_map(|schema| {
        let only = schema.get("const").filter(|_| schema.doc.dialect >= Dialect::Draft6);
        let only = only.map(std::slice::from_ref);
        let listed = only.or_else(|| schema.get("enum")?.as_array().map(Vec::as_slice))?;
        listed.iter().map(Value::as_str).collect()
    })
}
