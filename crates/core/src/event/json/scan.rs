//! One pass over a JSON text that finds the members of the outer object, and whether the text is strict.
//!
//! It accepts exactly the texts that `serde_json::value::RawValue` accepts. It builds nothing and does not recurse, so
//! depth costs no stack. Why a text is not strict is not said here: [`super::check`] has the parser tell it.

use std::ops::Range;

use super::MAX_DEPTH;

/// A number this short is finite unless it has an exponent.
const SURELY_FINITE: usize = 300;

/// What a scan found out about a text that is JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scanned {
    /// Whether the text is an object.
    pub(crate) is_object: bool,
    /// Whether [`super::check`] accepts the text.
    pub(crate) is_strict: bool,
}

/// Scans a text and hands over each member of the outer object: its name in its quotes and its value, both as they are
/// written. `None` if the text is not JSON; some members may have been handed over by then.
pub(crate) fn scan<'a>(
    text: &'a str,
    mut on_member: impl FnMut(&'a str, &'a str),
) -> Option<Scanned> {
    let mut scanner = Scanner { text, at: 0, open: Vec::with_capacity(16), is_strict: true };
    scanner.skip_space();
    let is_object = scanner.peek() == Some(b'{');
    scanner.document(|name, value| {
        if is_object {
            on_member(name, value);
        }
    })?;
    Some(Scanned { is_object, is_strict: scanner.is_strict })
}

/// A value that holds others and has not ended.
#[derive(Clone, Copy)]
enum Open {
    Object,
    Array,
}

/// Where the scan stands after a step.
enum Step {
    /// Before a value.
    BeforeValue,
    /// After a value.
    AfterValue,
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    open: Vec<Open>,
    is_strict: bool,
}

impl<'a> Scanner<'a> {
    /// Reads the whole text. Hands over the parts of the outer value, those of an array under an empty name.
    fn document(&mut self, mut on_part: impl FnMut(&'a str, &'a str)) -> Option<()> {
        let mut name = 0..0;
        let mut value = 0;
        let mut step = Step::BeforeValue;
        loop {
            match step {
                Step::BeforeValue => {
                    if self.open.len() == 1 {
                        value = self.at;
                    }
                    step = self.value(&mut name)?;
                }
                Step::AfterValue => {
                    let Some(&container) = self.open.last() else { break };
                    if self.open.len() == 1 {
                        on_part(&self.text[name.clone()], &self.text[value..self.at]);
                    }
                    step = self.next_or_end(container, &mut name)?;
                }
            }
        }
        self.skip_space();
        self.peek().is_none().then_some(())
    }

    /// Reads a value up to its end, or into its first part.
    fn value(&mut self, name: &mut Range<usize>) -> Option<Step> {
        match self.next()? {
            b'"' => self.string()?,
            b'{' => {
                self.enter(Open::Object);
                if self.peek()? != b'}' {
                    self.name(name)?;
                    return Some(Step::BeforeValue);
                }
                self.leave();
            }
            b'[' => {
                self.enter(Open::Array);
                if self.peek()? != b']' {
                    return Some(Step::BeforeValue);
                }
                self.leave();
            }
            b'-' => {
                let begin = self.at;
                let digit = self.next()?;
                self.number(begin, digit)?;
            }
            digit @ b'0'..=b'9' => self.number(self.at - 1, digit)?,
            b't' => self.word(b"rue")?,
            b'f' => self.word(b"alse")?,
            b'n' => self.word(b"ull")?,
            _ => return None,
        }
        Some(Step::AfterValue)
    }

    /// Reads on after a value in a container: up to the next value, or to the end of the container.
    fn next_or_end(&mut self, container: Open, name: &mut Range<usize>) -> Option<Step> {
        self.skip_space();
        match (self.peek()?, container) {
            (b',', Open::Object) => {
                self.at += 1;
                self.skip_space();
                self.name(name)?;
                Some(Step::BeforeValue)
            }
            (b',', Open::Array) => {
                self.at += 1;
                self.skip_space();
                Some(Step::BeforeValue)
            }
            (b'}', Open::Object) | (b']', Open::Array) => {
                self.leave();
                Some(Step::AfterValue)
            }
            _ => None,
        }
    }

