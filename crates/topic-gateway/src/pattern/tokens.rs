//! A pattern in tokens: a character, or a backslash with the one after it.

use super::error::PatternError;

/// A character, or a backslash with the one after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub escaped: bool,
    pub c: char,
}

/// Reads tokens, one of them ahead.
pub(super) struct Tokens {
    pattern: Vec<char>,
    /// Where the token after `next` begins.
    index: usize,
    next: Option<Token>,
    /// Whether `\p{…}` is known.
    pub properties: bool,
}

impl Token {
    pub(super) fn is(self, c: char) -> bool {
        !self.escaped && self.c == c
    }

    /// Its length in characters.
    pub(super) fn len(self) -> usize {
        1 + usize::from(self.escaped)
    }

    pub(super) fn text(self) -> String {
        if self.escaped { format!("\\{}", self.c) } else { self.c.to_string() }
    }
}

impl Tokens {
    pub(super) fn new(pattern: &str, properties: bool) -> Result<Self, PatternError> {
        let pattern = pattern.chars().collect();
        let mut tokens = Self { pattern, index: 0, next: None, properties };
        tokens.advance()?;
        Ok(tokens)
    }

    pub(super) fn next(&self) -> Option<Token> {
        self.next
    }

    /// Where the next token begins.
    pub(super) fn tell(&self) -> usize {
        self.index - self.next.map_or(0, Token::len)
    }

    pub(super) fn seek(&mut self, position: usize) -> Result<(), PatternError> {
        self.index = position;
        self.advance()
    }

    /// The next token, which is then left behind.
    pub(super) fn get(&mut self) -> Result<Option<Token>, PatternError> {
        let next = self.next;
        self.advance()?;
        Ok(next)
    }

    /// The next token must not be the end.
    pub(super) fn need(&mut self) -> Result<Token, PatternError> {
        self.get()?.ok_or_else(|| self.error("unexpected end of pattern", 0))
    }

    pub(super) fn next_is(&self, c: char) -> bool {
        self.next.is_some_and(|next| next.is(c))
    }

    /// Whether the next token is `c`, which is then left behind.
    pub(super) fn take(&mut self, c: char) -> Result<bool, PatternError> {
        let found = self.next_is(c);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    /// The next characters that fit, at most `most` of them.
    pub(super) fn take_while(
        &mut self,
        most: usize,
        fits: impl Fn(char) -> bool,
    ) -> Result<String, PatternError> {
        let mut taken = String::new();
        for _ in 0..most {
            match self.next {
                Some(Token { escaped: false, c }) if fits(c) => taken.push(c),
                _ => break,
            }
            self.advance()?;
        }
        Ok(taken)
    }

    /// What stands before `terminator`, which is left behind as well.
    pub(super) fn take_until(
        &mut self,
        terminator: char,
        what: &str,
    ) -> Result<String, PatternError> {
        let mut taken = String::new();
        loop {
            let Some(token) = self.get()? else {
                return Err(match taken.chars().count() {
                    0 => self.error(format!("missing {what}"), 0),
                    length => {
                        self.error(format!("missing {terminator}, unterminated name"), length)
                    }
                });
            };
            if !token.is(terminator) {
                taken.push_str(&token.text());
            } else if taken.is_empty() {
                return Err(self.error(format!("missing {what}"), 1));
            } else {
                return Ok(taken);
            }
        }
    }

    /// An error so many characters before the next token.
    pub(super) fn error(&self, message: impl Into<String>, before: usize) -> PatternError {
        self.error_at(message, self.tell().saturating_sub(before))
    }

    pub(super) fn error_at(&self, message: impl Into<String>, position: usize) -> PatternError {
        PatternError::at(message, &self.pattern, position)
    }

    fn advance(&mut self) -> Result<(), PatternError> {
        let at = |index: usize| self.pattern.get(index).copied();
        self.next = match at(self.index) {
            None => None,
            Some('\\') => match at(self.index + 1) {
                Some(c) => Some(Token { escaped: true, c }),
                None => {
                    let last = self.pattern.len() - 1;
                    return Err(self.error_at("bad escape (end of pattern)", last));
                }
            },
            Some(c) => Some(Token { escaped: false, c }),
        };
        self.index += self.next.map_or(0, Token::len);
        Ok(())
    }
}
