//! Secrets, by reference only: the configuration says where a secret lives, never what it is.
//!
//! A secret is read when it is resolved, so that a rotated file is seen by the next resolution.
//! Errors name the variable or the file and what to do about it, and hold nothing of the value.

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::config::EnvMap;

/// A longer file is no secret.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// What to write where a secret is wanted.
const FORM: &str =
    "a secret is never written here; write { env = \"NAME\" } or { file = \"/path\" }";

/// Where a secret lives: `{ env = "NAME" }` or `{ file = "/run/secrets/name" }`. Never the value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretRef {
    /// The environment variable of that name.
    Env(String),
    /// The content of that file, less one line break at its end.
    File(PathBuf),
}

/// The value of a secret: at least one byte that is not white space. It never prints itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

/// `[secrets]`: how secrets may be given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SecretsConfig {
    /// Whether secrets may come from environment variables, which other processes of the same
    /// user can read.
    pub allow_env: bool,
}

/// Turns references into secrets.
#[derive(Clone, Debug)]
pub struct SecretResolver {
    env: EnvMap,
    allow_env: bool,
}

/// Why a secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable does not exist.
    #[error("environment variable {variable} is not set; set it or name a file instead")]
    MissingVariable {
        /// Name of the variable.
        variable: String,
    },
    /// The variable exists and holds nothing.
    #[error("environment variable {variable} is empty; put the secret into it")]
    EmptyVariable {
        /// Name of the variable.
        variable: String,
    },
    /// `[secrets] allow_env = false` stands against it.
    #[error(
        "environment variable {variable} may not hold a secret, since secrets.allow_env is false; name a file instead"
    )]
    EnvNotAllowed {
        /// Name of the variable.
        variable: String,
    },
    /// The file does not exist.
    #[error("file {} does not exist; create it with the secret in it", path.display())]
    MissingFile {
        /// Path of the file.
        path: PathBuf,
    },
    /// The file may not be read.
    #[error("file {} cannot be read; check its permissions", path.display())]
    Unreadable {
        /// Path of the file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The file holds nothing but white space.
    #[error("file {} is empty; put the secret into it", path.display())]
    EmptyFile {
        /// Path of the file.
        path: PathBuf,
    },
    /// The file is larger than any secret.
    #[error("file {} is larger than 64 KiB and thus no secret", path.display())]
    TooLarge {
        /// Path of the file.
        path: PathBuf,
    },
    /// A text is wanted and the secret is none.
    #[error("the secret is not UTF-8 text")]
    NotText,
}

impl Default for SecretsConfig {
    fn default() -> Self {
        Self { allow_env: true }
    }
}

impl SecretResolver {
    /// Resolves against this environment and the file system.
    pub fn new(env: EnvMap, config: &SecretsConfig) -> Self {
        Self { env, allow_env: config.allow_env }
    }

    /// Reads the secret now.
    pub fn resolve(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        match reference {
            SecretRef::Env(variable) => self.read_variable(variable),
            SecretRef::File(path) => read_file(path),
        }
    }

    fn read_variable(&self, variable: &str) -> Result<Secret, SecretError> {
        let variable = variable.to_owned();
        if !self.allow_env {
            return Err(SecretError::EnvNotAllowed { variable });
        }
        match self.env.get(&variable) {
            None => Err(SecretError::MissingVariable { variable }),
            Some(value) => Secret::checked(value.as_bytes().to_vec())
                .ok_or(SecretError::EmptyVariable { variable }),
        }
    }
}

impl Secret {
    /// A secret that is at hand already, such as one that was just made.
    pub fn new(value: impl Into<Vec<u8>>) -> Self {
        Self(value.into())
    }

    /// The bytes themselves.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The secret as text.
    pub fn expose_str(&self) -> Result<&str, SecretError> {
        std::str::from_utf8(&self.0).map_err(|_| SecretError::NotText)
    }

