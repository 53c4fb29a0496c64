//! Whether a schema takes what another one took.
//!
//! The question is one of sets: a change is *backward* compatible if every value that the old schema accepts is accepted
//! by the new one, and *forward* compatible the other way round. The answer is sound and cautious: what is called
//! compatible is so for every value, and what cannot be proved is called a problem, also where no value shows one.
//! In particular a property that is described for the first time is a backward problem where the old schema let it
//! have any value. `format` and everything that only describes is ignored, as it is when a value is checked.

mod combine;
mod example;
mod items;
mod members;
mod part;
mod pool;
mod prove;
mod sample;
mod scalars;
#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::json;
use part::{Doc, Inner, Node};
use prove::Proof;

/// What stands against using one schema in place of another.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Why values of the old schema may be refused by the new one.
    pub backward: Vec<Problem>,
    /// Why values of the new schema may be refused by the old one.
    pub forward: Vec<Problem>,
}

/// One demand that is not known to be met.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// Where the demand stands, as a JSON pointer (RFC 6901) to a schema: in the new one for backward problems, in the
    /// old one for forward problems.
    pub pointer: String,
    pub keyword: String,
    /// One sentence.
    pub message: String,
    /// A value that one schema accepts and the other one refuses, if possible for this demand alone; `None` unless
    /// [`Report::find_examples`] has found one.
    pub example: Option<json::Value>,
}

impl Report {
    /// Whether the new schema accepts everything that the old one accepts.
    pub fn is_backward_compatible(&self) -> bool {
        self.backward.is_empty()
    }

    /// Whether the old schema accepts everything that the new one accepts.
    pub fn is_forward_compatible(&self) -> bool {
        self.forward.is_empty()
    }

    /// Whether both schemas accept the same.
    pub fn is_fully_compatible(&self) -> bool {
        self.is_backward_compatible() && self.is_forward_compatible()
    }
}

/// Compares two valid schemas.
///
/// ```
/// use serde_json::json;
/// use topic_gateway::compat::compare;
///
/// let old = json!({"type": "object", "required": ["id"]});
/// let new = json!({"type": "object", "required": ["id", "country"]});
/// let report = compare(&new, &old);
/// assert!(report.is_forward_compatible() && !report.is_backward_compatible());
/// assert_eq!(report.backward[0].message, "the new schema requires \"country\", the old one does not");
/// ```
pub fn compare(new: &Value, old: &Value) -> Report {
    Report {
        backward: contained(old, "old", new, "new"),
        forward: contained(new, "new", old, "old"),
    }
}

/// Why a value of `inner` may be refused by `outer`; both are named in sentences.
fn contained(inner: &Value, inner_name: &str, outer: &Value, outer_name: &str) -> Vec<Problem> {
    let (from, to) = (Doc::new(inner), Doc::new(outer));
    let (Some(from), Some(to)) = (from, to) else {
        return vec![unjudged("$schema", "$schema names a draft that is not known")];
    };
    if from.dialect != to.dialect {
        return vec![unjudged(
            "$schema",
            "another draft of JSON Schema may read the same words differently",
        )];
    }
    let mut proof = Proof::new(inner_name, outer_name);
    let inner = Inner::of(Node { doc: &from, schema: inner });
    proof.contain(&inner, Node { doc: &to, schema: outer }, "");
    proof.problems
}

fn unjudged(keyword: &str, reason: &str) -> Problem {
    Problem {
        pointer: String::new(),
        keyword: keyword.to_owned(),
        message: format!("cannot be judged: {reason}"),
        example: None,
    }
}
