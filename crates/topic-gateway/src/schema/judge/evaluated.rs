//! What other keywords have looked at, for `unevaluatedItems` and `unevaluatedProperties`.
//!
//! Python's package looks for it by running the schemas again, with notions of its own: a member that fits
//! `additionalProperties` counts as looked at even where `properties` names it. They are kept as they are.

use std::collections::HashSet;

use super::super::dialect::Dialect;
use super::found::Step;
use super::{Asked, Judge, MAX_STEPS, Place};
use crate::json::{Object, Text, Value};

impl<'a> Judge<'a> {
    /// For each item whether a keyword of `schema` has looked at it (`find_evaluated_item_indexes_by_schema`).
    pub(super) fn evaluated_items(
        &self,
        at: Place<'_, 'a>,
        schema: &'a Object,
        items: &'a [Value],
    ) -> Vec<bool> {
        let mut seen = vec![false; items.len()];
        self.mark_items(at, schema, items, &mut seen);
        seen
    }

    fn mark_items(
        &self,
        at: Place<'_, 'a>,
        schema: &'a Object,
        items: &'a [Value],
        seen: &mut [bool],
    ) {
        let is_2019 = self.dialect() == Dialect::Draft2019;
        self.each_applied(at, schema, &mut |at, schema| self.mark_items(at, schema, items, seen));
        let prefix = match schema.get("items") {
            Some(Value::Array(first)) if is_2019 && !schema.contains_key("additionalItems") => {
                Some(first)
            }
            // To Python a boolean is no schema here, and has no length: it gives up with an error.
            Some(_) => return seen.fill(true),
            None if is_2019 => None,
            None => match schema.get("prefixItems") {
                Some(Value::Array(first)) => Some(first),
                _ => None,
            },
        };
        if let Some(prefix) = prefix {
            seen.iter_mut().take(prefix.len()).for_each(|seen| *seen = true);
        }
        for keyword in ["contains", "unevaluatedItems"] {
            let Some(schema) = schema.get(keyword) else { continue };
            for (index, (item, seen)) in items.iter().zip(seen.iter_mut()).enumerate() {
                *seen = *seen || self.is_valid(at, Some((Step::Index(index), item)), schema);
            }
        }
    }

    /// The members that a keyword of `schema` has looked at (`find_evaluated_property_keys_by_schema`).
    pub(super) fn evaluated_members(
        &self,
        at: Place<'_, 'a>,
        schema: &'a Object,
        members: &'a Object,
    ) -> HashSet<&'a str> {
        let mut seen = HashSet::new();
        self.mark_members(at, schema, members, &mut seen);
        seen
    }

    fn mark_members(
        &self,
        at: Place<'_, 'a>,
        schema: &'a Object,
        members: &'a Object,
        seen: &mut HashSet<&'a str>,
    ) {
        self.each_applied(at, schema, &mut |at, schema| {
            self.mark_members(at, schema, members, seen);
        });
        let named = |schema: &'a Object| {
            members.keys().map(Text::as_str).filter(|name| schema.contains_key(name))
        };
        if let Some(Value::Object(properties)) = schema.get("properties") {
            seen.extend(named(properties));
        }
        for keyword in ["additionalProperties", "unevaluatedProperties"] {
            match schema.get(keyword) {
                Some(Value::Bool(true)) => seen.extend(members.keys().map(Text::as_str)),
                // In Draft 2019-09 Python takes the keywords of the schema for names of members.
                Some(Value::Object(schema)) if self.dialect() == Dialect::Draft2019 => {
                    seen.extend(named(schema));
                }
                Some(schema) => {
                    let fitting = members.iter().filter(|(name, member)| {
                        self.is_valid(at, Some((Step::Name(name), member)), schema)
                    });
                    seen.extend(fitting.map(|(name, _)| name.as_str()));
                }
                None => (),
            }
        }
        if let Some(Value::Object(patterns)) = schema.get("patternProperties") {
            let matched = members
                .keys()
                .filter(|name| patterns.keys().any(|pattern| self.search(at, pattern, name)));
            seen.extend(matched.map(Text::as_str));
        }
        if let Some(Value::Object(dependent)) = schema.get("dependentSchemas") {
            for (_, schema) in dependent.iter().filter(|(name, _)| members.contains_key(name)) {
                if let Some(schema) = schema.as_object() {
                    self.mark_members(at, schema, members, seen);
                }
            }
        }
    }

    /// The schemas that are applied to the same value and that it fits.
    fn each_applied(
        &self,
        at: Place<'_, 'a>,
        schema: &'a Object,
        visit: &mut dyn FnMut(Place<'_, 'a>, &'a Object),
    ) {
        if at.steps >= MAX_STEPS || !self.goes_on(at) {
            return;
        }
        let at = Place { steps: at.steps + 1, ..at };
        let mut visit = |at: Place<'_, 'a>, schema: &'a Value| {
            if let Some(schema) = schema.as_object() {
                visit(at, schema);
            }
        };
        let dynamic =
            if self.dialect() == Dialect::Draft2019 { "$recursiveRef" } else { "$dynamicRef" };
        for keyword in ["$ref", dynamic] {
            let Some(value) = schema.get(keyword) else { continue };
            if let Ok((schema, scope)) = self.refer(Asked { at, keyword, value, schema }) {
                visit(Place { scope: &scope, ..at }, schema);
            }
        }
        if let Some(condition) = schema.get("if") {
            let holds = self.is_valid(at, None, condition);
            if holds {
                visit(at, condition);
            }
            if let Some(schema) = schema.get(if holds { "then" } else { "else" }) {
                visit(at, schema);
            }
        }
        for keyword in ["allOf", "oneOf", "anyOf"] {
            let branches = schema.get(keyword).and_then(Value::as_array).unwrap_or_default();
            for branch in branches.iter().filter(|branch| self.is_valid(at, None, branch)) {
                visit(at, branch);
            }
        }
    }
}
