//! Values that show a problem: one schema accepts them, and the other one refuses them, for that very demand if there is
//! such a value.
//!
//! What is shown is true, since both schemas were asked. What is not shown may still be a problem: the search is short.

use serde_json::Value;

use super::pool::{LONGEST, Pool};
use super::sample::Sampler;
use super::{Problem, Report};
use crate::json;
use crate::schema::{Options, Schema};

/// Values that are tried for one direction.
const MOST_TRIED: usize = 8000;

/// Bytes of an example that is short enough; a longer one is replaced if a shorter one is found.
const SHORT: usize = 200;

/// Values that others are made of by a single change.
const MOST_CHANGED: usize = 24;

impl Report {
    /// Looks for a value that shows each problem. Both schemas are those that were compared.
    pub fn find_examples(&mut self, new: &Schema, old: &Schema) {
        find(&mut self.backward, old, new);
        find(&mut self.forward, new, old);
    }
}

fn find(problems: &mut [Problem], accepts: &Schema, refuses: &Schema) {
    if problems.is_empty() {
        return;
    }
    let (inner, outer) = (accepts.document().to_serde(), refuses.document().to_serde());
    let without: Vec<_> = problems.iter().map(|problem| without(&outer, problem)).collect();
    // Refused for several demands at once, or for one that no problem names.
    let mut other = None;
    let mut lengths = vec![usize::MAX; problems.len()];
    let mut tried = 0;
    let mut shown = |value: &Value| {
        if tried >= MOST_TRIED || lengths.iter().all(|length| *length <= SHORT) {
            return Shown::Enough;
        }
        tried += 1;
        let length = value.to_string().len();
        let value = json::Value::from(value);
        if accepts.check(&value).is_err() {
            return Shown::NotAccepted;
        }
        if refuses.check(&value).is_ok() {
            return Shown::Accepted;
        }
        let mut is_named = false;
        for ((problem, without), known) in problems.iter_mut().zip(&without).zip(&mut lengths) {
            if without.as_ref().is_some_and(|without| without.check(&value).is_ok()) {
                is_named = true;
                if length < *known {
                    *known = length;
                    problem.example = Some(value.clone());
                }
            }
        }
        if !is_named {
            other.get_or_insert(value);
        }
        Shown::Refused
    };
    try_values(&inner, &outer, &mut shown);
    // Beside examples of their own for other problems it would mislead.
    if problems.iter().all(|problem| problem.example.is_none()) {
        for problem in problems {
            problem.example.clone_from(&other);
        }
    }
}

/// Values of both schemas, and then such values with a single change.
fn try_values(inner: &Value, outer: &Value, shown: &mut dyn FnMut(&Value) -> Shown) {
    // What both accept comes first: after one change, one demand refuses it.
    let (mut accepted, mut refused) = (Vec::new(), vec![Value::Null]);
    for root in [inner, outer] {
        for value in (Sampler { root }).values(root) {
            match shown(&value) {
                Shown::Accepted => accepted.push(value),
                Shown::Refused => refused.push(value),
                Shown::NotAccepted => {}
                Shown::Enough => return,
            }
        }
    }
    accepted.append(&mut refused);
    let pool = Pool::of(&[inner, outer]);
    for changed in accepted.iter().take(MOST_CHANGED).flat_map(|value| changes(value, &pool)) {
        if matches!(shown(&changed), Shown::Enough) {
            return;
        }
    }
}

/// What a value has shown.
enum Shown {
    /// Both schemas accept it.
    Accepted,
    /// One accepts and the other one refuses it.
    Refused,
    /// It is beside the point.
    NotAccepted,
    /// Nothing more needs to be tried.
    Enough,
}

/// The schema without the demand of a problem, if there is such a schema: what that one accepts and the whole one does not
/// is refused for the demand.
fn without(outer: &Value, problem: &Problem) -> Option<Schema> {
    let mut relaxed = outer.clone();
    let place = relaxed.pointer_mut(&problem.pointer)?;
    match place {
        Value::Object(members) => drop(members.remove(&problem.keyword)?),
        Value::Bool(_) => *place = Value::Bool(true),
        Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) => return None,
    }
    Schema::new(json::Value::from(&relaxed), &Options::default()).ok()
}

/// The value with one change, at each of its places.
fn changes(value: &Value, pool: &Pool) -> Vec<Value> {
    let mut made = pool.values.clone();
    match value {
        Value::Object(members) => {
            for name in members.keys() {
                let mut fewer = members.clone();
                fewer.remove(name);
                made.push(Value::Object(fewer));
            }
            for name in pool.names.iter().filter(|name| !members.contains_key(*name)) {
                made.extend(pool.values.iter().map(|value| {
                    let mut more = members.clone();
                    more.insert(name.clone(), value.clone());
                    Value::Object(more)
                }));
            }
            made.extend(pool.sizes.iter().map(|size| {
                let mut more = members.clone();
                (more.len()..*size).for_each(|index| {
                    more.insert(format!("member{index}"), Value::from("a"));
                });
                Value::Object(more)
            }));
            for (name, member) in members {
                made.extend(changes(member, pool).into_iter().map(|changed| {
                    let mut other = members.clone();
                    other.insert(name.clone(), changed);
                    Value::Object(other)
                }));
            }
        }
        Value::Array(items) => {
            let last = items.last().cloned().unwrap_or_else(|| Value::from("a"));
            for size in pool.sizes.iter().copied().chain([items.len() + 1]) {
                let mut other = items.clone();
                other.resize(size.min(LONGEST), last.clone());
                made.push(Value::Array(other));
            }
            for (index, item) in items.iter().enumerate() {
                made.extend(changes(item, pool).into_iter().map(|changed| {
                    let mut other = items.clone();
                    other[index] = changed;
                    Value::Array(other)
                }));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    made
}
