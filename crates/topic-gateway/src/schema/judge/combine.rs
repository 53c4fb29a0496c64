//! Keywords about values of every type.

use std::ops::ControlFlow;

use super::super::dialect::Dialect;
use super::found::Context;
use super::{Asked, Judge, Sink};
use crate::json::Value;

impl<'a> Judge<'a> {
    /// Whether the value is of the type or of one of the types.
    pub(super) fn is_of_type(&self, value: &Value, types: &Value) -> bool {
        match types {
            Value::Array(types) => types.iter().any(|name| self.is_of_type(value, name)),
            name => match (name.as_str(), value) {
                (Some("null"), Value::Null)
                | (Some("boolean"), Value::Bool(_))
                | (Some("number"), Value::Number(_))
                | (Some("string"), Value::String(_))
                | (Some("array"), Value::Array(_))
                | (Some("object"), Value::Object(_)) => true,
                (Some("integer"), Value::Number(number)) if self.dialect() == Dialect::Draft4 => {
                    number.is_written_as_integer()
                }
                (Some("integer"), Value::Number(number)) => number.is_integral(),
                _ => false,
            },
        }
    }

    pub(super) fn ask_any(&self, asked: Asked<'_, 'a>, found: Sink<'_, 'a>) -> ControlFlow<()> {
        let (instance, value) = (asked.at.instance, asked.value);
        let fits = match asked.keyword {
            "type" => self.is_of_type(instance, value),
            "enum" => value.as_array().is_none_or(|all| all.iter().any(|one| one.equals(instance))),
            _ => self.dialect() < Dialect::Draft6 || value.equals(instance),
        };
        if fits {
            return ControlFlow::Continue(());
        }
        let keyword = asked.keyword;
        found(self.fail(asked, move || match (keyword, value) {
            ("type", Value::Array(types)) => {
                let types: Vec<String> = types.iter().map(Value::repr).collect();
                format!("{} is not of type {}", instance.repr(), types.join(", "))
            }
            ("type", name) => format!("{} is not of type {}", instance.repr(), name.repr()),
            ("enum", all) => format!("{} is not one of {}", instance.repr(), all.repr()),
            (_, only) => format!("{} was expected", only.repr()),
        }))
    }

    pub(super) fn ask_combination(
        &self,
        asked: Asked<'_, 'a>,
        found: Sink<'_, 'a>,
    ) -> ControlFlow<()> {
        let branches = asked.value.as_array().unwrap_or_default();
        match asked.keyword {
            "allOf" => {
                branches.iter().try_for_each(|schema| self.descend(asked.at, None, schema, found))
            }
            "anyOf" => self.first_fitting(asked, branches, found).map_continue(|_| ()),
            "oneOf" => self.one_of(asked, branches, found),
            "not" => self.not(asked, found),
            _ => self.condition(asked, found),
        }
    }

    /// The first branch that fits; if none does, that is what is found, with what each branch found as its context.
    fn first_fitting(
        &self,
        asked: Asked<'_, 'a>,
        branches: &'a [Value],
        found: Sink<'_, 'a>,
    ) -> ControlFlow<(), Option<usize>> {
        let mut context = Context::default();
        for (index, schema) in branches.iter().enumerate() {
            let mut fits = true;
            self.descend(asked.at, None, schema, &mut |reason| {
                fits = false;
                context.add(reason);
                ControlFlow::Continue(())
            })?;
            if fits {
                return ControlFlow::Continue(Some(index));
            }
        }
        let instance = asked.at.instance;
        let mut reason = self.fail(asked, move || {
            format!("{} is not valid under any of the given schemas", instance.repr())
        });
        reason.context = context;
        found(reason)?;
        ControlFlow::Continue(None)
    }

    fn one_of(
        &self,
        asked: Asked<'_, 'a>,
        branches: &'a [Value],
        found: Sink<'_, 'a>,
    ) -> ControlFlow<()> {
        let Some(first) = self.first_fitting(asked, branches, found)? else {
            return ControlFlow::Continue(());
        };
        let others = branches.iter().skip(first + 1);
        let mut fitting: Vec<&Value> =
            others.filter(|schema| self.is_valid(asked.at, None, schema)).collect();
        if fitting.is_empty() {
            return ControlFlow::Continue(());
        }
        // Python names the first one last.
        fitting.push(&branches[first]);
        let instance = asked.at.instance;
        found(self.fail(asked, move || {
            let schemas: Vec<String> = fitting.iter().map(|schema| schema.repr()).collect();
            format!("{} is valid under each of {}", instance.repr(), schemas.join(", "))
        }))
    }

    fn not(&self, asked: Asked<'_, 'a>, found: Sink<'_, 'a>) -> ControlFlow<()> {
        let (instance, schema) = (asked.at.instance, asked.value);
        if !self.is_valid(asked.at, None, schema) {
            return ControlFlow::Continue(());
        }
        found(self.fail(asked, move || {
            format!("{} should not be valid under {}", instance.repr(), schema.repr())
        }))
    }

    fn condition(&self, asked: Asked<'_, 'a>, found: Sink<'_, 'a>) -> ControlFlow<()> {
        if self.dialect() < Dialect::Draft7 {
            return ControlFlow::Continue(());
        }
        let holds = self.is_valid(asked.at, None, asked.value);
        match asked.sibling(if holds { "then" } else { "else" }) {
            Some(schema) => self.descend(asked.at, None, schema, found),
            None => ControlFlow::Continue(()),
        }
    }
}
