//! Configuration.

mod byte_size;
pub mod duration;
mod env;
mod error;

use std::path::Path;

use serde::de::DeserializeOwned;

pub use byte_size::ByteSize;
pub use env::EnvMap;
pub use error::{ConfigError, Problem};

/// Parses `text`, lays the environment over it and reads all of it as `T`.
pub fn load<T: DeserializeOwned>(
    file_name: &str,
    text: &str,
    env: &EnvMap,
) -> Result<T, ConfigError> {
    Document::parse(file_name, text, env)?.get()
}

/// A parsed configuration file with the environment laid over it.
#[derive(Clone, Debug)]
pub struct Document {}

impl Document {
    /// Reads the file, then as [`Document::parse`].
    pub fn read(path: &Path, env: &EnvMap) -> Result<Self, ConfigError> {
        let _ = (path, env);
        todo!()
    }

    pub fn parse(file_name: &str, text: &str, env: &EnvMap) -> Result<Self, ConfigError> {
        let _ = (file_name, text, env);
        todo!()
    }

    /// The whole file.
    pub fn get<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        todo!()
    }

    /// One section, none when it is absent.
    pub fn section<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, ConfigError> {
        let _ = name;
        todo!()
    }

    /// Line of a path such as `inbound.sources[1].provider`, from 1.
    pub fn line_of(&self, path: &str) -> Option<usize> {
        let _ = path;
        todo!()
    }
}
