//! How the crate `jsonschema` reads a [`Value`] in place, without a copy and with exact integers.

use std::borrow::Cow;

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, JsonNumber, Node, NodeIdentity, Object as Members};

use crate::json::{self, Number, Object, Value};

/// Marks [`Value`] as what a validator checks.
pub(super) struct Exact;

impl Json for Exact {
    type Node<'a> = &'a Value;
    type PreparedKey = String;
    type StringBuffer = Value;

    fn prepare_key(key: &str) -> String {
        key.to_owned()
    }

    fn with_string_node<T>(buffer: &mut Value, string: &str, f: impl FnOnce(&Value) -> T) -> T {
        *buffer = string.into();
        f(buffer)
    }
}

impl<'a> Node<'a, Exact> for &'a Value {
    type Object = &'a Object;
    type Array = &'a [Value];
    type Number = &'a Number;

    fn as_object(&self) -> Option<&'a Object> {
        Value::as_object(self)
    }

    fn as_array(&self) -> Option<&'a [Value]> {
        Value::as_array(self)
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        Value::as_str(self).map(Cow::Borrowed)
    }

    fn as_number(&self) -> Option<&'a Number> {
        Value::as_number(self)
    }

    fn as_boolean(&self) -> Option<bool> {
        if let Value::Bool(bool) = self { Some(*bool) } else { None }
    }

    fn is_null(&self) -> bool {
        **self == Value::Null
    }

    fn json_type(&self) -> JsonType {
        match self {
            Value::Null => JsonType::Null,
            Value::Bool(_) => JsonType::Boolean,
            Value::Number(_) => JsonType::Number,
            Value::String(_) => JsonType::String,
            Value::Array(_) => JsonType::Array,
            Value::Object(_) => JsonType::Object,
        }
    }

    fn equals_value(&self, expected: &serde_json::Value) -> bool {
        equals(self, expected)
    }

    fn to_value(&self) -> Cow<'a, serde_json::Value> {
        Cow::Owned(self.to_serde())
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::new(std::ptr::from_ref::<Value>(self).addr()))
    }
}

/// [`Value::equals`] against a value of the schema as the crate holds it.
fn equals(value: &Value, expected: &serde_json::Value) -> bool {
    use serde_json::Value as Plain;
    match (value, expected) {
        (Value::Null, Plain::Null) => true,
        (Value::Bool(one), Plain::Bool(other)) => one == other,
        (Value::Number(one), Plain::Number(other)) => one.compare(&other.into()).is_eq(),
        (Value::String(one), Plain::String(other)) => one == other,
        (Value::Array(one), Plain::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| equals(a, b))
        }
        (Value::Object(one), Plain::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, a)| other.get(name.as_str()).is_some_and(|b| equals(a, b)))
        }
        _ => false,
    }
}

impl<'a> Members<'a, Exact> for &'a Object {
    type Node = &'a Value;
    type MemberName = &'a str;
    type MembersIter = Named<'a>;

    fn len(&self) -> usize {
        Object::len(self)
    }

    fn get(&self, key: &String) -> Option<&'a Value> {
        Object::get(self, key.as_str())
    }

    fn members(&self) -> Named<'a> {
        Named(self.iter())
    }
}

/// The members of an object with their names.
pub(super) struct Named<'a>(json::Members<'a>);

impl<'a> Iterator for Named<'a> {
    type Item = (&'a str, &'a Value);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(name, value)| (name.as_str(), value))
    }
}

impl<'a> Array<'a, Exact> for &'a [Value] {
    type Node = &'a Value;
    type ElementsIter = std::slice::Iter<'a, Value>;

    fn len(&self) -> usize {
        <[Value]>::len(self)
    }

    fn elements(&self) -> std::slice::Iter<'a, Value> {
        self.iter()
    }

    fn is_unique(&self) -> bool {
        super::unique::all_differ(self)
    }
}

impl JsonNumber for &Number {
    fn as_u64(&self) -> Option<u64> {
        match self {
            Number::Int(int) => u64::try_from(*int).ok(),
            Number::Big(big) => u64::try_from(big).ok(),
            Number::Float(_) => None,
        }
    }

    fn as_i64(&self) -> Option<i64> {
        if let Number::Int(int) = self { Some(*int) } else { None }
    }

    fn as_f64(&self) -> Option<f64> {
        Some(self.to_f64()).filter(|float| float.is_finite())
    }

    fn as_str(&self) -> Cow<'_, str> {
        Cow::Owned(self.to_string())
    }

    fn to_number(&self) -> Cow<'_, serde_json::Number> {
        Cow::Owned(self.to_serde())
    }

    fn is_integer(&self) -> bool {
        self.is_integral()
    }

    fn is_written_as_integer(&self) -> bool {
        Number::is_written_as_integer(self)
    }
}
