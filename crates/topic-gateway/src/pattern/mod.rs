//! Patterns of Python's `re`, matched against a whole text as `re.fullmatch` does, or searched for as by `re.search`.
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
use parser::Parsed;

pub use error::PatternError;

/// Longest text, in bytes, that is matched as a whole.
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
    /// Longest text, in bytes.
    longest: usize,
}

/// Whether a text matches was not found out, since it would take too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("matching would take too long")]
pub struct Undecided;

impl Pattern {
    /// Compiles one that whole texts are to match.
    pub fn new(source: &str) -> Result<Self, PatternError> {
        Self::compile(source, parser::parse(source)?, true)
    }

    /// Compiles one that a text matches if any part of it does; `\p{…}`, which Python does not know, is known here.
    pub fn anywhere(source: &str) -> Result<Self, PatternError> {
        Self::compile(source, parser::parse_with_properties(source)?, false)
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether the text matches.
    pub fn matches(&self, text: &str) -> Result<bool, Undecided> {
        if text.len() > self.longest {
            return Err(Undecided);
        }
        self.regex.is_match(text).map_err(|_| Undecided)
    }

    fn compile(source: &str, parsed: Parsed, whole: bool) -> Result<Self, PatternError> {
        width::check(&parsed.body)?;
        let emitted = emit::emit(&parsed.body, parsed.flags, whole);
        let mut builder = RegexBuilder::new(&emitted.pattern);
        let regex = builder.backtrack_limit(MOST_BACKTRACKS).build().map_err(unsupported)?;
        let longest = match (emitted.backtracks, whole) {
            (true, _) => LONGEST_TO_BACKTRACK,
            (false, true) => LONGEST,
            (false, false) => usize::MAX,
        };
        Ok(Self { source: source.to_owned(), regex, longest })
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
