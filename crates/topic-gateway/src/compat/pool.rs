//! What schemas mention: the values, numbers, texts and names that decide whether something fits them.

use std::collections::BTreeSet;

use serde_json::{Map, Number, Value, json};

/// Values and names that are kept; those of very large schemas beyond that are left out.
const MOST: usize = 64;

/// Longest text, and most items or members, of a value that is made.
pub(super) const LONGEST: usize = 2000;

/// What some schemas mention.
#[derive(Debug, Default)]
pub(super) struct Pool {
    /// Values that stand on one side of a limit or the other, and one of each type.
    pub(super) values: Vec<Value>,
    /// Names of members.
    pub(super) names: BTreeSet<String>,
    /// Numbers of items and members around the limits.
    pub(super) sizes: BTreeSet<usize>,
}

impl Pool {
    pub(super) fn of(schemas: &[&Value]) -> Self {
        let mut pool = Self::default();
        for value in [
            json!(null),
            json!(true),
            json!(0),
            json!(1.5),
            json!("a"),
            json!(""),
            json!({}),
            json!([]),
            json!(-1),
            json!([1, 1]),
        ] {
            pool.keep(value);
        }
        // A name that no schema mentions.
        pool.names.insert("other".to_owned());
        for schema in schemas {
            pool.visit(schema);
        }
        pool
    }

    fn keep(&mut self, value: Value) {
        if self.values.len() < MOST && !self.values.contains(&value) {
            self.values.push(value);
        }
    }

    fn visit(&mut self, schema: &Value) {
        match schema {
            Value::Object(members) => {
                for (keyword, value) in members {
                    self.keyword(keyword, value);
                    self.visit(value);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.visit(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn keyword(&mut self, keyword: &str, value: &Value) {
        match (keyword, value) {
            ("const", value) => self.keep(value.clone()),
            ("enum", Value::Array(values)) => {
                values.iter().for_each(|value| self.keep(value.clone()));
            }
            (
                "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf",
                Value::Number(number),
            ) => around(number).for_each(|number| self.keep(number)),
            ("minLength" | "maxLength", Value::Number(number)) => {
                sizes(number).for_each(|size| self.keep(Value::String("a".repeat(size))));
            }
            (
                "minItems" | "maxItems" | "minProperties" | "maxProperties",
                Value::Number(number),
            ) => {
                self.sizes.extend(sizes(number));
            }
            ("minContains" | "maxContains", Value::Number(number)) => {
                self.sizes.extend(sizes(number));
            }
            ("pattern", Value::String(pattern)) => self.keep(Value::String(literal(pattern))),
            ("properties" | "dependentRequired" | "dependentSchemas", Value::Object(members)) => {
                self.add_names(members);
            }
            ("patternProperties", Value::Object(members)) => {
                for pattern in members.keys() {
                    self.add_name(&literal(pattern));
                }
            }
            ("required", Value::Array(names)) => {
                names.iter().filter_map(Value::as_str).for_each(|name| self.add_name(name));
            }
            _ => {}
        }
    }

    fn add_names(&mut self, members: &Map<String, Value>) {
        members.keys().for_each(|name| self.add_name(name));
    }

    fn add_name(&mut self, name: &str) {
        if self.names.len() < MOST {
            self.names.insert(name.to_owned());
        }
    }
}

/// A number, and its neighbours.
fn around(number: &Number) -> impl Iterator<Item = Value> {
    let whole = number.as_i64().into_iter().flat_map(|number| {
        [Some(number), number.checked_sub(1), number.checked_add(1)].into_iter().flatten()
    });
    let other = number.as_f64().filter(|_| number.as_i64().is_none());
    let other = other.into_iter().flat_map(|number| [number, number - 0.5, number + 0.5]);
    whole.map(Value::from).chain(other.filter_map(Number::from_f64).map(Value::from))
}

/// A limit and its neighbours, as far as a value of that size is worth making.
fn sizes(limit: &Number) -> impl Iterator<Item = usize> {
    let limit = limit.as_u64().and_then(|limit| usize::try_from(limit).ok());
    let around = limit.into_iter().flat_map(|limit| [limit.saturating_sub(1), limit, limit + 1]);
    around.filter(|size| *size <= LONGEST)
}

/// A text that a simple pattern matches: what stands in it literally.
pub(super) fn literal(pattern: &str) -> String {
    pattern.chars().filter(|each| each.is_alphanumeric() || "-_ :/@".contains(*each)).collect()
}
