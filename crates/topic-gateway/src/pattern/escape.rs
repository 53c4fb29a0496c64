//! What a backslash means.

use super::error::{PatternError, quoted};
use super::tokens::{Token, Tokens};
use super::tree::{Item, Kind, Node, Place, Set};

/// What a backslash and the characters after it mean, outside of a set.
pub(super) enum Escape {
    Node(Node),
    /// `\1`; whether there is such a group is for the caller to say.
    Group {
        number: usize,
        length: usize,
    },
}

/// The meaning of `token`, a backslash and a character that have been read.
pub(super) fn outside(tokens: &mut Tokens, token: Token) -> Result<Escape, PatternError> {
    let place = match token.c {
        'A' => Some(Place::Start),
        'Z' => Some(Place::End),
        'b' => Some(Place::WordEdge),
        'B' => Some(Place::NoWordEdge),
        _ => None,
    };
    if let Some(place) = place {
        return Ok(Escape::Node(Node::At(place)));
    }
    if let Some(item) = kind(tokens, token.c)? {
        return Ok(Escape::Node(Node::Set(Set { negative: false, items: vec![item] })));
    }
    if token.c == '0' {
        let digits = tokens.take_while(2, is_octal)?;
        return literal(u32::from_str_radix(&digits, 8).unwrap_or(0));
    }
    if token.c.is_ascii_digit() {
        return group_or_octal(tokens, token.c);
    }
    literal(character(tokens, token)?)
}

/// The same within a set, where `\b` is a backspace and there are no groups.
pub(super) fn inside(tokens: &mut Tokens, token: Token) -> Result<Item, PatternError> {
    if let Some(item) = kind(tokens, token.c)? {
        return Ok(item);
    }
    let code = match token.c {
        'b' => 8,
        c if is_octal(c) => {
            let digits = format!("{c}{}", tokens.take_while(2, is_octal)?);
            octal(tokens, &digits)?
        }
        _ => character(tokens, token)?,
    };
    Ok(Item::Range(code, code))
}

fn kind(tokens: &mut Tokens, c: char) -> Result<Option<Item>, PatternError> {
    let negative = c.is_ascii_uppercase();
    let kind = match c.to_ascii_lowercase() {
        'd' => Kind::Digit,
        's' => Kind::Space,
        'w' => Kind::Word,
        'p' if tokens.properties && tokens.take('{')? => {
            let name = tokens.take_until('}', "property name")?;
            return Ok(Some(Item::Property { name, negative }));
        }
        _ => return Ok(None),
    };
    Ok(Some(Item::Kind { kind, negative }))
}

fn literal(code: u32) -> Result<Escape, PatternError> {
    Ok(Escape::Node(Node::Literal(code)))
}

fn group_or_octal(tokens: &mut Tokens, first: char) -> Result<Escape, PatternError> {
    let mut digits = first.to_string();
    digits.push_str(&tokens.take_while(1, |c| c.is_ascii_digit())?);
    if digits.len() == 2 && digits.chars().all(is_octal) {
        digits.push_str(&tokens.take_while(1, is_octal)?);
        if digits.len() == 3 {
            return literal(octal(tokens, &digits)?);
        }
    }
    // At most two digits.
    Ok(Escape::Group { number: digits.parse().unwrap_or(0), length: 1 + digits.len() })
}

fn octal(tokens: &Tokens, digits: &str) -> Result<u32, PatternError> {
    let code = u32::from_str_radix(digits, 8).unwrap_or(u32::MAX);
    if code > 0o377 {
        let message = format!("octal escape value \\{digits} outside of range 0-0o377");
        return Err(tokens.error(message, 1 + digits.len()));
    }
    Ok(code)
}

/// Escapes that mean one character, within a set and outside.
fn character(tokens: &mut Tokens, token: Token) -> Result<u32, PatternError> {
    match token.c {
        'a' => Ok(7),
        'f' => Ok(12),
        'n' => Ok(10),
        'r' => Ok(13),
        't' => Ok(9),
        'v' => Ok(11),
        'x' => hexadecimal(tokens, 'x', 2),
        'u' => hexadecimal(tokens, 'u', 4),
        'U' => hexadecimal(tokens, 'U', 8),
        'N' => named(tokens),
        c if c.is_ascii_alphanumeric() => {
            Err(tokens.error(format!("bad escape \\{c}"), token.len()))
        }
        c => Ok(u32::from(c)),
    }
}

fn hexadecimal(tokens: &mut Tokens, letter: char, digits: usize) -> Result<u32, PatternError> {
    let found = tokens.take_while(digits, |c| c.is_ascii_hexdigit())?;
    let length = 2 + found.len();
    if found.len() < digits {
        return Err(tokens.error(format!("incomplete escape \\{letter}{found}"), length));
    }
    match u32::from_str_radix(&found, 16) {
        Ok(code) if code <= u32::from(char::MAX) => Ok(code),
        _ => Err(tokens.error(format!("bad escape \\{letter}{found}"), length)),
    }
}

/// Python knows the names of all characters; this does not.
fn named(tokens: &mut Tokens) -> Result<u32, PatternError> {
    if !tokens.take('{')? {
        return Err(tokens.error("missing {", 0));
    }
    let name = tokens.take_until('}', "character name")?;
    let message = format!("character name {} is not supported", quoted(&name));
    Err(tokens.error(message, name.chars().count() + r"\N{}".len()))
}

fn is_octal(c: char) -> bool {
    matches!(c, '0'..='7')
}
