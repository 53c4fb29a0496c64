//! Objects.

use std::collections::BTreeSet;

use serde_json::Value;

use super::part::{Inner, Node, of_type};
use super::prove::{Proof, below};
use crate::pattern::Pattern;

impl Proof<'_> {
    pub(super) fn members<'a>(
        &mut self,
        inner: &Inner<'a>,
        outer: Node<'a>,
        keyword: &str,
        at: &str,
    ) {
        match keyword {
            "required" => self.required(inner, outer, at),
            "minProperties" => {
                let required = u64::try_from(required(inner).len()).unwrap_or(u64::MAX);
                if outer.get(keyword).and_then(Value::as_u64).is_none_or(|least| least > required) {
                    self.size(inner, outer, keyword, at);
                }
            }
            "maxProperties" => self.size(inner, outer, keyword, at),
            "propertyNames" => self.property_names(inner, outer, at),
            "dependentRequired" | "dependentSchemas" | "dependencies" => {
                self.dependencies(inner, outer, keyword, at);
            }
            "unevaluatedProperties" => {
                if outer.get(keyword) != Some(&Value::Bool(true)) {
                    self.unjudged(at, keyword);
                }
            }
            "properties" => self.named(inner, outer, at),
            "patternProperties" => self.patterned(inner, outer, at),
            _ => self.additional(inner, outer, at),
        }
    }

    fn required<'a>(&mut self, inner: &Inner<'a>, outer: Node<'a>, at: &str) {
        let given = required(inner);
        for name in outer.list("required").iter().filter_map(Value::as_str) {
            if !given.contains(name) {
                let message = format!(
                    "the {} schema requires {name:?}, the {} one does not",
                    self.outer, self.inner
                );
                self.object(at, "required", message);
            }
        }
    }

    /// Members that the outer schema names.
    fn named<'a>(&mut self, inner: &Inner<'a>, outer: Node<'a>, at: &str) {
        for (name, schema) in outer.members("properties") {
            let member = member(inner, name);
            self.contain(&member, schema, &below(at, &["properties", name]));
        }
    }

    /// Members whose names match a pattern of the outer schema.
    fn patterned<'a>(&mut self, inner: &Inner<'a>, outer: Node<'a>, at: &str) {
        for (pattern, schema) in outer.members("patternProperties") {
            let place = below(at, &["patternProperties", pattern]);
            let regex = Pattern::anywhere(pattern).ok();
            for name in names(inner).into_iter().filter(|name| may_match(regex.as_ref(), name)) {
                self.contain(&member(inner, name), schema, &place);
            }
            // Names that nobody mentions: the same pattern covers them, or everything that may cover them does.
            let same = inner.parts.iter().filter_map(|part| {
                part.members("patternProperties").find(|(own, _)| *own == pattern)
            });
            let same: Vec<Node<'a>> = same.map(|(_, schema)| schema).collect();
            if same.is_empty() {
                self.unnamed(inner, schema, &[], &place);
            } else {
                let mut covered = Inner::default();
                same.into_iter().for_each(|schema| covered.add(schema));
                self.contain(&covered, schema, &place);
            }
        }
    }

    /// Members that the outer schema neither names nor has a pattern for.
    fn additional<'a>(&mut self, inner: &Inner<'a>, outer: Node<'a>, at: &str) {
        let Some(schema) = outer.get("additionalProperties") else { return };
        let schema = outer.with(schema);
        let place = below(at, &["additionalProperties"]);
        let patterns: Vec<&String> =
            outer.members("patternProperties").map(|(pattern, _)| pattern).collect();
        let compiled: Vec<Option<Pattern>> =
            patterns.iter().map(|pattern| Pattern::anywhere(pattern).ok()).collect();
        let is_known = |name: &str| {
            let mut compiled = compiled.iter().flatten();
            outer.members("properties").any(|(own, _)| own == name)
                || compiled.any(|pattern| pattern.matches(name).unwrap_or(false))
        };
        for name in names(inner).into_iter().filter(|name| !is_known(name)) {
            let member = member(inner, name);
            if schema.schema == &Value::Bool(false) && !member.is_empty() {
                let message = format!(
                    "the {} schema accepts the property {name:?}, the {} one does not",
                    self.inner, self.outer
                );
                self.object(at, "additionalProperties", message);
            } else {
                self.contain(&member, schema, &place);
            }
        }
        if schema.schema == &Value::Bool(false) && is_open(inner, &patterns) {
            let message = format!(
                "the {} schema accepts properties that it does not name, the {} one does not",
                self.inner, self.outer
            );
            return self.object(at, "additionalProperties", message);
        }
        self.unnamed(inner, schema, &patterns, &place);
    }

    /// Members that no inner schema names: those of each inner pattern but the ones given, and all others.
    ///
    /// The patterns of one inner schema say nothing about the names of another, so each schema must prove it alone.
    fn unnamed<'a>(
        &mut self,
        inner: &Inner<'a>,
        schema: Node<'a>,
        without: &[&String],
        place: &str,
    ) {
        let before = self.problems.len();
        let mut candidates = inner.parts.iter().filter(|part| says_something(part));
        let Some(first) = candidates.next() else {
            return self.contain(&Inner::default(), schema, place);
        };
        for part in std::iter::once(first).chain(candidates) {
            self.problems.truncate(before);
            for (pattern, own) in part.members("patternProperties") {
                if !without.contains(&pattern) {
                    self.contain(&Inner::of(own), schema, place);
                }
            }
            let rest = part.get("additionalProperties");
            let rest = rest.map_or_else(Inner::default, |rest| Inner::of(part.with(rest)));
            self.contain(&rest, schema, place);
            if self.problems.len() == before {
                return;
            }
        }
    }

    fn property_names<'a>(&mut self, inner: &Inner<'a>, outer: Node<'a>, at: &str) {
        let Some(schema) = outer.get("propertyNames") else { return };
        let mut names = Inner::default();
        // Names are texts.
        of_type("string").into_iter().for_each(|text| names.add(outer.with(text)));
        for part in &inner.parts {
            if let Some(own) = part.get("propertyNames") {
                names.add(part.with(own));
            }
        }
        self.contain(&names, outer.with(schema), &below(at, &["propertyNames"]));
    }

    fn dependencies<'a>(&mut self, inner: &Inner<'a>, outer: Node<'a>, keyword: &str, at: &str) {
        let given = required(inner);
        for (name, needed) in outer.members(keyword) {
            let own = || {
                let own = inner.parts.iter().flat_map(|part| part.members(keyword));
                own.filter(|(own, _)| *own == name).map(|(_, own)| own)
            };
            let is_met = match needed.schema {
                Value::Array(names) => names.iter().filter_map(Value::as_str).all(|needed| {
                    let lists = |own: Node<'a>| {
                        own.schema.as_array().is_some_and(|own| own.iter().any(|own| own == needed))
                    };
                    given.contains(needed) || own().any(lists)
                }),
                _ => own().any(|own| own.is_same(&needed)) || self.proves(inner, needed),
            };
            if !is_met && !member(inner, name).is_empty() {
                self.demand(at, keyword, &format!("more where {name:?} is present"));
            }
        }
    }
}

