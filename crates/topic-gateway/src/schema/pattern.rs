//! Regular expressions as Python's `re` reads them.
//!
//! The reference holds `pattern` and `patternProperties` against texts with `re.search`. What Python and the crate
//! `fancy_regex` read differently is rewritten: `\w` without marks, `$` also before a last line feed, `\Z`, a brace or
//! bracket that stands for itself, and escapes that mean a character.

use std::fmt::Write as _;

use fancy_regex::{Regex, RegexBuilder};

/// Steps that one search may take before it is given up; linear expressions take none.
const BACKTRACK_LIMIT: usize = 100_000;

/// Compiles an expression of Python.
pub(crate) fn compile(pattern: &str) -> Result<Regex, Box<fancy_regex::Error>> {
    let mut builder = RegexBuilder::new(&translate(pattern));
    builder.backtrack_limit(BACKTRACK_LIMIT).build().map_err(Box::new)
}

/// The same expression in the syntax of `fancy_regex`.
pub(super) fn translate(pattern: &str) -> String {
    let mut reader = Reader { rest: pattern, out: String::with_capacity(pattern.len() + 16) };
    while let Some(character) = reader.next() {
        match character {
            '\\' => reader.escape(false),
            '[' => reader.class(),
            '{' => reader.brace(),
            '$' => reader.out.push_str(r"(?:\n?\z)"),
            _ => reader.out.push(character),
        }
    }
    reader.out
}

struct Reader<'p> {
    rest: &'p str,
    out: String,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let next = characters.next();
        self.rest = characters.as_str();
        next
    }

    fn take(&mut self, prefix: char) -> bool {
        let stripped = self.rest.strip_prefix(prefix);
        self.rest = stripped.unwrap_or(self.rest);
        stripped.is_some()
    }

    /// A character that stands for itself.
    fn literal(&mut self, character: u32) {
        write!(self.out, r"\x{{{character:x}}}").ok();
    }

    /// What follows a backslash, within a class or outside.
    fn escape(&mut self, in_class: bool) {
        /// Members of Python's `\w` and `\s`, within a class.
        const WORD: &str = r"\p{L}\p{N}_";
        const SPACE: &str = r"\s\x1c-\x1f";
        let Some(character) = self.next() else { return self.out.push('\\') };
        match character {
            'w' if in_class => self.out.push_str(WORD),
            's' if in_class => self.out.push_str(SPACE),
            'w' => write!(self.out, "[{WORD}]").unwrap_or_default(),
            'W' => write!(self.out, "[^{WORD}]").unwrap_or_default(),
            's' => write!(self.out, "[{SPACE}]").unwrap_or_default(),
            'S' => write!(self.out, "[^{SPACE}]").unwrap_or_default(),
            'Z' => self.out.push_str(r"\z"),
            'a' => self.literal(7),
            'b' if in_class => self.literal(8),
            'x' => self.code(2),
            'u' => self.code(4),
            'U' => self.code(8),
            '0' => self.octal(),
            _ if character.is_ascii_alphanumeric() => self.out.extend(['\\', character]),
            _ => self.literal(character.into()),
        }
    }

    /// A character by its code of so many hexadecimal digits.
    fn code(&mut self, digits: usize) {
        let code = self.rest.get(..digits).and_then(|code| u32::from_str_radix(code, 16).ok());
        match code {
            Some(code) => {
                self.rest = &self.rest[digits..];
                self.literal(code);
            }
            // No escape of Python either; compiling says so.
            None => self.out.push_str(r"\x"),
        }
    }

    /// After `\0`, up to two octal digits.
    fn octal(&mut self) {
        let digits =
            self.rest.bytes().take(2).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
        let (code, rest) = self.rest.split_at(digits);
        self.rest = rest;
        self.literal(u32::from_str_radix(code, 8).unwrap_or(0));
    }

    /// A class, in which brackets, `&` and `~` have no meaning to Python.
    fn class(&mut self) {
        self.out.push('[');
        if self.take('^') {
            self.out.push('^');
        }
        if self.take(']') {
            self.literal(']'.into());
        }
        while let Some(character) = self.next() {
            match character {
                ']' => return self.out.push(']'),
                '\\' => self.escape(true),
                '[' | '&' | '~' => self.literal(character.into()),
                _ => self.out.push(character),
            }
        }
    }

    /// A count, or a brace that stands for itself; `{,3}` counts from zero.
    fn brace(&mut self) {
        let count = self.rest.find('}').map(|end| &self.rest[..end]).filter(|count| {
            let (from, to) = count.split_once(',').unwrap_or((count, "0"));
            let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
            !count.is_empty() && digits(from) && digits(to)
        });
        match count {
            Some(count) => {
                self.rest = &self.rest[count.len()..];
                self.out.push_str(if count.starts_with(',') { "{0" } else { "{" });
                self.out.push_str(count);
            }
            None => self.literal('{'.into()),
        }
    }
}
