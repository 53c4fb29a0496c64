//! Why a document cannot be used.

use crate::access::AccessError;
use crate::documents::{Location, ReadError, RemoteError};
use crate::schema::SchemaError;

/// A document cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GovernanceError {
    /// It cannot be read.
    #[error("{location} cannot be read")]
    Unreadable {
        /// Where it stands.
        location: Location,
        /// Why.
        #[source]
        source: ReadError,
    },
    /// A schema cannot be used.
    #[error("the schema of topic {topic} cannot be used ({location})")]
    Schema {
        /// The topic.
        topic: String,
        /// Where it stands.
        location: Location,
        /// Why.
        #[source]
        source: Box<SchemaError>,
    },
    /// Two topics would have the same subject, or one none.
    #[error("topic {topic} cannot be used ({location}): its subject is that of {other}")]
    Subject {
        /// The topic.
        topic: String,
        /// Where its schema stands.
        location: Location,
        /// The topic that has it already.
        other: String,
    },
    /// Two documents of the registry are the schema of one topic.
    #[error("{location} is not used: the schema of topic {topic} is {other}")]
    Twice {
        /// The topic.
        topic: String,
        /// Where the second one stands.
        location: Location,
        /// Where the first one stands.
        other: String,
    },
    /// What a schema refers to cannot be had.
    #[error("the schema of topic {topic} cannot be used ({location})")]
    Remote {
        /// The topic.
        topic: String,
        /// Where it stands.
        location: Location,
        /// Why.
        #[source]
        source: Box<RemoteError>,
    },
    /// The access document cannot be used.
    #[error("the access document cannot be used ({location})")]
    Access {
        /// Where it stands.
        location: Location,
        /// Why.
        #[source]
        source: Box<AccessError>,
    },
    /// Nothing can be fetched.
    #[error("what schemas refer to cannot be fetched")]
    Client(#[source] Box<RemoteError>),
}

impl GovernanceError {
    /// Whether every topic has what it needs all the same.
    pub fn is_harmless(&self) -> bool {
        match self {
            Self::Twice { .. } => true,
            Self::Unreadable { .. }
            | Self::Schema { .. }
            | Self::Subject { .. }
            | Self::Remote { .. }
            | Self::Access { .. }
            | Self::Client(_) => false,
        }
    }
}
