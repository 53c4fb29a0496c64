//! JSON Schemas that data must fit, compiled once.
//!
//! References to other documents are not followed: a schema stands in one file.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use event_bus_core::event::Data;
use jsonschema::Validator;

/// A longer file is no schema.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// Violations beyond these are not listed.
const MAX_VIOLATIONS: usize = 8;

/// A compiled schema.
#[derive(Debug)]
pub(crate) struct Schema(Validator);

/// Why a schema file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The file cannot be read.
    #[error("schema file {} cannot be read", path.display())]
    Unreadable {
        /// Path of the file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The file holds no JSON.
    #[error("schema file {} is not JSON", path.display())]
    NotJson {
        /// Path of the file.
        path: PathBuf,
        /// What the parser says.
        #[source]
        source: serde_json::Error,
    },
    /// The JSON is no schema.
    #[error("schema file {} is not a JSON Schema: {message}", path.display())]
    NotASchema {
        /// Path of the file.
        path: PathBuf,
        /// What the compiler says.
        message: String,
    },
}

/// One place where data does not fit. The value itself is not repeated.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Violation {
    /// JSON pointer into the data; empty for the whole.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

impl Schema {
    pub(crate) fn load(path: &Path) -> Result<Self, SchemaError> {
        let unreadable = |source| SchemaError::Unreadable { path: path.to_owned(), source };
        let mut text = Vec::new();
        let file = File::open(path).map_err(unreadable)?;
        file.take(MAX_FILE_BYTES).read_to_end(&mut text).map_err(unreadable)?;
        let schema = serde_json::from_slice(&text)
            .map_err(|source| SchemaError::NotJson { path: path.to_owned(), source })?;
        match jsonschema::validator_for(&schema) {
            Ok(validator) => Ok(Self(validator)),
            Err(error) => {
                Err(SchemaError::NotASchema { path: path.to_owned(), message: error.to_string() })
            }
        }
    }

    /// Where data does not fit; data that is not JSON fits no schema.
    pub(crate) fn check(&self, data: Option<&Data>) -> Result<(), Vec<Violation>> {
        let whole = |message: &str| {
            Err(vec![Violation { path: String::new(), message: message.to_owned() }])
        };
        let instance = match data {
            Some(Data::Json(text)) => match serde_json::from_slice(text) {
                Ok(instance) => instance,
                Err(_) => return whole("data is not JSON"),
            },
            Some(Data::Text(text)) => serde_json::Value::String(text.clone()),
            Some(Data::Binary(_)) => return whole("data is not JSON"),
            None => return whole("there is no data"),
        };
        if self.0.is_valid(&instance) {
            return Ok(());
        }
        let violations =
            self.0.iter_errors(&instance).take(MAX_VIOLATIONS).map(|error| Violation {
                path: error.instance_path().to_string(),
                message: error.masked().to_string(),
            });
        Err(violations.collect())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn schema(text: &str) -> Result<Schema, SchemaError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Schema::load(file.path())
    }

    fn json(text: &str) -> Option<Data> {
        Some(Data::Json(Bytes::copy_from_slice(text.as_bytes())))
    }

    #[test]
    fn a_violation_names_its_place_and_does_not_repeat_the_value() {
        let schema = schema(
            r#"{"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}"#,
        )
        .unwrap();
        assert_eq!(schema.check(json(r#"{"n": 1}"#).as_ref()), Ok(()));
        let violations = schema.check(json(r#"{"n": "hunter2"}"#).as_ref()).unwrap_err();
        assert_eq!(violations.len(), 1);
        assert_eq!(violations[0].path, "/n");
        assert!(!violations[0].message.contains("hunter2"), "{}", violations[0].message);
        assert_eq!(schema.check(json("[]").as_ref()).unwrap_err()[0].path, "");
        assert!(schema.check(Some(&Data::Binary(Bytes::from_static(b"x")))).is_err());
        assert!(schema.check(None).is_err());
    }

    #[test]
    fn a_file_that_is_no_schema_is_refused_with_its_name() {
        for (text, expected) in [("{", "is not JSON"), (r#"{"type": 5}"#, "is not a JSON Schema")] {
            let error = schema(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let error = Schema::load(Path::new("/gone.json")).unwrap_err();
        assert_eq!(error.to_string(), "schema file /gone.json cannot be read");
    }

    #[test]
    fn a_reference_to_another_document_is_not_followed() {
        let error = schema(r#"{"$ref": "file:///etc/hostname"}"#).unwrap_err();
        assert!(matches!(error, SchemaError::NotASchema { .. }), "{error}");
    }
}
