//! Keywords about objects.

use std::ops::ControlFlow;

use super::super::dialect::Dialect;
use super::found::Step;
use super::items::listed;
use super::{Asked, Judge, Place, Sink};
use crate::json::{Object, Text, Value, repr_of_str};

impl<'a> Judge<'a> {
    pub(super) fn ask_object(
        &self,
        asked: Asked<'_, 'a>,
        members: &'a Object,
        found: Sink<'_, 'a>,
    ) -> ControlFlow<()> {
        let dialect = self.dialect();
        match asked.keyword {
            "minProperties" | "maxProperties" => self.ask_size(asked, || members.len(), found),
            "required" => self.required(asked, members, found),
            "properties" => self.properties(asked, members, found),
            "patternProperties" => self.pattern_properties(asked, members, found),
            "additionalProperties" => self.additional_properties(asked, members, found),
            "propertyNames" if dialect >= Dialect::Draft6 => {
                self.property_names(asked, members, found)
            }
            "dependencies" if dialect <= Dialect::Draft7 => {
                self.dependencies(asked, members, found)
            }
            "dependentRequired" | "dependentSchemas" if dialect >= Dialect::Draft2019 => {
                self.dependencies(asked, members, found)
            }
            "unevaluatedProperties" if dialect >= Dialect::Draft2019 => {
                self.unevaluated_properties(asked, members, found)
            }
            _ => ControlFlow::Continue(()),
        }
    }

    fn required(
        &self,
        asked: Asked<'_, 'a>,
        members: &'a Object,
        found: Sink<'_, 'a>,
    ) -> ControlFlow<()> {
        let names = asked.value.as_array().unwrap_or_default().iter().filter_map(Value::as_str);
        names.filter(|name| !members.contains_key(name)).try_for_each(|name| {
            found(self.fail(asked, move || format!("{} is a required property", repr_of_str(name))))
        })
    }

    fn properties(
        &self,
        asked: Asked<'_, 'a>,
        members: &'a Object,
        found: Sink<'_, 'a>,
    ) -> ControlFlow<()> {
        let schemas = asked.value.as_object().into_iter().flatten();
        for (name, schema) in schemas {
            if let Some(member) = members.get(name) {
                self.descend(asked.at, Some((Step::Name(name), member)), schema, found)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn pattern_properties(
        &self,
        asked: Asked<'_, 'a>,
        members: &'a Object,
        found: Sink<'_, 'a>,
    ) -> ControlFlow<()> {
        for (pattern, schema) in asked.value.as_object().into_iter().flatten() {
            for (name, member) in members {
                if self.search(asked.at, pattern, name) {
                    self.descend(asked.at, Some((Step::Name(name), member)), schema, found)?;
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn additional_properties(
        &self,
        asked: Asked<'_, 'a>,
        members: &'a Object,
        found: Sink<'_, 'a>,
    ) -> ControlFlow<()> {
        let known = asked.sibling("properties").and_then(Value::as_object);
        let patterns = asked.sibling("patternProperties").and_then(Value::as_object);
        // Python joins the patterns; a single empty one leaves nothing to search for.
        let searched = patterns.into_iter().flat_map(Object::keys).filter(|pattern| {
            !pattern.is_empty() || patterns.is_some_and(|patterns| patterns.len() > 1)
        });
        let searched: Vec<&Text> = searched.collect();
        let extra = members.iter().filter(|(name, _)| {
            known.is_none_or(|known| !known.contains_key(name))
                && !searched.iter().any(|pattern| self.search(asked.at, pattern, name))
        });
        match asked.value {
            schema @ Value::Object(_) => {
                let mut extra = extra;
                extra.try_for_each(|(name, member)| {
                    self.descend(asked.at, Some((Step::Name(name), member)), schema, found)
                })
            }
            Value::Bool(false) => {
                let mut extra: Vec<&str> = extra.map(|(name, _)| name.as_str()).collect();
                if extra.is_empty() {
                    return ControlFlow::Continue(());
                }
                extra.sort_unstable();
                found(self.fail(asked, move || additional(&extra, patterns)))
            }
            _ => ControlFlow::Continue(()),
        }
    }

    fn property_names(
        &self,
        asked: Asked<'_, 'a>,
        members: &'a Object,
        found: Sink<'_, 'a>,
    ) -> ControlFlow<()> {
        members.keys().try_for_each(|name| {
            let name = Value::from(name.as_str());
            let at = Place { instance: &name, path: None, ..asked.at };
            let mut reasons = Vec::new();
            let judged = self.descend(at, None, asked.value, &mut |reason| {
                reasons.push(reason);
                ControlFlow::Continue(())
            });
            let path = asked.at.path();
            reasons.into_iter().try_for_each(|reason| found(reason.outlive(&path)))?;
            judged
        })
    }

    /// `dependencies` and the two keywords that it became in Draft 2019-09.
    fn dependencies(
        &self,
        asked: Asked<'_, 'a>,
        members: &'a Object,
        found: Sink<'_, 'a>,
    ) -> ControlFlow<()> {
        let present = asked.value.as_object().into_iter().flatten();
        for (name, needed) in present.filter(|(name, _)| members.contains_key(name)) {
            let Value::Array(names) = needed else {
                self.descend(asked.at, None, needed, found)?;
                continue;
            };
            let missing = names.iter().filter_map(Value::as_str);
            for missing in missing.filter(|name| !members.contains_key(name)) {
                found(self.fail(asked, move || {
                    format!("{} is a dependency of {}", repr_of_str(missing), repr_of_str(name))
                }))?;
            }
        }
        ControlFlow::Continue(())
    }

    fn unevaluated_properties(
        &self,
        asked: Asked<'_, 'a>,
        members: &'a Object,
        found: Sink<'_, 'a>,
    ) -> ControlFlow<()> {
        let evaluated = self.evaluated_members(asked.at, asked.schema, members);
        let mut left: Vec<&str> = Vec::new();
        for (name, member) in members.iter().filter(|(name, _)| !evaluated.contains(name.as_str()))
        {
            // Python names a member once for every reason.
            self.descend(asked.at, Some((Step::Name(name), member)), asked.value, &mut |_| {
                left.push(name);
                ControlFlow::Continue(())
            })?;
        }
        if left.is_empty() {
            return ControlFlow::Continue(());
        }
        let is_false = asked.value == &Value::Bool(false);
        if is_false {
            left.sort_unstable();
        }
        found(self.fail(asked, move || {
            let (names, verb) = listed(left.iter().map(|name| repr_of_str(name)));
            match is_false {
                true => format!("Unevaluated properties are not allowed ({names} {verb} unexpected)"),
                false => format!(
                    "Unevaluated properties are not valid under the given schema ({names} {verb} unevaluated and invalid)"
                ),
            }
        }))
    }
}

/// About members that nothing allows.
fn additional(extra: &[&str], patterns: Option<&Object>) -> String {
    let (names, verb) = listed(extra.iter().map(|name| repr_of_str(name)));
    let Some(patterns) = patterns else {
        return format!("Additional properties are not allowed ({names} {verb} unexpected)");
    };
    let mut patterns: Vec<&Text> = patterns.keys().collect();
    patterns.sort_unstable();
    let (patterns, _) = listed(patterns.iter().map(|pattern| repr_of_str(pattern)));
    let verb = if extra.len() == 1 { "does" } else { "do" };
    format!("{names} {verb} not match any of the regexes: {patterns}")
}