/// The names that every value has.
fn required<'a>(inner: &Inner<'a>) -> BTreeSet<&'a str> {
    inner.parts.iter().flat_map(|part| part.list("required")).filter_map(Value::as_str).collect()
}

/// The names that the inner schemas mention.
fn names<'a>(inner: &Inner<'a>) -> BTreeSet<&'a str> {
    let named = inner.parts.iter().flat_map(|part| part.members("properties"));
    named.map(|(name, _)| name.as_str()).collect()
}

/// What applies to the member of that name.
fn member<'a>(inner: &Inner<'a>, name: &str) -> Inner<'a> {
    let mut member = Inner::default();
    for part in &inner.parts {
        let mut is_known = false;
        for (_, schema) in part.members("properties").filter(|(own, _)| *own == name) {
            member.add(schema);
            is_known = true;
        }
        for (pattern, schema) in part.members("patternProperties") {
            match Pattern::anywhere(pattern).ok().and_then(|pattern| pattern.matches(name).ok()) {
                Some(true) => {
                    member.add(schema);
                    is_known = true;
                }
                Some(false) => (),
                // Not known whether it applies, nor then whether the rest does.
                None => is_known = true,
            }
        }
        if let Some(rest) = part.get("additionalProperties").filter(|_| !is_known) {
            member.add(part.with(rest));
        }
    }
    member
}

/// Whether members that no inner schema names may be there, but for the patterns given.
fn is_open(inner: &Inner<'_>, without: &[&String]) -> bool {
    !inner.parts.iter().any(|part| {
        part.get("additionalProperties") == Some(&Value::Bool(false))
            && part.members("patternProperties").all(|(pattern, schema)| {
                without.contains(&pattern) || schema.schema == &Value::Bool(false)
            })
    })
}

fn says_something(part: &Node<'_>) -> bool {
    part.get("patternProperties").is_some() || part.get("additionalProperties").is_some()
}

fn may_match(pattern: Option<&Pattern>, name: &str) -> bool {
    pattern.is_none_or(|pattern| pattern.matches(name).unwrap_or(true))
}
