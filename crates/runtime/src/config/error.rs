//! What is wrong with a configuration, and where.

use std::fmt;
use std::io;

use super::Document;

/// One thing that a `validate` step found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, such as `inbound.sources[1].provider`.
    pub path: String,
    /// What is wrong: lowercase, no full stop, never a secret.
    pub message: String,
}

/// A problem and who wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// Where the wrong value comes from.
    pub origin: Origin,
    /// What is wrong with it.
    pub problem: Problem,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file; the line counts from 1 and is absent where nothing in the file is to blame.
    File {
        /// Name of the file.
        name: String,
        /// Line of the key.
        line: Option<usize>,
    },
    /// An environment variable.
    Variable(String),
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is absent or may not be read.
    #[error("configuration file {file} cannot be read")]
    Unreadable {
        /// Path of the file.
        file: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The text is no TOML.
    #[error("{origin}: {message}")]
    Syntax {
        /// Where the parser stopped.
        origin: Origin,
        /// What it says.
        message: String,
    },
    /// A variable of the environment overlay cannot be applied.
    #[error("environment variable {variable}: {message}")]
    Variable {
        /// Name of the variable.
        variable: String,
        /// What is wrong with it.
        message: String,
    },
    /// A key is unknown or missing, or its value is of the wrong kind.
    #[error("{0}")]
    Value(Located),
    /// The values do not fit each other: everything that a `validate` step found.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Invalid(Vec<Located>),
}

impl Problem {
    /// A problem at a path.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

impl ConfigError {
    /// The problems of a `validate` step, each with its line or its variable.
    pub fn invalid(source: &Document, problems: Vec<Problem>) -> Self {
        let locate = |problem: Problem| Located { origin: source.origin(&problem.path), problem };
        Self::Invalid(problems.into_iter().map(locate).collect())
    }

    /// `Ok` when there are no problems.
    pub fn check(source: &Document, problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self::invalid(source, problems)) }
    }
}

impl fmt::Display for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        if !self.problem.path.is_empty() {
            write!(f, "{}: ", self.problem.path)?;
        }
        f.write_str(&self.problem.message)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, line: Some(line) } => write!(f, "{name}:{line}"),
            Self::File { name, line: None } => f.write_str(name),
            Self::Variable(name) => write!(f, "environment variable {name}"),
        }
    }
}
