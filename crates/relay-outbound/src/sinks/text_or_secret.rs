//! A setting that may be a secret: written out as text, or a reference to where the secret lives.

use std::borrow::Cow;
use std::fmt;

use event_bus_runtime::{Secret, SecretError, SecretRef, SecretResolver};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, de};

/// `"text"`, or `{ file = "/path" }` and the like.
#[derive(Clone, Debug, PartialEq)]
pub enum TextOrSecret {
    /// The value itself.
    Text(String),
    /// Where it lives.
    Secret(SecretRef),
}

impl TextOrSecret {
    /// The reference, if it is one.
    pub fn secret(&self) -> Option<&SecretRef> {
        match self {
            Self::Text(_) => None,
            Self::Secret(reference) => Some(reference),
        }
    }

    /// The value. It is treated as a secret either way.
    pub fn resolve(&self, secrets: &SecretResolver) -> Result<Secret, SecretError> {
        match self {
            Self::Text(text) => Ok(Secret::new(text.as_bytes())),
            Self::Secret(reference) => secrets.resolve(reference),
        }
    }
}

impl<'de> Deserialize<'de> for TextOrSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for TextOrSecret {
    fn schema_name() -> Cow<'static, str> {
        "TextOrSecret".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let secret = generator.subschema_for::<SecretRef>();
        json_schema!({
            "description": "Text, or where a secret lives.",
            "anyOf": [{ "type": "string" }, secret],
        })
    }
}

/// An untagged enum would only say that no variant fits.
struct Visitor;

impl<'de> de::Visitor<'de> for Visitor {
    type Value = TextOrSecret;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("text, or a secret such as { file = \"/path\" }")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<TextOrSecret, E> {
        Ok(TextOrSecret::Text(text.to_owned()))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<TextOrSecret, A::Error> {
        SecretRef::deserialize(MapAccessDeserializer::new(map)).map(TextOrSecret::Secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Holder {
        value: TextOrSecret,
    }

    #[test]
    fn a_string_is_text_and_a_table_is_a_reference() {
        for (text, expected) in [
            (r#"{"value": "x"}"#, Some(TextOrSecret::Text("x".into()))),
            (r#"{"value": {"env": "X"}}"#, Some(TextOrSecret::Secret(SecretRef::Env("X".into())))),
            (r#"{"value": {"other": "x"}}"#, None),
            (r#"{"value": 3}"#, None),
        ] {
            let read = serde_json::from_str::<Holder>(text).map(|holder| holder.value);
            assert_eq!(read.ok(), expected, "{text}");
        }
    }
}