    fn enter(&mut self, container: Open) {
        self.open.push(container);
        self.is_strict &= self.open.len() <= MAX_DEPTH;
        self.skip_space();
    }

    fn leave(&mut self) {
        self.at += 1;
        self.open.pop();
    }

    /// Reads a name and its colon. Only the names of the outer object are kept.
    fn name(&mut self, name: &mut Range<usize>) -> Option<()> {
        let begin = self.at;
        self.expect(b'"')?;
        self.string()?;
        if self.open.len() == 1 {
            *name = begin..self.at;
        }
        self.skip_space();
        self.expect(b':')?;
        self.skip_space();
        Some(())
    }

    /// Reads a string after its first quote.
    fn string(&mut self) -> Option<()> {
        loop {
            self.at += plain_length(&self.text.as_bytes()[self.at..]);
            match self.next()? {
                b'"' => return Some(()),
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        match self.next()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
            b'u' => match self.code_unit()? {
                0xD800..=0xDBFF if self.low_surrogate_follows() => self.at += r"\udc00".len(),
                0xD800..=0xDFFF => self.is_strict = false,
                _ => {}
            },
            _ => return None,
        }
        Some(())
    }

    fn code_unit(&mut self) -> Option<u16> {
        let unit = code_unit(self.text.as_bytes().get(self.at..self.at + 4)?)?;
        self.at += 4;
        Some(unit)
    }

    fn low_surrogate_follows(&self) -> bool {
        match self.text.as_bytes().get(self.at..self.at + r"\udc00".len()) {
            Some([b'\\', b'u', digits @ ..]) => {
                code_unit(digits).is_some_and(|unit| (0xDC00..=0xDFFF).contains(&unit))
            }
            Some(_) | None => false,
        }
    }

    /// Reads a number after its first digit.
    fn number(&mut self, begin: usize, first: u8) -> Option<()> {
        match first {
            b'0' => {}
            b'1'..=b'9' => self.skip_digits(),
            _ => return None,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        let has_exponent = matches!(self.peek(), Some(b'e' | b'E'));
        if has_exponent {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        if has_exponent || self.at - begin > SURELY_FINITE {
            let number = &self.text[begin..self.at];
            self.is_strict &= serde_json::from_str::<f64>(number).is_ok();
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        self.peek()?.is_ascii_digit().then(|| self.skip_digits())
    }

    fn skip_digits(&mut self) {
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }

    /// Reads the rest of `true`, `false` or `null`.
    fn word(&mut self, rest: &[u8]) -> Option<()> {
        let found = self.text.as_bytes()[self.at..].starts_with(rest);
        self.at += rest.len();
        found.then_some(())
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\t' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, expected: u8) -> Option<()> {
        (self.next()? == expected).then_some(())
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

/// How many bytes from here on are neither quote nor backslash nor control. Eight are looked at in one step.
fn plain_length(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let special = special_bytes(u64::from_le_bytes(*word));
        if special != 0 {
            return index * 8 + special.trailing_zeros() as usize / 8;
        }
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1F);
    words.len() * 8 + rest.iter().position(is_special).unwrap_or(rest.len())
}

/// Sets the highest bit of the first byte that is special; of the bytes before it none, of those after it any.
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHEST_BITS: u64 = ONES * 0x80;
    // A byte that is below the subtrahend borrows, which sets its highest bit. Beside the controls only the quote is
    // below 0x21 once its second bit is flipped.
    let control_or_quote = (word ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
    let backslash = (word ^ (ONES * u64::from(b'\\'))).wrapping_sub(ONES);
    (control_or_quote | backslash) & !word & HIGHEST_BITS
}

fn code_unit(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0, |unit, digit| {
        let value = char::from(*digit).to_digit(16)?;
        Some(unit << 4 | u16::try_from(value).ok()?)
    })
}
