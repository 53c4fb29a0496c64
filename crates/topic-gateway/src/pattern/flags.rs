//! `(?i)` and `(?i-m:…)`.

use super::error::PatternError;
use super::tokens::{Token, Tokens};
use super::tree::Flags;

/// What flags in parentheses do.
pub(super) enum Change {
    /// `(?i)`: they hold for the whole pattern.
    Whole(Flags),
    /// `(?i-m:`: they hold up to the end of the group.
    Inner { add: Flags, remove: Flags },
}

/// The flag of a letter; `L`, which is for bytes only, is [`Flags::NONE`].
pub(super) fn of(letter: char) -> Option<Flags> {
    match letter {
        'i' => Some(Flags::IGNORE_CASE),
        'm' => Some(Flags::MULTI_LINE),
        's' => Some(Flags::DOT_ALL),
        'x' => Some(Flags::VERBOSE),
        'a' => Some(Flags::ASCII),
        'u' => Some(Flags::UNICODE),
        'L' => Some(Flags::NONE),
        _ => None,
    }
}

/// Flags whose first letter, or minus, has been read.
pub(super) fn parse(tokens: &mut Tokens, first: char) -> Result<Change, PatternError> {
    let mut add = Flags::NONE;
    let mut sign = first;
    while sign != '-' && sign != ':' && sign != ')' {
        let flag = of(sign).unwrap_or_default();
        if flag == Flags::NONE {
            let message = "bad inline flags: cannot use 'L' flag with a str pattern";
            return Err(tokens.error(message, 0));
        }
        add |= flag;
        if flag.has(Flags::TYPES) && add.and(Flags::TYPES) != flag {
            let message = "bad inline flags: flags 'a', 'u' and 'L' are incompatible";
            return Err(tokens.error(message, 0));
        }
        sign = letter(tokens, "missing -, : or )", &[')', '-', ':'])?;
    }
    if sign == ')' {
        return Ok(Change::Whole(add));
    }
    let mut remove = Flags::NONE;
    if sign == '-' {
        sign = letter(tokens, "missing flag", &[])?;
        while sign != ':' {
            let flag = of(sign).unwrap_or_default();
            if flag == Flags::NONE || flag.has(Flags::TYPES) {
                let message = "bad inline flags: cannot turn off flags 'a', 'u' and 'L'";
                return Err(tokens.error(message, 0));
            }
            remove |= flag;
            sign = letter(tokens, "missing :", &[':'])?;
        }
    }
    if add.has(remove) {
        return Err(tokens.error("bad inline flags: flag turned on and off", 1));
    }
    Ok(Change::Inner { add, remove })
}

/// The next sign: the letter of a flag, or one of `ends`.
fn letter(tokens: &mut Tokens, missing: &str, ends: &[char]) -> Result<char, PatternError> {
    match tokens.get()? {
        None => Err(tokens.error(missing, 0)),
        Some(Token { escaped: false, c }) if ends.contains(&c) || of(c).is_some() => Ok(c),
        Some(other) => {
            let unknown = !other.escaped && other.c.is_alphabetic();
            let message = if unknown { "unknown flag" } else { missing };
            Err(tokens.error(message, other.len()))
        }
    }
}
