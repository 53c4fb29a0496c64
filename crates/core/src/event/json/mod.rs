//! A strict reading of JSON text, without building a value.
//!
//! `serde_json::value::RawValue` accepts lone surrogates (`"\ud800"`), numbers that no float can hold (`1e400`) and any
//! depth. Consumers in other languages fail on them, so an event must not carry them as JSON.

mod scan;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

pub(crate) use scan::scan;

/// The deepest nesting that is embedded as JSON.
pub const MAX_DEPTH: usize = 128;

/// The text is not JSON that every consumer can read.
#[derive(Debug, thiserror::Error)]
#[error("not JSON that every consumer can read")]
pub struct NotStrict(#[source] serde_json::Error);

/// Checks that the text is one JSON value: valid Unicode, finite numbers, at most [`MAX_DEPTH`] deep.
pub fn check(text: &[u8]) -> Result<(), NotStrict> {
    let text =
        std::str::from_utf8(text).map_err(|error| NotStrict(serde::de::Error::custom(error)))?;
    match scan(text, |_, _| ()) {
        Some(scanned) if scanned.is_strict => Ok(()),
        Some(_) | None => parse(text).map_err(NotStrict),
    }
}

/// The same by the parser, which takes longer and knows what is wrong and where.
fn parse(text: &str) -> serde_json::Result<()> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    // Depth is counted by `Strict` itself, with a limit that the parser cannot be given.
    deserializer.disable_recursion_limit();
    Strict { depth: MAX_DEPTH }.deserialize(&mut deserializer)?;
    deserializer.end()
}

/// Visits a value and everything in it, and keeps nothing.
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: serde::de::Error>(&self) -> Result<usize, E> {
        self.depth.checked_sub(1).ok_or_else(|| E::custom("nested too deep"))
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        let depth = self.deeper()?;
        while sequence.next_element_seed(Strict { depth })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let depth = self.deeper()?;
        while map.next_key::<Key>()?.is_some() {
            map.next_value_seed(Strict { depth })?;
        }
        Ok(())
    }
}

/// A key is a string like any other: its escapes must be valid too.
struct Key;

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl Visitor<'_> for KeyVisitor {
            type Value = Key;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a key")
            }

            fn visit_str<E>(self, _: &str) -> Result<Key, E> {
                Ok(Key)
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}
