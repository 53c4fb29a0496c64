//! Where the rules come from: the documents with schemas and access.
//!
//! Each document stands for itself: one that cannot be read or used leaves its own last good version in force, and keeps
//! no other change from taking effect.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use crate::access::{Access, AccessError};
use crate::config::{Config, RegistryConfig};
use crate::documents::{Location, ReadError, Reader, Remote, RemoteError};
use crate::json::{self, Limits};
use crate::metrics::{Document, GatewayMetrics};
use crate::profile::Profile;
use crate::rules::{Governed, Rules};
use crate::schema::{Options, Schema, SchemaError};
use crate::storage::Storage;
use crate::topic::{Destination, Topic, subject};

/// Gives the destinations of a topic by its subject.
pub type FindDestinations = Box<dyn Fn(&str) -> Vec<Destination> + Send + Sync>;

/// The documents of a configuration, the topics that they govern, and the last good version of each.
pub struct Governance {
    configured: Vec<Configured>,
    registry: Option<RegistryConfig>,
    destinations: FindDestinations,
    access: Location,
    profile: Profile,
    reader: Reader,
    remote: Remote,
    metrics: GatewayMetrics,
    good: Good,
    /// Schemas that cannot be used: the same text is not compiled again.
    bad: HashMap<Location, Bad>,
}

#[derive(Clone, Debug)]
struct Configured {
    topic: Topic,
    storage: Storage,
    schema: Location,
}

/// The last good version of everything.
#[derive(Clone, Default)]
struct Good {
    access: Option<Version<Access>>,
    schemas: HashMap<Location, Version<Schema>>,
    /// Topics of the registry; `None` before it was read.
    listed: Option<Vec<(String, Location)>>,
}

struct Version<T> {
    text: Vec<u8>,
    made: Arc<T>,
}

struct Bad {
    text: Vec<u8>,
    error: Arc<GovernanceError>,
}

impl<T> Clone for Version<T> {
    fn clone(&self) -> Self {
        Self { text: self.text.clone(), made: Arc::clone(&self.made) }
    }
}

/// One look at the documents.
#[derive(Debug, Default)]
pub struct Look {
    /// The rules, if any document is another one than before.
    pub rules: Option<Rules>,
    /// What is another one than before.
    pub changed: Vec<Document>,
    /// What cannot be used, by what it is.
    pub problems: BTreeMap<String, Arc<GovernanceError>>,
}

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

impl Governance {
    /// Reads nothing yet.
    pub fn new(
        config: &Config,
        reader: Reader,
        destinations: FindDestinations,
    ) -> Result<Self, GovernanceError> {
        let configured = config.topic.iter().map(|topic| Configured {
            topic: Topic {
                name: topic.name.clone(),
                id_field: topic.id.clone(),
                key_field: topic.key.clone(),
                acknowledge: topic.acknowledge,
                destinations: Vec::new(),
            },
            storage: Storage::new(topic.storage.clone()),
            schema: topic.schema.clone(),
        });
        Ok(Self {
            configured: configured.collect(),
            registry: config.registry.clone(),
            destinations,
            access: config.access.clone(),
            profile: config.compat,
            reader,
            remote: Remote::new(config.reference_hosts.clone())
                .map_err(|error| GovernanceError::Client(Box::new(error)))?,
            metrics: GatewayMetrics::default(),
            good: Good::default(),
            bad: HashMap::new(),
        })
    }

    /// Counts here what is compiled.
    #[must_use]
    pub fn counted(self, metrics: GatewayMetrics) -> Self {
        Self { metrics, ..self }
    }

    /// Knows what the other one knows: what has not changed is not compiled again.
    pub(crate) fn adopt(&mut self, other: &Self) {
        self.good = other.good.clone();
        if self.access != other.access {
            self.good.access = None;
        }
        if self.registry != other.registry {
            self.good.listed = None;
        }
    }

    /// The problems with documents that have no good version to keep. What a registry has taken in since the configuration
    /// `before` does not count: it is no topic yet.
    pub(crate) fn without_good_version(
        &self,
        before: &Self,
        look: &Look,
    ) -> Vec<Arc<GovernanceError>> {
        let (access, listed) = (&self.good.access, &self.good.listed);
        let mut good: HashSet<_> = self.good.schemas.keys().map(Location::to_string).collect();
        good.extend(access.as_ref().map(|_| self.access.to_string()));
        if let (Some(registry), Some(listed)) = (&self.registry, listed) {
            good.insert(registry.location.to_string());
            if before.registry == self.registry {
                good.extend(listed.iter().map(|(_, schema)| schema.to_string()));
            }
        }
        for Configured { schema, .. } in &self.configured {
            if !self.good.schemas.contains_key(schema) {
                good.remove(&schema.to_string());
            }
        }
        let lacking = look.problems.iter().filter(|(name, _)| !good.contains(*name));
        lacking.map(|(_, problem)| Arc::clone(problem)).collect()
    }

    /// What kind of document a problem is about, by its name in a [`Look`].
    pub(crate) fn document(&self, name: &str) -> Document {
        if name == self.access.to_string() { Document::Access } else { Document::Schema }
    }

    /// Looks at every document.
    pub async fn look(&mut self) -> Look {
        let mut look = Look::default();
        if self.look_at_access(&mut look).await {
            look.changed.push(Document::Access);
        }
        if self.look_at_registry(&mut look).await {
            look.changed.push(Document::Schema);
        }
        for topic in self.topics() {
            if self.look_at_schema(&topic, &mut look).await {
                look.changed.push(Document::Schema);
            }
        }
        if !look.changed.is_empty() {
            look.rules = self.rules();
        }
        look
    }

