//! Patterns of Python's `re`, matched against a whole text as `re.fullmatch` does.
//!
//! A pattern is read by Python's rules, of version 3.13, and written anew for `fancy_regex`. What this does not know is
//! refused when it is compiled, never taken for something else: characters by name (`\N{…}`), groups nested more than
//! 50 deep, and patterns that compile to more than 10 MiB.

mod emit;
mod error;
mod escape;
mod flags;
mod parser;
mod set;
mod tokens;
mod tree;
mod width;

use fancy_regex::{Error, Regex, RegexBuilder};

pub use error::PatternError;

/// Longest text, in bytes, that is matched against a pattern at all.
const LONGEST: usize = 64 * 1024;

/// Longest text, in bytes, for a pattern that goes back and forth.
const LONGEST_TO_BACKTRACK: usize = 8 * 1024;

/// How often such a pattern may turn back before it is given up.
const MOST_BACKTRACKS: usize = 100_000;

/// A pattern of Python's `re`.
#[derive(Debug, Clone)]
pub struct Pattern {
    source: String,
    regex: Regex,
    backtracks: bool,
}

/// Whether a text matches was not found out, since it would take too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("matching would take too long")]
pub struct Undecided;

impl Pattern {
    /// Compiles it.
    pub fn new(source: &str) -> Result<Self, PatternError> {
        let parsed = parser::parse(source)?;
        width::check(&parsed.body)?;
        let emitted = emit::emit(&parsed.body, parsed.flags);
        let mut builder = RegexBuilder::new(&emitted.pattern);
        let regex = builder.backtrack_limit(MOST_BACKTRACKS).build().map_err(unsupported)?;
        Ok(Self { source: source.to_owned(), regex, backtracks: emitted.backtracks })
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether the whole text matches.
    pub fn matches(&self, text: &str) -> Result<bool, Undecided> {
        let longest = if self.backtracks { LONGEST_TO_BACKTRACK } else { LONGEST };
        if text.len() > longest {
            return Err(Undecided);
        }
        self.regex.is_match(text).map_err(|_| Undecided)
    }
}

/// Python takes it.
fn unsupported(error: Error) -> PatternError {
    match error {
        Error::CompileError(_) => PatternError::new("pattern is too large or not supported"),
        _ => PatternError::new("pattern is not supported"),
    }
}

#[cfg(test)]
mod tests;
