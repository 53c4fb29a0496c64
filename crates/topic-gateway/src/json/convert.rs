//! The way to and from `serde_json`.

use serde_json::Value as Plain;

use super::{Number, Object, Value};

impl Value {
    /// The same for libraries that know `serde_json` only. Integers beyond 64 bits become floats there.
    pub fn to_serde(&self) -> Plain {
        match self {
            Self::Null => Plain::Null,
            Self::Bool(bool) => Plain::Bool(*bool),
            Self::Number(number) => Plain::Number(number.to_serde()),
            Self::String(text) => Plain::String(text.to_string()),
            Self::Array(items) => Plain::Array(items.iter().map(Self::to_serde).collect()),
            Self::Object(members) => Plain::Object(
                members
                    .iter()
                    .map(|(name, member)| (name.to_string(), member.to_serde()))
                    .collect(),
            ),
        }
    }
}

impl Number {
    /// The number as `serde_json` holds it; exact up to 64 bits.
    pub fn to_serde(&self) -> serde_json::Number {
        let float = match self {
            Self::Int(int) => return (*int).into(),
            Self::Big(big) => match u64::try_from(big) {
                Ok(unsigned) => return unsigned.into(),
                Err(_) => self.to_f64().clamp(f64::MIN, f64::MAX),
            },
            Self::Float(float) => *float,
        };
        // Finite, and so always a number.
        serde_json::Number::from_f64(float).unwrap_or_else(|| 0.into())
    }
}

impl From<&Plain> for Value {
    fn from(plain: &Plain) -> Self {
        match plain {
            Plain::Null => Self::Null,
            Plain::Bool(bool) => Self::Bool(*bool),
            Plain::Number(number) => Self::Number(number.into()),
            Plain::String(text) => Self::String(text.into()),
            Plain::Array(items) => Self::Array(items.iter().map(Self::from).collect()),
            Plain::Object(members) => {
                let members = members.iter().map(|(name, member)| (name.into(), member.into()));
                Self::Object(members.collect::<Object>())
            }
        }
    }
}

impl From<&serde_json::Number> for Number {
    fn from(number: &serde_json::Number) -> Self {
        if let Some(int) = number.as_i64() {
            Self::Int(int)
        } else if let Some(unsigned) = number.as_u64() {
            Self::from_big(unsigned.into())
        } else {
            Self::Float(number.as_f64().unwrap_or_default())
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<i64> for Value {
    fn from(int: i64) -> Self {
        Self::Number(Number::Int(int))
    }
}
