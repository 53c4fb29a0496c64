//! Where the rules come from: the documents with schemas and access.
//!
//! Each document stands for itself: one that cannot be read or used leaves its own last good version in force, and keeps
//! no other change from taking effect.

mod error;
mod schemas;

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;

use crate::access::Access;
use crate::config::Config;
use crate::documents::{Location, Reader};
use crate::metrics::{Document, GatewayMetrics};
use crate::profile::Profile;
use crate::rules::{Governed, Rules};
use crate::topic::Destination;

pub use error::GovernanceError;
use schemas::Configured;
pub(crate) use schemas::Schemas;

/// Gives the destinations of a topic by its subject.
pub type FindDestinations = Box<dyn Fn(&str) -> Vec<Destination> + Send + Sync>;

/// The documents of a configuration, the topics that they govern, and the last good version of each.
pub struct Governance {
    schemas: Schemas,
    destinations: FindDestinations,
    access: Location,
    profile: Profile,
    reader: Reader,
    good_access: Option<GoodAccess>,
    /// Why the access document that stands there cannot be used.
    access_problem: Option<Arc<GovernanceError>>,
}

#[derive(Clone)]
struct GoodAccess {
    text: Vec<u8>,
    made: Arc<Access>,
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

impl Governance {
    /// Reads nothing yet.
    pub fn new(
        config: &Config,
        reader: Reader,
        destinations: FindDestinations,
    ) -> Result<Self, GovernanceError> {
        Ok(Self {
            schemas: Schemas::new(config, reader.clone())?,
            destinations,
            access: config.access.clone(),
            profile: config.compat,
            reader,
            good_access: None,
            access_problem: None,
        })
    }

    /// Counts here what is compiled.
    #[must_use]
    pub fn counted(mut self, metrics: GatewayMetrics) -> Self {
        self.schemas.metrics = metrics;
        self
    }

    /// Looks at every document.
    pub async fn look(&mut self) -> Look {
        let mut changed = self.read_access().await;
        changed.extend(self.look_at_schemas().await);
        self.seen(changed)
    }

    /// Looks at the access document alone: who withdraws access does not wait for schemas.
    pub(crate) async fn look_at_access(&mut self) -> Look {
        let changed = self.read_access().await;
        self.seen(changed)
    }

    /// Looks at the schemas alone. Gives what is another one than before.
    pub(crate) async fn look_at_schemas(&mut self) -> Vec<Document> {
        self.schemas.look().await
    }

    /// A copy of the schemas to look at, while access may change.
    pub(crate) fn schemas(&self) -> Schemas {
        self.schemas.clone()
    }

    /// Takes over what a look at the copy has changed.
    pub(crate) fn replace_schemas(&mut self, schemas: Schemas, changed: Vec<Document>) -> Look {
        self.schemas = schemas;
        self.seen(changed)
    }

    /// Knows the schemas that the other one knows: what has not changed is not compiled again.
    pub(crate) fn adopt_schemas(&mut self, other: &Self) {
        self.schemas.adopt(&other.schemas);
    }

    /// Knows who may publish what as the other one does.
    pub(crate) fn adopt_access(&mut self, other: &Self) {
        if self.access == other.access {
            self.good_access = other.good_access.clone();
        }
    }

    /// The problems with documents that have no good version to keep. What a registry has taken in since the configuration
    /// `before` does not count: it is no topic yet.
    pub(crate) fn without_good_version(
        &self,
        before: &Self,
        look: &Look,
    ) -> Vec<Arc<GovernanceError>> {
        let (new, old) = (&self.schemas, &before.schemas);
        let mut good: HashSet<_> = new.good.keys().map(Location::to_string).collect();
        good.extend(self.good_access.as_ref().map(|_| self.access.to_string()));
        let registry = new.registry.iter().map(|registry| registry.location.to_string());
        good.extend(registry.clone().filter(|_| new.listed.is_some()));
        let mut needed: HashSet<_> = old.good.keys().map(Location::to_string).collect();
        needed.extend(new.configured.iter().map(|topic| topic.schema.to_string()));
        needed.extend(registry.chain([self.access.to_string()]));
        let is_needed = |name: &String| old.registry != new.registry || needed.contains(name);
        let lacking = look.problems.iter().filter(|(_, problem)| !problem.is_harmless());
        let lacking = lacking.filter(|(name, _)| !good.contains(*name) && is_needed(name));
        lacking.map(|(_, problem)| Arc::clone(problem)).collect()
    }

    /// What kind of document a problem is about, by its name in a [`Look`].
    pub(crate) fn document(&self, name: &str) -> Document {
        if name == self.access.to_string() { Document::Access } else { Document::Schema }
    }

    async fn read_access(&mut self) -> Vec<Document> {
        let location = self.access.clone();
        self.access_problem = None;
        let made = match self.reader.read(&location).await {
            Ok(text) if self.good_access.as_ref().is_some_and(|good| good.text == text) => {
                return Vec::new();
            }
            Ok(text) => Access::parse(&text)
                .map(|made| (text, made))
                .map_err(|source| GovernanceError::Access { location, source: Box::new(source) }),
            Err(source) => Err(GovernanceError::Unreadable { location, source }),
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
                self.good_access = Some(GoodAccess { text, made });
                vec![Document::Access]
            }
            Err(error) => {
                self.access_problem = Some(Arc::new(error));
                Vec::new()
            }
        }
    }

    fn seen(&self, changed: Vec<Document>) -> Look {
        let mut problems = self.schemas.problems.clone();
        let access = self.access_problem.iter();
        problems.extend(access.map(|problem| (self.access.to_string(), Arc::clone(problem))));
        let rules = if changed.is_empty() { None } else { self.rules() };
        Look { rules, changed, problems }
    }

    /// `None` before there is a good access document.
    pub(crate) fn rules(&self) -> Option<Rules> {
        let access = Arc::clone(&self.good_access.as_ref()?.made);
        let topics = self.schemas.topics().into_iter();
        let governed = topics.filter_map(|Configured { mut topic, storage, schema }| {
            let schema = Arc::clone(&self.schemas.good.get(&schema)?.made);
            topic.destinations = (self.destinations)(&topic.subject());
            Some(Governed { topic, schema, storage })
        });
        Some(Rules::new(governed, access))
    }
}

impl fmt::Debug for Governance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("Governance");
        debug.field("configured", &self.schemas.configured);
        debug.field("registry", &self.schemas.registry);
        debug.field("access", &self.access).finish_non_exhaustive()
    }
}
