//! Where the rules come from: the documents with schemas and access, read again while the gateway runs.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use event_bus_core::Chain;
use tokio::time::sleep;

use crate::access::{Access, AccessError};
use crate::config::Config;
use crate::profile::Profile;
use crate::rules::{Governed, Rules};
use crate::schema::{Options, Schema, SchemaError};
use crate::storage::Storage;
use crate::topic::{Destination, Topic};

/// How often the documents are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The documents of a configuration, and the topics that they govern.
#[derive(Clone, Debug)]
pub struct Governance {
    topics: Vec<(Topic, Storage, PathBuf)>,
    access: PathBuf,
    profile: Profile,
}

/// The texts of all documents at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Documents {
    schemas: Vec<Vec<u8>>,
    access: Vec<u8>,
}

/// The documents cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GovernanceError {
    /// One cannot be read.
    #[error("{} cannot be read", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A schema cannot be used.
    #[error("the schema of topic {topic} cannot be used ({})", .path.display())]
    Schema {
        /// The topic.
        topic: String,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<SchemaError>,
    },
    /// The access document cannot be used.
    #[error("the access document cannot be used ({})", .path.display())]
    Access {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<AccessError>,
    },
}

impl Governance {
    /// The documents of a configuration. `destinations` gives those of a topic by its subject.
    pub fn new(config: &Config, destinations: impl Fn(&str) -> Vec<Destination>) -> Self {
        let topics = config.topic.iter().map(|topic| {
            let mut made = Topic {
                name: topic.name.clone(),
                id_field: topic.id.clone(),
                key_field: topic.key.clone(),
                acknowledge: topic.acknowledge,
                destinations: Vec::new(),
            };
            made.destinations = destinations(&made.subject());
            (made, Storage::new(topic.storage.clone()), topic.schema.clone())
        });
        Self { topics: topics.collect(), access: config.access.clone(), profile: config.compat }
    }

    /// All routes that somebody may wait for.
    pub fn routes(&self) -> Vec<String> {
        let destinations = self.topics.iter().flat_map(|(topic, ..)| &topic.destinations);
        let mut routes: Vec<_> = destinations.map(|each| each.route.clone()).collect();
        routes.sort();
        routes.dedup();
        routes
    }

    /// The documents as they are now.
    pub fn read(&self) -> Result<Documents, GovernanceError> {
        let schemas = self.topics.iter().map(|(.., path)| read(path)).collect::<Result<_, _>>()?;
        Ok(Documents { schemas, access: read(&self.access)? })
    }

    /// The rules that documents make.
    pub fn rules(&self, documents: &Documents) -> Result<Rules, GovernanceError> {
        let access = Access::parse(&documents.access).map_err(|source| {
            GovernanceError::Access { path: self.access.clone(), source: Box::new(source) }
        })?;
        let mut governed = Vec::with_capacity(self.topics.len());
        for ((topic, storage, path), text) in self.topics.iter().zip(&documents.schemas) {
            let schema = Schema::parse(text, &Options::default()).map_err(|source| {
                GovernanceError::Schema {
                    topic: topic.name.clone(),
                    path: path.clone(),
                    source: Box::new(source),
                }
            })?;
            governed.push(Governed { topic: topic.clone(), schema, storage: storage.clone() });
        }
        for warning in access.warnings() {
            tracing::warn!(warning, "the access document says something that has no effect");
        }
        Ok(Rules::new(governed, access.with_profile(self.profile)))
    }

    /// Hands new rules over whenever a document changes. One that cannot be used is refused with its reason, and the rules
    /// stay as they are.
    pub async fn follow(self, mut known: Documents, replace: impl Fn(Rules) + Send) {
        let mut refused = String::new();
        loop {
            sleep(LOOK_EVERY).await;
            let looked = self.read().and_then(|now| {
                let rules = (now != known).then(|| self.rules(&now)).transpose()?;
                Ok((now, rules))
            });
            match looked {
                Ok((now, Some(rules))) => {
                    replace(rules);
                    known = now;
                    refused.clear();
                    tracing::info!("topics, schemas and access were read again");
                }
                Ok((_, None)) => refused.clear(),
                Err(error) => {
                    let reason = Chain(&error).to_string();
                    if reason != refused {
                        tracing::error!(
                            error = reason,
                            "a document cannot be used; the old rules stay"
                        );
                        refused = reason;
                    }
                }
            }
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, GovernanceError> {
    std::fs::read(path)
        .map_err(|source| GovernanceError::Unreadable { path: path.to_owned(), source })
}
