//! The topics and their schemas, with the last good version of each.
//!
//! A look works on a copy, so that nobody waits for it, however slow the places are.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use tokio::task::yield_now;
use tokio::time::{Instant, timeout_at};

use super::GovernanceError;
use crate::config::{Config, RegistryConfig};
use crate::documents::{Location, ReadError, Reader, Remote};
use crate::json::{self, Limits, Value};
use crate::metrics::{Document, GatewayMetrics};
use crate::schema::{Options, Remotes, Schema, SchemaError};
use crate::storage::Storage;
use crate::topic::{Topic, subject};

/// Schemas that are read at the same time.
const AT_ONCE: usize = 64;

/// How long one look may read, however many schemas there are.
const WITHIN: Duration = Duration::from_secs(20);

/// The topics and their schemas.
#[derive(Clone)]
pub(crate) struct Schemas {
    pub(super) configured: Vec<Configured>,
    pub(super) registry: Option<RegistryConfig>,
    pub(super) metrics: GatewayMetrics,
    reader: Reader,
    remote: Remote,
    /// Topics of the registry; `None` before it was read.
    pub(super) listed: Option<Vec<(String, Location)>>,
    pub(super) good: HashMap<Location, Good>,
    /// Schemas that cannot be used: the same text is not compiled again.
    bad: HashMap<Location, Bad>,
    /// Where the next look begins: what the last one had no time for.
    begin: Option<Location>,
    /// What the last look found to be unusable.
    pub(super) problems: BTreeMap<String, Arc<GovernanceError>>,
}

#[derive(Clone, Debug)]
pub(super) struct Configured {
    pub(super) topic: Topic,
    pub(super) storage: Storage,
    pub(super) schema: Location,
}

/// The last good version of a schema.
#[derive(Clone)]
pub(super) struct Good {
    text: Arc<[u8]>,
    pub(super) made: Arc<Schema>,
    /// Documents of other hosts are part of it.
    has_remotes: bool,
}

#[derive(Clone)]
struct Bad {
    text: Arc<[u8]>,
    error: Arc<GovernanceError>,
}

/// What stands now at the place of a schema.
enum Found {
    /// The last good version.
    Good,
    /// What could not be used before.
    Bad(Arc<GovernanceError>),
    /// Something new.
    New { text: Arc<[u8]>, parts: Result<(Value, Remotes), GovernanceError> },
}

