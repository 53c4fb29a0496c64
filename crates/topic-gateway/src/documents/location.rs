//! Where a document stands, as the configuration writes it.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// A document, or a place that holds several: a path, `s3://<bucket>/<key>` or `kv://<bucket>/<key>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub enum Location {
    /// A file or a folder.
    File(PathBuf),
    /// An object of S3, or what begins the keys of several.
    S3 {
        /// The bucket.
        bucket: String,
        /// The key, or its beginning.
        key: String,
    },
    /// A value of a key-value bucket of JetStream, or what begins the keys of several.
    Kv {
        /// The bucket.
        bucket: String,
        /// The key, or its beginning.
        key: String,
    },
}

/// A text is no location.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLocation {
    /// It is empty.
    #[error("is empty; name a file, s3://<bucket>/<key> or kv://<bucket>/<key>")]
    Empty,
    /// It has no bucket or no slash behind it.
    #[error("{0:?} is not <scheme>://<bucket>/<key>")]
    NoBucket(String),
    /// Its scheme is another.
    #[error("{0:?} begins with a scheme that is not known; s3:// and kv:// are")]
    Scheme(String),
}

impl Location {
    /// The same place for one of the documents that it holds.
    pub(super) fn with_key(&self, key: String) -> Self {
        match self {
            Self::File(folder) => Self::File(folder.join(key)),
            Self::S3 { bucket, .. } => Self::S3 { bucket: bucket.clone(), key },
            Self::Kv { bucket, .. } => Self::Kv { bucket: bucket.clone(), key },
        }
    }
}

impl FromStr for Location {
    type Err = InvalidLocation;

    fn from_str(text: &str) -> Result<Self, InvalidLocation> {
        if text.is_empty() {
            return Err(InvalidLocation::Empty);
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(Self::File(PathBuf::from(text)));
        };
        let parts = rest.split_once('/').filter(|(bucket, _)| !bucket.is_empty());
        let (bucket, key) = parts.ok_or_else(|| InvalidLocation::NoBucket(text.to_owned()))?;
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        match scheme {
            "s3" => Ok(Self::S3 { bucket, key }),
            "kv" => Ok(Self::Kv { bucket, key }),
            _ => Err(InvalidLocation::Scheme(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Location {
    type Error = InvalidLocation;

    fn try_from(text: String) -> Result<Self, InvalidLocation> {
        text.parse()
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(formatter, "{}", path.display()),
            Self::S3 { bucket, key } => write!(formatter, "s3://{bucket}/{key}"),
            Self::Kv { bucket, key } => write!(formatter, "kv://{bucket}/{key}"),
        }
    }
}

impl JsonSchema for Location {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Location")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A path, `s3://<bucket>/<key>`, or `kv://<bucket>/<key>` for a key-value bucket of JetStream."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_written_as_it_is_read() {
        for text in
            ["conf/access.json", "/a b/c", "s3://bucket/a/b.json", "kv://TOPICS/access", "s3://b/"]
        {
            assert_eq!(text.parse::<Location>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_location_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "is empty; name a file, s3://<bucket>/<key> or kv://<bucket>/<key>"),
            ("s3://bucket", "\"s3://bucket\" is not <scheme>://<bucket>/<key>"),
            ("kv:///key", "\"kv:///key\" is not <scheme>://<bucket>/<key>"),
            (
                "https://h/k",
                "\"https://h/k\" begins with a scheme that is not known; s3:// and kv:// are",
            ),
        ] {
            assert_eq!(text.parse::<Location>().unwrap_err().to_string(), reason);
        }
    }
}