    fn checked(value: Vec<u8>) -> Option<Self> {
        (!value.trim_ascii().is_empty()).then_some(Self(value))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for SecretRef {
    /// The place, which is no secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(variable) => write!(f, "environment variable {variable}"),
            Self::File(path) => write!(f, "file {}", path.display()),
        }
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for SecretRef {
    fn schema_name() -> Cow<'static, str> {
        "SecretRef".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let of = |key: &str| {
            serde_json::json!({
                "type": "object",
                "properties": { key: { "type": "string", "minLength": 1 } },
                "required": [key],
                "additionalProperties": false,
            })
        };
        json_schema!({
            "description": "Where a secret lives: an environment variable or a file.",
            "oneOf": [of("env"), of("file")],
        })
    }
}

fn read_file(path: &Path) -> Result<Secret, SecretError> {
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => SecretError::MissingFile { path: path.to_owned() },
        _ => SecretError::Unreadable { path: path.to_owned(), source },
    };
    let mut value = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(MAX_SECRET_BYTES + 1).read_to_end(&mut value).map_err(unreadable)?;
    if u64::try_from(value.len()).is_ok_and(|length| length > MAX_SECRET_BYTES) {
        return Err(SecretError::TooLarge { path: path.to_owned() });
    }
    if value.ends_with(b"\n") {
        value.pop();
        if value.ends_with(b"\r") {
            value.pop();
        }
    }
    Secret::checked(value).ok_or_else(|| SecretError::EmptyFile { path: path.to_owned() })
}

/// Reads a reference. Serde's own messages would repeat a literal, so each kind has its own here.
struct Visitor;

impl<'de> de::Visitor<'de> for Visitor {
    type Value = SecretRef;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{ env = \"NAME\" } or { file = \"/path\" }")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<SecretRef, A::Error> {
        let refused = || de::Error::custom(FORM);
        let key: String = map.next_key()?.ok_or_else(refused)?;
        let value: toml::Value = map.next_value()?;
        let more: Option<String> = map.next_key()?;
        match (key.as_str(), value, more) {
            ("env", toml::Value::String(name), None) if !name.is_empty() => {
                Ok(SecretRef::Env(name))
            }
            ("file", toml::Value::String(path), None) if !path.is_empty() => {
                Ok(SecretRef::File(path.into()))
            }
            _ => Err(refused()),
        }
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<SecretRef, E> {
        Err(E::custom(FORM))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<SecretRef, E> {
        Err(E::custom(FORM))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<SecretRef, E> {
        Err(E::custom(FORM))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<SecretRef, E> {
        Err(E::custom(FORM))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, _: A) -> Result<SecretRef, A::Error> {
        Err(de::Error::custom(FORM))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolver(allow_env: bool) -> SecretResolver {
        let env = EnvMap::from([("FULL", "s3cret\n"), ("EMPTY", ""), ("BLANK", " \t\n")]);
        SecretResolver::new(env, &SecretsConfig { allow_env })
    }

    #[test]
    fn a_file_loses_exactly_one_line_break_at_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        for (content, expected) in [
            ("s3cret", Some("s3cret")),
            ("s3cret\n", Some("s3cret")),
            ("s3cret\r\n", Some("s3cret")),
            ("s3cret\n\n", Some("s3cret\n")),
            (" s3 cret ", Some(" s3 cret ")),
            ("s3cret\r", Some("s3cret\r")),
            ("", None),
            ("\n", None),
            (" \r\n", None),
        ] {
            std::fs::write(&path, content).unwrap();
            let resolved = resolver(false).resolve(&SecretRef::File(path.clone()));
            match (resolved, expected) {
                (Ok(secret), Some(expected)) => assert_eq!(secret.expose(), expected.as_bytes()),
                (Err(SecretError::EmptyFile { .. }), None) => {}
                (resolved, _) => panic!("{content:?} gives {resolved:?}"),
            }
        }
    }

    #[test]
    fn an_error_names_the_place_and_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let large = folder.path().join("large");
        std::fs::write(&large, vec![b'x'; 64 * 1024 + 1]).unwrap();
        for (reference, allow_env, expected) in [
            (SecretRef::Env("GONE".into()), true, "environment variable GONE is not set; set it"),
            (SecretRef::Env("EMPTY".into()), true, "environment variable EMPTY is empty"),
            (SecretRef::Env("BLANK".into()), true, "environment variable BLANK is empty"),
            (SecretRef::Env("FULL".into()), false, "environment variable FULL may not hold"),
            (SecretRef::File("/gone".into()), true, "file /gone does not exist; create it"),
            (SecretRef::File("/".into()), true, "file / cannot be read"),
            (SecretRef::File(large), true, "file "),
        ] {
            let error = resolver(allow_env).resolve(&reference).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        assert_eq!(resolver(true).resolve(&SecretRef::Env("FULL".into())).unwrap().0, b"s3cret\n");
    }

    #[test]
    fn a_secret_does_not_print_itself() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "*** Some(***)");
        assert!(!format!("{:?}", resolver(true)).contains("s3cret"));
    }
}
