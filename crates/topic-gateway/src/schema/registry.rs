//! Schemas by topic.

use std::io;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::{Options, Schema, SchemaError};

/// The schemas of all topics, in the order in which they were given.
#[derive(Debug, Default)]
pub struct Registry {
    schemas: IndexMap<String, Schema>,
}

/// The schemas cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    #[error("cannot read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        error: io::Error,
    },
    #[error("schema of topic {topic:?} in {} cannot be used", path.display())]
    File {
        topic: String,
        path: PathBuf,
        #[source]
        error: SchemaError,
    },
    #[error("schema of topic {topic:?} cannot be used")]
    Schema {
        topic: String,
        #[source]
        error: SchemaError,
    },
    #[error("topic {topic:?} has two schemas")]
    Twice { topic: String },
}

impl Registry {
    /// Compiles the texts of schemas by the names of their topics.
    pub fn new<Name: Into<String>, Text: AsRef<[u8]>>(
        schemas: impl IntoIterator<Item = (Name, Text)>,
        options: &Options,
    ) -> Result<Self, LoadError> {
        let mut registry = Self::default();
        for (topic, text) in schemas {
            let topic = topic.into();
            match Schema::parse(text.as_ref(), options) {
                Ok(schema) => registry.insert(topic, schema)?,
                Err(error) => return Err(LoadError::Schema { topic, error }),
            }
        }
        Ok(registry)
    }

    /// Compiles the files of a folder to which `name_of` gives the name of a topic, in the order of their names.
    pub fn from_folder(
        folder: &Path,
        name_of: impl Fn(&Path) -> Option<String>,
        options: &Options,
    ) -> Result<Self, LoadError> {
        let mut registry = Self::default();
        for path in files(folder).map_err(unreadable(folder))? {
            let Some(topic) = name_of(&path) else { continue };
            let text = std::fs::read(&path).map_err(unreadable(&path))?;
            match Schema::parse(&text, options) {
                Ok(schema) => registry.insert(topic, schema)?,
                Err(error) => return Err(LoadError::File { topic, path, error }),
            }
        }
        Ok(registry)
    }

    fn insert(&mut self, topic: String, schema: Schema) -> Result<(), LoadError> {
        match self.schemas.insert(topic.clone(), schema) {
            Some(_) => Err(LoadError::Twice { topic }),
            None => Ok(()),
        }
    }

    /// The schema of a topic.
    pub fn get(&self, topic: &str) -> Option<&Schema> {
        self.schemas.get(topic)
    }

    /// Topics and their schemas.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Schema)> {
        self.schemas.iter().map(|(topic, schema)| (topic.as_str(), schema))
    }

    /// How many topics have a schema.
    pub fn len(&self) -> usize {
        self.schemas.len()
    }

    /// Whether no topic has a schema.
    pub fn is_empty(&self) -> bool {
        self.schemas.is_empty()
    }
}

/// The topic of a schema file as the reference lays them out: `topic_schemas/runs.json`, or the older
/// `topic_runs.json`, is the schema of `<prefix>runs`.
///
/// ```
/// use std::path::Path;
/// use topic_gateway::schema::topic_of_file;
///
/// let topic = |path: &str| topic_of_file("public.cps.za.", Path::new(path));
/// assert_eq!(topic("conf/topic_schemas/runs.json").unwrap(), "public.cps.za.runs");
/// assert_eq!(topic("conf/topic_runs.json").unwrap(), "public.cps.za.runs");
/// assert_eq!(topic("conf/config.json"), None);
/// ```
pub fn topic_of_file(prefix: &str, path: &Path) -> Option<String> {
    let stem = path.file_name()?.to_str()?.strip_suffix(".json")?;
    let folder = path.parent().and_then(Path::file_name);
    if folder.is_some_and(|folder| folder == "topic_schemas") {
        return Some(format!("{prefix}{stem}"));
    }
    Some(format!("{prefix}{}", stem.strip_prefix("topic_")?))
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

fn unreadable(path: &Path) -> impl Fn(io::Error) -> LoadError {
    move |error| LoadError::Read { path: path.to_owned(), error }
}