    async fn look_at_access(&mut self, look: &mut Look) -> bool {
        let location = self.access.clone();
        let made = match self.reader.read(&location).await {
            Ok(text) if self.good.access.as_ref().is_some_and(|good| good.text == text) => {
                return false;
            }
            Ok(text) => Access::parse(&text).map(|made| (text, made)).map_err(|source| {
                GovernanceError::Access { location: location.clone(), source: Box::new(source) }
            }),
            Err(source) => Err(GovernanceError::Unreadable { location: location.clone(), source }),
        };
        match made {
            Ok((text, access)) => {
                let access = access.with_profile(self.profile);
                for warning in access.warnings() {
                    tracing::warn!(
                        warning,
                        "the access document says something that has no effect"
                    );
                }
                let made = Arc::new(access);
                self.good.access = Some(Version { text, made });
                true
            }
            Err(error) => {
                look.problems.insert(location.to_string(), Arc::new(error));
                false
            }
        }
    }

    async fn look_at_registry(&mut self, look: &mut Look) -> bool {
        let Some(registry) = &self.registry else { return false };
        match self.reader.list(&registry.location).await {
            Ok(listed) => {
                let mut taken: HashMap<String, String> = HashMap::new();
                for Configured { topic, .. } in &self.configured {
                    taken.insert(topic.subject(), topic.name.clone());
                }
                let mut good = Vec::with_capacity(listed.len());
                for (stem, location) in listed {
                    let topic = format!("{}{}", registry.prefix, stem.to_lowercase());
                    let other = taken.entry(subject(&topic)).or_insert_with(|| topic.clone());
                    if *other == topic && topic.contains(|each| each != '.') {
                        good.push((topic, location));
                        continue;
                    }
                    let (place, other) = (location.to_string(), other.clone());
                    let error = GovernanceError::Subject { topic, location, other };
                    look.problems.insert(place, Arc::new(error));
                }
                let listed = Some(good);
                let changed = listed != self.good.listed;
                self.good.listed = listed;
                changed
            }
            Err(source) => {
                let location = registry.location.clone();
                let error = GovernanceError::Unreadable { location, source };
                look.problems.insert(registry.location.to_string(), Arc::new(error));
                false
            }
        }
    }

    async fn look_at_schema(&mut self, configured: &Configured, look: &mut Look) -> bool {
        let location = &configured.schema;
        let text = match self.reader.read(location).await {
            Ok(text) => text,
            Err(source) => {
                let error = GovernanceError::Unreadable { location: location.clone(), source };
                look.problems.insert(location.to_string(), Arc::new(error));
                return false;
            }
        };
        if let Some(bad) = self.bad.get(location).filter(|bad| bad.text == text) {
            look.problems.insert(location.to_string(), Arc::clone(&bad.error));
            return false;
        }
        self.bad.remove(location);
        if self.good.schemas.get(location).is_some_and(|good| good.text == text) {
            return false;
        }
        match self.compile(configured, &text).await {
            Ok(schema) => {
                let version = Version { text, made: Arc::new(schema) };
                self.good.schemas.insert(location.clone(), version);
                true
            }
            Err(error) => {
                let error = Arc::new(error);
                look.problems.insert(location.to_string(), Arc::clone(&error));
                // What others serve may be there the next time.
                if !matches!(*error, GovernanceError::Remote { .. }) {
                    self.bad.insert(location.clone(), Bad { text, error });
                }
                false
            }
        }
    }

    async fn compile(
        &self,
        configured: &Configured,
        text: &[u8],
    ) -> Result<Schema, GovernanceError> {
        let (topic, location) = (configured.topic.name.clone(), configured.schema.clone());
        let unusable = |source| GovernanceError::Schema {
            topic: topic.clone(),
            location: location.clone(),
            source: Box::new(source),
        };
        let document = json::parse(text, Limits::default());
        let document = document.map_err(|error| unusable(SchemaError::Json(error)))?;
        let remotes = self.remote.documents(&document).await.map_err(|source| {
            let source = Box::new(source);
            GovernanceError::Remote { topic: topic.clone(), location: location.clone(), source }
        })?;
        self.metrics.compiled(&topic);
        Schema::new(document, &Options { remotes }).map_err(unusable)
    }

    /// The topics of the configuration, then those of the registry.
    fn topics(&self) -> Vec<Configured> {
        let mut topics = self.configured.clone();
        for (name, schema) in self.good.listed.iter().flatten() {
            let Some(registry) = &self.registry else { continue };
            if topics.iter().any(|known| known.topic.name == *name) {
                continue;
            }
            let topic = Topic {
                name: name.clone(),
                id_field: registry.id.clone(),
                key_field: registry.key.clone(),
                acknowledge: registry.acknowledge,
                destinations: Vec::new(),
            };
            let storage = Storage::default();
            topics.push(Configured { topic, storage, schema: schema.clone() });
        }
        topics
    }

    /// `None` before there is a good access document.
    pub(crate) fn rules(&mut self) -> Option<Rules> {
        let topics = self.topics();
        let used = |location: &Location| topics.iter().any(|topic| topic.schema == *location);
        self.good.schemas.retain(|location, _| used(location));
        self.bad.retain(|location, _| used(location));
        let access = Arc::clone(&self.good.access.as_ref()?.made);
        let governed =
            topics.into_iter().filter_map(|Configured { mut topic, storage, schema }| {
                let schema = Arc::clone(&self.good.schemas.get(&schema)?.made);
                topic.destinations = (self.destinations)(&topic.subject());
                Some(Governed { topic, schema, storage })
            });
        Some(Rules::new(governed, access))
    }
}

impl fmt::Debug for Governance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("Governance");
        debug.field("configured", &self.configured).field("registry", &self.registry);
        debug.field("access", &self.access).finish_non_exhaustive()
    }
}
