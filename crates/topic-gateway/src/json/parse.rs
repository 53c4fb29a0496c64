//! A strict reader of JSON text.
//!
//! Refused beside plain mistakes: what Python reads and no JSON is (`NaN`, `Infinity`), what becomes infinite (`1e400`),
//! halves of surrogate pairs (`"\ud800"`), which no database stores, and nesting beyond a limit.

use jiter::{Jiter, JiterError, JiterErrorType, JsonErrorType, NumberAny, NumberInt, Peek};

use super::{Number, Object, Text, Value};

/// The deepest nesting that is read by default; the same as the bus takes.
pub const MAX_DEPTH: usize = 128;

/// What a text may ask of its reader. Its length is for the caller to limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Arrays and objects within each other. Reading uses the stack, about 1 KiB for each.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: MAX_DEPTH }
    }
}

/// The text is no JSON, or more than the limits allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at line {line} column {column}")]
pub struct ParseError {
    pub problem: Problem,
    /// From 1.
    pub line: usize,
    /// From 1, in bytes.
    pub column: usize,
}

/// What is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Nothing but white space.
    #[error("no JSON value")]
    Empty,
    #[error("byte order mark")]
    ByteOrderMark,
    #[error("NaN and Infinity are not JSON")]
    NotANumber,
    #[error("number beyond the range of floats")]
    TooLarge,
    #[error("number of more than 4300 digits")]
    TooManyDigits,
    /// `\ud800` to `\udfff` without the other half.
    #[error("half of a surrogate pair in a string")]
    LoneSurrogate,
    #[error("nested more than {0} deep")]
    TooDeep(usize),
    #[error("not UTF-8")]
    NotUtf8,
    /// A second document, or anything else.
    #[error("more text after the value")]
    Trailing,
    /// The grammar of RFC 8259 is not kept.
    #[error("{0}")]
    Syntax(JsonErrorType),
}

/// Reads one JSON value and nothing else. Of members with one name the last one counts, in the place of the first.
pub fn parse(text: &[u8], limits: Limits) -> Result<Value, ParseError> {
    let mut reader = Reader { text, jiter: Jiter::new(text), limits };
    let read = reader.document();
    read.map_err(|(problem, index)| {
        let problem =
            if text.starts_with(b"\xef\xbb\xbf") { Problem::ByteOrderMark } else { problem };
        let position = reader.jiter.error_position(index.min(text.len().saturating_sub(1)));
        ParseError { problem, line: position.line, column: position.column.max(1) }
    })
}

/// A problem and its place, in bytes from the start.
type Refused = (Problem, usize);

struct Reader<'j> {
    text: &'j [u8],
    jiter: Jiter<'j>,
    limits: Limits,
}

impl Reader<'_> {
    fn document(&mut self) -> Result<Value, Refused> {
        let peek = self.jiter.peek().map_err(|error| (Problem::Empty, error.index))?;
        let value = self.value(peek, self.limits.depth)?;
        self.jiter.finish().map_err(|error| (Problem::Trailing, error.index))?;
        Ok(value)
    }

    /// Reads the value that begins with `peek`, with `depth` more levels allowed.
    fn value(&mut self, peek: Peek, depth: usize) -> Result<Value, Refused> {
        match peek {
            Peek::String => Ok(Value::String(self.jiter.known_str().map_err(refused)?.into())),
            Peek::Object => self.object(self.deeper(depth)?),
            Peek::Array => self.array(self.deeper(depth)?),
            Peek::Null => {
                self.jiter.known_null().map_err(refused)?;
                Ok(Value::Null)
            }
            Peek::True | Peek::False => {
                Ok(Value::Bool(self.jiter.known_bool(peek).map_err(refused)?))
            }
            Peek::NaN | Peek::Infinity => Err((Problem::NotANumber, self.jiter.current_index())),
            _ => self.number(peek),
        }
    }

    fn deeper(&self, depth: usize) -> Result<usize, Refused> {
        let too_deep = || (Problem::TooDeep(self.limits.depth), self.jiter.current_index());
        depth.checked_sub(1).ok_or_else(too_deep)
    }

    fn object(&mut self, depth: usize) -> Result<Value, Refused> {
        let mut members = Object::default();
        let mut name = self.jiter.known_object().map_err(refused)?.map(Text::from);
        while let Some(current) = name {
            let peek = self.jiter.peek().map_err(refused)?;
            let value = self.value(peek, depth)?;
            members.insert(current, value);
            name = self.jiter.next_key().map_err(refused)?.map(Text::from);
        }
        Ok(Value::Object(members))
    }

    fn array(&mut self, depth: usize) -> Result<Value, Refused> {
        let mut items = Vec::new();
        let mut next = self.jiter.known_array().map_err(refused)?;
        while let Some(peek) = next {
            items.push(self.value(peek, depth)?);
            next = self.jiter.array_step().map_err(refused)?;
        }
        Ok(Value::Array(items))
    }

    fn number(&mut self, peek: Peek) -> Result<Value, Refused> {
        let start = self.jiter.current_index();
        let number = match self.jiter.known_number(peek) {
            Ok(NumberAny::Int(NumberInt::Int(int))) => Number::Int(int),
            Ok(NumberAny::Int(NumberInt::BigInt(big))) => Number::from_big(big),
            Ok(NumberAny::Float(float)) if float.is_finite() => Number::Float(float),
            Ok(NumberAny::Float(_)) => return Err((Problem::TooLarge, start)),
            // "-Infinity" is not a number to the decoder.
            Err(_) if self.text[start..].starts_with(b"-I") => {
                return Err((Problem::NotANumber, start));
            }
            Err(error) => return Err(refused(error)),
        };
        Ok(Value::Number(number))
    }
}

fn refused(error: JiterError) -> Refused {
    let problem = match error.error_type {
        JiterErrorType::JsonError(kind) => match kind {
            // The second one: anything but an escape after the first half of a pair.
            JsonErrorType::LoneLeadingSurrogateInHexEscape
            | JsonErrorType::UnexpectedEndOfHexEscape => Problem::LoneSurrogate,
            JsonErrorType::InvalidUnicodeCodePoint => Problem::NotUtf8,
            JsonErrorType::NumberOutOfRange => Problem::TooManyDigits,
            kind => Problem::Syntax(kind),
        },
        // Every call above follows a look at the value, so this cannot happen.
        JiterErrorType::WrongType { .. } => Problem::Syntax(JsonErrorType::ExpectedSomeValue),
    };
    (problem, error.index)
}
