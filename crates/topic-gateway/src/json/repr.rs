//! Python's `repr` and `str` of a value, in which messages quote it.

use unicode_general_category::{GeneralCategory, get_general_category};

use super::Value;
use super::text::{Style, append, write_value};

/// As `repr` writes.
struct Repr;

impl Value {
    /// `repr(value)`: `None`, `True`, `'text'`, `[1, 'a']`, `{'a': 1.0}`.
    pub fn repr(&self) -> String {
        let mut text = String::new();
        write_value::<Repr>(&mut text, self);
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
    Repr::write_string(&mut text, string);
    text
}

impl Style for Repr {
    const NONE: &str = "None";
    const TRUE: &str = "True";
    const FALSE: &str = "False";

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
