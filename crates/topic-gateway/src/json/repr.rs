//! Python's `repr` and `str` of a value, in which messages quote it.

use unicode_general_category::{GeneralCategory, get_general_category};

use super::Value;
use super::text::append;

impl Value {
    /// `repr(value)`: `None`, `True`, `'text'`, `[1, 'a']`, `{'a': 1.0}`.
    pub fn repr(&self) -> String {
        let mut text = String::new();
        write(&mut text, self);
        text
    }

    /// `str(value)`: a string as it is, everything else as [`Value::repr`] writes it.
    ///
    /// Patterns of the access file are held against this text, and message keys are this text.
    pub fn str(&self) -> std::borrow::Cow<'_, str> {
        match self {
            Self::String(text) => text.into(),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Array(_) | Self::Object(_) => {
                self.repr().into()
            }
        }
    }
}

/// `repr` of a string: in single quotes, unless it holds one and no double quote.
pub fn repr_of_str(string: &str) -> String {
    let mut text = String::with_capacity(string.len() + 2);
    write_string(&mut text, string);
    text
}

fn write(text: &mut String, value: &Value) {
    match value {
        Value::Null => text.push_str("None"),
        Value::Bool(true) => text.push_str("True"),
        Value::Bool(false) => text.push_str("False"),
        Value::Number(number) => append(text, number),
        Value::String(string) => write_string(text, string),
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push_str(", ");
                }
                write(text, item);
            }
            text.push(']');
        }
        Value::Object(members) => {
            text.push('{');
            for (index, (name, member)) in members.iter().enumerate() {
                if index > 0 {
                    text.push_str(", ");
                }
                write_string(text, name);
                text.push_str(": ");
                write(text, member);
            }
            text.push('}');
        }
    }
}

fn write_string(text: &mut String, string: &str) {
    let quote = if string.contains('\'') && !string.contains('"') { '"' } else { '\'' };
    text.push(quote);
    for character in string.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            _ if character == quote => text.extend(['\\', quote]),
            ' '..='~' => text.push(character),
            _ if is_printable(character) => text.push(character),
            _ => escape(text, character),
        }
    }
    text.push(quote);
}

fn escape(text: &mut String, character: char) {
    match u32::from(character) {
        code @ ..=0xff => append(text, format_args!("\\x{code:02x}")),
        code @ ..=0xffff => append(text, format_args!("\\u{code:04x}")),
        code => append(text, format_args!("\\U{code:08x}")),
    }
}

/// `str.isprintable` of one character: no control, format, private or unassigned one, and no separator but the space.
fn is_printable(character: char) -> bool {
    use GeneralCategory as Category;
    !matches!(
        get_general_category(character),
        Category::Control
            | Category::Format
            | Category::Surrogate
            | Category::PrivateUse
            | Category::Unassigned
            | Category::LineSeparator
            | Category::ParagraphSeparator
            | Category::SpaceSeparator
    ) || character == ' '
}