impl Schemas {
    /// Reads nothing yet.
    pub(super) fn new(config: &Config, reader: Reader) -> Result<Self, GovernanceError> {
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
            metrics: GatewayMetrics::default(),
            reader,
            remote: Remote::new(config.reference_hosts.clone())
                .map_err(|error| GovernanceError::Client(Box::new(error)))?,
            listed: None,
            good: HashMap::new(),
            bad: HashMap::new(),
            begin: None,
            problems: BTreeMap::new(),
        })
    }

    /// Knows what the other one knows, but for what documents of a host that is no longer allowed are part of.
    pub(super) fn adopt(&mut self, other: &Self) {
        self.good = other.good.clone();
        if !self.remote.allows_all_of(&other.remote) {
            self.good.retain(|_, good| !good.has_remotes);
        }
        if self.registry == other.registry {
            self.listed = other.listed.clone();
        }
    }

    /// Looks at the registry and at every schema. Gives what is another one than before.
    pub(crate) async fn look(&mut self) -> Vec<Document> {
        let deadline = Instant::now() + WITHIN;
        let reader = self.reader.for_one_look();
        self.problems.clear();
        let mut changed = Vec::new();
        if self.look_at_registry(&reader).await {
            changed.push(Document::Schema);
        }
        let mut topics = self.topics();
        let mut places = HashSet::with_capacity(topics.len());
        topics.retain(|topic| places.insert(topic.schema.clone()));
        let begin = self.begin.take();
        let begin = topics.iter().position(|topic| Some(&topic.schema) == begin.as_ref());
        topics.rotate_left(begin.unwrap_or_default());
        let (before, reader) = (&self.clone(), &reader);
        let reading = topics.into_iter().map(|topic| async move {
            let found = timeout_at(deadline, before.find(&topic, reader)).await;
            (topic, found)
        });
        let mut reading = pin!(stream::iter(reading).buffered(AT_ONCE));
        while let Some((topic, found)) = reading.next().await {
            let found = found.unwrap_or_else(|_| {
                self.begin.get_or_insert_with(|| topic.schema.clone());
                Err(unreadable(&topic.schema, ReadError::Late))
            });
            if self.note(&topic, found).await {
                changed.push(Document::Schema);
            }
        }
        self.good.retain(|location, _| places.contains(location));
        self.bad.retain(|location, _| places.contains(location));
        changed
    }

    /// The topics of the configuration, then those of the registry.
    pub(super) fn topics(&self) -> Vec<Configured> {
        let mut topics = self.configured.clone();
        let own: HashSet<_> = self.configured.iter().map(|known| &known.topic.name).collect();
        for (name, schema) in self.listed.iter().flatten() {
            let Some(registry) = &self.registry else { continue };
            if own.contains(name) {
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

    async fn look_at_registry(&mut self, reader: &Reader) -> bool {
        let Some(registry) = &self.registry else { return false };
        let listed = match reader.list(&registry.location).await {
            Ok(listed) => listed,
            Err(source) => {
                let error = unreadable(&registry.location, source);
                self.problems.insert(registry.location.to_string(), Arc::new(error));
                return false;
            }
        };
        // The topics by their subjects, and where the schemas of those of the registry stand.
        let mut taken: HashMap<String, (String, Option<String>)> = HashMap::new();
        for Configured { topic, .. } in &self.configured {
            taken.insert(topic.subject(), (topic.name.clone(), None));
        }
        let mut good = Vec::with_capacity(listed.len());
        for (stem, location) in listed {
            let topic = registry.topic(&stem);
            let place = location.to_string();
            let error = match taken.entry(subject(&topic)) {
                Entry::Vacant(free) if topic.contains(|each| each != '.') => {
                    free.insert((topic.clone(), Some(place)));
                    good.push((topic, location));
                    continue;
                }
                Entry::Vacant(_) => {
                    let other = topic.clone();
                    GovernanceError::Subject { topic, location, other }
                }
                Entry::Occupied(taken) => match taken.get().clone() {
                    (name, Some(other)) if name == topic => {
                        GovernanceError::Twice { topic, location, other }
                    }
                    // The configuration has its own schema for it.
                    (name, None) if name == topic => continue,
                    (other, _) => GovernanceError::Subject { topic, location, other },
                },
            };
            self.problems.insert(place, Arc::new(error));
        }
        let listed = Some(good);
        let changed = listed != self.listed;
        self.listed = listed;
        changed
    }

    async fn find(&self, topic: &Configured, reader: &Reader) -> Result<Found, GovernanceError> {
        let location = &topic.schema;
        let text = reader.read(location).await.map_err(|source| unreadable(location, source))?;
        if let Some(bad) = self.bad.get(location).filter(|bad| *bad.text == *text) {
            return Ok(Found::Bad(Arc::clone(&bad.error)));
        }
        if self.good.get(location).is_some_and(|good| *good.text == *text) {
            return Ok(Found::Good);
        }
        let parts = self.parts(topic, &text).await;
        Ok(Found::New { text: text.into(), parts })
    }

    /// The document, and those that it refers to.
    async fn parts(
        &self,
        topic: &Configured,
        text: &[u8],
    ) -> Result<(Value, Remotes), GovernanceError> {
        let document = json::parse(text, Limits::default());
        let document = document.map_err(|error| unusable(topic, SchemaError::Json(error)))?;
        let remotes = self.remote.documents(&document).await;
        let remotes = remotes.map_err(|source| GovernanceError::Remote {
            topic: topic.topic.name.clone(),
            location: topic.schema.clone(),
            source: Box::new(source),
        })?;
        Ok((document, remotes))
    }

    /// Keeps what was found of a schema. Whether it is another one than before.
    async fn note(&mut self, topic: &Configured, found: Result<Found, GovernanceError>) -> bool {
        let location = &topic.schema;
        let error = match found {
            Ok(Found::Good) => {
                self.bad.remove(location);
                return false;
            }
            Ok(Found::New { text, parts }) => {
                self.bad.remove(location);
                // Many schemas in a row would hold up whatever else runs here.
                yield_now().await;
                match parts.and_then(|(document, remotes)| self.compile(topic, document, remotes)) {
                    Ok((made, has_remotes)) => {
                        let good = Good { text, made: Arc::new(made), has_remotes };
                        self.good.insert(location.clone(), good);
                        return true;
                    }
                    Err(error) => {
                        let error = Arc::new(error);
                        // What others serve may be there the next time.
                        if !matches!(*error, GovernanceError::Remote { .. }) {
                            let bad = Bad { text, error: Arc::clone(&error) };
                            self.bad.insert(location.clone(), bad);
                        }
                        error
                    }
                }
            }
            Ok(Found::Bad(error)) => error,
            Err(error) => Arc::new(error),
        };
        self.problems.insert(location.to_string(), error);
        false
    }

    /// The schema, and whether documents of other hosts are part of it.
    fn compile(
        &self,
        topic: &Configured,
        document: Value,
        remotes: Remotes,
    ) -> Result<(Schema, bool), GovernanceError> {
        let has_remotes = !remotes.is_empty();
        self.metrics.compiled(&topic.topic.name);
        let schema = Schema::new(document, &Options { remotes });
        Ok((schema.map_err(|source| unusable(topic, source))?, has_remotes))
    }
}

fn unreadable(location: &Location, source: ReadError) -> GovernanceError {
    GovernanceError::Unreadable { location: location.clone(), source }
}

fn unusable(topic: &Configured, source: SchemaError) -> GovernanceError {
    GovernanceError::Schema {
        topic: topic.topic.name.clone(),
        location: topic.schema.clone(),
        source: Box::new(source),
    }
}
