//! JSON as it was written: order, exact numbers, and the text forms that Python gives it.
//!
//! Clients of governed topics know the texts of Python's `json` and `repr`: an event's value in Kafka, a message key, a
//! field that a pattern is held against and the words of a refusal are all written that way. [`Value`] therefore keeps
//! what such texts need and `serde_json::Value` does not: the order of members and integers of any size.

mod convert;
mod number;
mod object;
mod parse;
mod repr;
#[cfg(test)]
mod tests;
mod text;

use compact_str::CompactString;

pub use number::Number;
pub use object::{Members, Object};
pub use parse::{Limits, MAX_DEPTH, ParseError, Problem, parse};
pub use repr::repr_of_str;

/// A text; a short one needs no memory of its own.
pub type Text = CompactString;

/// One JSON value. `==` compares what was written (`1` is not `1.0`), [`Value::equals`] what it means.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    #[default]
    Null,
    Bool(bool),
    Number(Number),
    String(Text),
    Array(Vec<Value>),
    Object(Object),
}

impl Value {
    /// The member of that name; `None` for every other kind of value too.
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.as_object()?.get(field)
    }

    /// The members, if this is an object.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(members) => Some(members),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) | Self::Array(_) => None,
        }
    }

    /// The items, if this is an array.
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Self::Array(items) => Some(items),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) | Self::Object(_) => {
                None
            }
        }
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }

    /// The number, if this is one.
    pub fn as_number(&self) -> Option<&Number> {
        match self {
            Self::Number(number) => Some(number),
            Self::Null | Self::Bool(_) | Self::String(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }

    /// Equality of JSON Schema 2020-12, section 4.2.2: numbers by value, objects without regard to order.
    ///
    /// ```
    /// use topic_gateway::json::{Limits, parse};
    ///
    /// let one = parse(br#"{"a": 1, "b": true}"#, Limits::default()).unwrap();
    /// let other = parse(br#"{"b": true, "a": 1.0}"#, Limits::default()).unwrap();
    /// assert!(one.equals(&other) && one != other);
    /// ```
    pub fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(one), Self::Bool(other)) => one == other,
            (Self::Number(one), Self::Number(other)) => one.compare(other).is_eq(),
            (Self::String(one), Self::String(other)) => one == other,
            (Self::Array(one), Self::Array(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|(a, b)| a.equals(b))
            }
            (Self::Object(one), Self::Object(other)) => {
                one.len() == other.len()
                    && one.iter().all(|(name, a)| other.get(name).is_some_and(|b| a.equals(b)))
            }
            _ => false,
        }
    }
}
