//! Sizes in bytes.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A number of bytes: an integer, or text such as `"64MiB"` (1024² each) or `"1GB"` (1000³ each).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

/// Why a text is no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidByteSize {
    /// No number, or an unknown unit.
    #[error("expected a number of bytes or a size such as \"64MiB\" or \"1GB\"")]
    Malformed,
    /// Beyond what 64 bits can count.
    #[error("size is too large")]
    TooLarge,
}

/// Units by name in lower case.
const UNITS: [(&str, u64); 10] = [
    ("", 1),
    ("b", 1),
    ("kb", 1000),
    ("mb", 1000 * 1000),
    ("gb", 1000 * 1000 * 1000),
    ("tb", 1000 * 1000 * 1000 * 1000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
];

impl ByteSize {
    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// The number of bytes as a length in memory, at most `usize::MAX`.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for ByteSize {
    type Err = InvalidByteSize;

    fn from_str(text: &str) -> Result<Self, InvalidByteSize> {
        let text = text.trim();
        let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        if number.is_empty() {
            return Err(InvalidByteSize::Malformed);
        }
        let unit = unit.trim().to_ascii_lowercase();
        let Some((_, factor)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(InvalidByteSize::Malformed);
        };
        let number: u64 = number.parse().map_err(|_| InvalidByteSize::TooLarge)?;
        number.checked_mul(*factor).map(Self).ok_or(InvalidByteSize::TooLarge)
    }
}

impl fmt::Display for ByteSize {
    /// The largest unit of 1024 that divides the size, such as `64MiB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
        for (unit, shift) in units {
            if self.0 != 0 && self.0.trailing_zeros() >= shift {
                return write!(f, "{}{unit}", self.0 >> shift);
            }
        }
        write!(f, "{}B", self.0)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for ByteSize {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ByteSize".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Bytes: an integer, or text such as \"64MiB\" or \"1GB\".",
            "type": ["integer", "string"],
            "examples": ["64MiB", "1GB", 1_048_576],
        })
    }
}

struct Visitor;

impl de::Visitor<'_> for Visitor {
    type Value = ByteSize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of bytes or a size such as \"64MiB\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<ByteSize, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<ByteSize, E> {
        Ok(ByteSize(bytes))
    }

    fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<ByteSize, E> {
        u64::try_from(bytes).map(ByteSize).map_err(|_| E::custom("a size cannot be negative"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_decimal_and_binary_units() {
        for (text, expected) in [
            ("0", Ok(0)),
            ("1024", Ok(1024)),
            ("64MiB", Ok(64 << 20)),
            ("64 mib", Ok(64 << 20)),
            ("1GB", Ok(1_000_000_000)),
            ("3kB", Ok(3000)),
            ("16777216TiB", Err(InvalidByteSize::TooLarge)),
            ("99999999999999999999", Err(InvalidByteSize::TooLarge)),
            ("", Err(InvalidByteSize::Malformed)),
            ("MiB", Err(InvalidByteSize::Malformed)),
            ("-1", Err(InvalidByteSize::Malformed)),
            ("1.5GB", Err(InvalidByteSize::Malformed)),
            ("5 parsecs", Err(InvalidByteSize::Malformed)),
        ] {
            assert_eq!(text.parse().map(ByteSize::bytes), expected, "{text}");
        }
    }

    #[test]
    fn a_size_prints_as_it_can_be_read() {
        for (bytes, text) in [(0, "0B"), (1000, "1000B"), (64 << 20, "64MiB"), (3 << 40, "3TiB")] {
            assert_eq!(ByteSize(bytes).to_string(), text);
            assert_eq!(text.parse(), Ok(ByteSize(bytes)));
        }
    }
}
