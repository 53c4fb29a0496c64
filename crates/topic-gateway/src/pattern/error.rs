//! Why a pattern cannot be used, in the words of Python's `re`.

use std::fmt;

/// A pattern cannot be used. Its text is that of Python's `re.error` wherever Python refuses it too.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}{at}")]
pub struct PatternError {
    message: String,
    at: At,
}

/// Where in the pattern, counted in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Nowhere,
    Position(usize),
    /// Of a pattern that has several lines.
    Line {
        position: usize,
        line: usize,
        column: usize,
    },
}

impl PatternError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), at: At::Nowhere }
    }

    pub(super) fn at(message: impl Into<String>, pattern: &[char], position: usize) -> Self {
        let before = &pattern[..position.min(pattern.len())];
        let at = if pattern.contains(&'\n') {
            let line = before.iter().filter(|c| **c == '\n').count() + 1;
            let start = before.iter().rposition(|c| *c == '\n').map_or(0, |newline| newline + 1);
            At::Line { position, line, column: position - start + 1 }
        } else {
            At::Position(position)
        };
        Self { message: message.into(), at }
    }
}

impl fmt::Display for At {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nowhere => Ok(()),
            Self::Position(position) => write!(formatter, " at position {position}"),
            Self::Line { position, line, column } => {
                write!(formatter, " at position {position} (line {line}, column {column})")
            }
        }
    }
}

/// Python's `repr` of a name.
pub(super) fn quoted(name: &str) -> String {
    let quote = if name.contains('\'') && !name.contains('"') { '"' } else { '\'' };
    let mut text = String::from(quote);
    for c in name.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            c if c == quote => text.extend(['\\', c]),
            c if c.is_ascii_control() => text.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => text.push(c),
        }
    }
    text.push(quote);
    text
}
