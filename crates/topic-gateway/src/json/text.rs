//! The text that Python's `json.dumps` writes by default.

use std::fmt::{self, Write};

use super::{Number, Value};

/// What a text has room for before it grows, in bytes.
const USUAL_LENGTH: usize = 2048;

/// How Python writes what is not the same in JSON and in its own code.
pub(super) trait Style {
    const NONE: &str;
    const TRUE: &str;
    const FALSE: &str;

    fn write_string(text: &mut String, string: &str);
}

/// As `json.dumps` writes.
struct Dumps;

impl Value {
    /// `json.dumps(value)`: `", "` and `": "` between, everything beyond ASCII escaped, floats as `repr` writes them.
    ///
    /// ```
    /// use topic_gateway::json::{Limits, parse};
    ///
    /// let value = parse("{\"a\":[1e16,\"é😀\"]}".as_bytes(), Limits::default()).unwrap();
    /// assert_eq!(value.to_python_json(), r#"{"a": [1e+16, "\u00e9\ud83d\ude00"]}"#);
    /// ```
    pub fn to_python_json(&self) -> String {
        let mut text = String::with_capacity(USUAL_LENGTH);
        write_value::<Dumps>(&mut text, self);
        text
    }
}

/// As Python writes a number: integers in full, floats in the shortest form that reads back the same.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(int) => write!(f, "{int}"),
            Self::Big(big) => write!(f, "{big}"),
            Self::Float(float) => write_float(f, *float),
        }
    }
}

pub(super) fn write_value<S: Style>(text: &mut String, value: &Value) {
    match value {
        Value::Null => text.push_str(S::NONE),
        Value::Bool(true) => text.push_str(S::TRUE),
        Value::Bool(false) => text.push_str(S::FALSE),
        Value::Number(Number::Int(int)) => text.push_str(itoa::Buffer::new().format(*int)),
        Value::Number(number) => append(text, number),
        Value::String(string) => S::write_string(text, string),
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push_str(", ");
                }
                write_value::<S>(text, item);
            }
            text.push(']');
        }
        Value::Object(members) => {
            text.push('{');
            for (index, (name, member)) in members.iter().enumerate() {
                if index > 0 {
                    text.push_str(", ");
                }
                S::write_string(text, name);
                text.push_str(": ");
                write_value::<S>(text, member);
            }
            text.push('}');
        }
    }
}

/// Adds what is displayed; writing to a string cannot fail.
pub(super) fn append(text: &mut String, shown: impl fmt::Display) {
    write!(text, "{shown}").ok();
}

impl Style for Dumps {
    const NONE: &str = "null";
    const TRUE: &str = "true";
    const FALSE: &str = "false";

    fn write_string(text: &mut String, string: &str) {
        text.push('"');
        let mut rest = string;
        // By bytes: those beyond ASCII begin a character.
        while let Some(at) =
            rest.bytes().position(|b| matches!(b, b'"' | b'\\') || !matches!(b, b' '..=b'~'))
        {
            text.push_str(&rest[..at]);
            let mut characters = rest[at..].chars();
            if let Some(character) = characters.next() {
                escape(text, character);
            }
            rest = characters.as_str();
        }
        text.push_str(rest);
        text.push('"');
    }
}

fn escape(text: &mut String, character: char) {
    match character {
        '"' => text.push_str("\\\""),
        '\\' => text.push_str("\\\\"),
        '\n' => text.push_str("\\n"),
        '\r' => text.push_str("\\r"),
        '\t' => text.push_str("\\t"),
        '\u{8}' => text.push_str("\\b"),
        '\u{c}' => text.push_str("\\f"),
        _ => {
            for unit in character.encode_utf16(&mut [0; 2]) {
                append(text, format_args!("\\u{unit:04x}"));
            }
        }
    }
}

/// `float.__repr__`: positional from 1e-4 up to 1e16, else with an exponent of at least two digits.
fn write_float(f: &mut fmt::Formatter<'_>, float: f64) -> fmt::Result {
    let shortest = format!("{float:e}");
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..16).contains(&exponent) {
        // `Debug` keeps ".0" and never writes an exponent within this range.
        return write!(f, "{float:?}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    write!(f, "{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}
