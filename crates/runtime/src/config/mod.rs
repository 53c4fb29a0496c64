//! Configuration: one TOML file, with the environment laid over it, read strictly.
//!
//! Every error names the file and the line, or the variable, the path and what is wrong; none
//! repeats a value that may be a secret. Nothing here opens a connection or spawns a task.

mod byte_size;
pub mod duration;
mod env;
mod error;
mod locate;
mod overlay;
mod path;
mod rate;
mod wording;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::de::DeserializeOwned;
use toml::{Table, Value};

pub use byte_size::ByteSize;
pub use env::EnvMap;
pub use error::{ConfigError, Located, Origin, Problem};
use path::{KeyPath, Step};
pub use rate::Rate;

/// A longer file is no configuration.
const MAX_FILE_BYTES: u64 = 8 * 1024 * 1024;

/// Parses `text`, lays the environment over it and reads all of it as `T`.
pub fn load<T: DeserializeOwned>(
    file_name: &str,
    text: &str,
    env: &EnvMap,
) -> Result<T, ConfigError> {
    Document::parse(file_name, text, env)?.get()
}

/// A parsed configuration file with the environment laid over it.
#[derive(Clone)]
pub struct Document {
    file: String,
    text: String,
    merged: Table,
    /// Which path was set by which variable.
    variables: BTreeMap<KeyPath, String>,
}

impl Document {
    /// Reads the file, then does as [`Document::parse`].
    pub fn read(path: &Path, env: &EnvMap) -> Result<Self, ConfigError> {
        let file = path.display().to_string();
        match read_text(path) {
            Ok(text) => Self::parse(&file, &text, env),
            Err(source) => Err(ConfigError::Unreadable { file, source }),
        }
    }

    /// Parses the text and lays the variables `EVENT_BUS__…` over it.
    pub fn parse(file_name: &str, text: &str, env: &EnvMap) -> Result<Self, ConfigError> {
        let mut merged: Table = toml::from_str(text).map_err(|error| ConfigError::Syntax {
            origin: Origin::File {
                name: file_name.to_owned(),
                line: error.span().map(|span| locate::line_at(text, span.start)),
            },
            message: error.message().lines().collect::<Vec<_>>().join(", "),
        })?;
        let variables = overlay::apply(&mut merged, env)?;
        Ok(Self { file: file_name.to_owned(), text: text.to_owned(), merged, variables })
    }

    /// The whole file.
    pub fn get<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        self.read_as(None, Value::Table(self.merged.clone()))
    }

    /// One section, none when neither the file nor the environment has it.
    pub fn section<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, ConfigError> {
        match self.merged.get(name) {
            Some(value) => self.read_as(Some(name), value.clone()).map(Some),
            None => Ok(None),
        }
    }

    /// Names of the sections, sorted.
    pub fn sections(&self) -> impl Iterator<Item = &str> {
        self.merged.keys().map(String::as_str)
    }

    /// Line, from 1, of a path such as `inbound.sources[1].provider` or of what stands above it.
    pub fn line_of(&self, path: &str) -> Option<usize> {
        locate::place(&self.text, &KeyPath::parse(path)).map(|place| place.line)
    }

    /// Who wrote the value at a path.
    pub fn origin(&self, path: &str) -> Origin {
        self.origin_of(&KeyPath::parse(path))
    }

    fn origin_of(&self, path: &KeyPath) -> Origin {
        let above = |set: &&KeyPath| path.starts_with(set);
        if let Some(set) = self.variables.keys().filter(above).max_by_key(|set| set.0.len()) {
            return Origin::Variable(self.variables[set].clone());
        }
        let place = locate::place(&self.text, path);
        if !place.is_some_and(|place| place.exact) {
            // The file does not hold it, so a variable below may have brought it into being.
            let below =
                |(set, _): &(&KeyPath, &String)| !path.0.is_empty() && set.starts_with(path);
            if let Some((_, variable)) = self.variables.iter().find(below) {
                return Origin::Variable(variable.clone());
            }
        }
        Origin::File { name: self.file.clone(), line: place.map(|place| place.line) }
    }

    fn read_as<T: DeserializeOwned>(
        &self,
        section: Option<&str>,
        value: Value,
    ) -> Result<T, ConfigError> {
        serde_path_to_error::deserialize(value).map_err(|error| {
            let path = KeyPath::from_serde(section, error.path());
            let origin = self.origin_of(&path);
            let message = wording::reword(error.inner().message(), self.value_at(&path));
            let problem = Problem { path: path.to_string(), message };
            ConfigError::Value(Located { origin, problem })
        })
    }

    fn value_at(&self, path: &KeyPath) -> Option<&Value> {
        let (first, rest) = path.0.split_first()?;
        let Step::Key(first) = first else { return None };
        rest.iter().try_fold(self.merged.get(first)?, |value, step| match step {
            Step::Key(key) => value.get(key),
            Step::Index(index) => value.get(index),
        })
    }
}

impl std::fmt::Debug for Document {
    /// Names only, since a value may be a secret in the wrong place.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sections: Vec<_> = self.sections().collect();
        f.debug_struct("Document").field("file", &self.file).field("sections", &sections).finish()
    }
}

fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read = File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_string(&mut text)?;
    if u64::try_from(read).is_ok_and(|read| read > MAX_FILE_BYTES) {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 8 MiB"));
    }
    Ok(text)
}
