//! What governs the topics at one moment: their schemas, and who may publish what. Replaced as a whole.

use std::borrow::Cow;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::access::{Access, Denied, FieldValue};
use crate::json::Value;
use crate::schema::Schema;
use crate::storage::Storage;
use crate::topic::Topic;

/// A topic with its schema.
#[derive(Debug)]
pub struct Governed {
    /// The topic.
    pub topic: Topic,
    /// What its messages must fit.
    pub schema: Arc<Schema>,
    /// Where they must fit later.
    pub storage: Storage,
}

/// The rules of all topics.
#[derive(Debug, Default)]
pub struct Rules {
    topics: IndexMap<String, Governed>,
    access: Arc<Access>,
}

impl Rules {
    /// Rules for these topics, which keep their order.
    pub fn new(topics: impl IntoIterator<Item = Governed>, access: Arc<Access>) -> Self {
        let topics = topics.into_iter().map(|each| (each.topic.name.clone(), each)).collect();
        Self { topics, access }
    }

    /// The names of the topics, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.topics.keys().map(String::as_str)
    }

    /// The topics whose messages are refused, since producers want to hear of destinations and there is none.
    pub(crate) fn unanswered(&self) -> impl Iterator<Item = &str> {
        let topics = self.topics.values().filter(|governed| governed.topic.is_unanswered());
        topics.map(|governed| governed.topic.name.as_str())
    }

    /// A topic by its name, in lower case.
    pub fn topic(&self, name: &str) -> Option<&Governed> {
        self.topics.get(name)
    }

    /// Whether anybody may publish anything.
    pub fn has_access(&self) -> bool {
        !self.access.is_empty()
    }

    /// The topics that the access document lists.
    pub fn listed(&self) -> impl Iterator<Item = &str> {
        self.access.topics()
    }

    /// Whether a subject may publish a message to a topic.
    pub fn decide(
        &self,
        subject: Option<&str>,
        topic: &str,
        message: &Value,
    ) -> Result<(), Denied> {
        self.access.decide(subject, topic, &|field| field_value(message, field))
    }
}

/// What access rules see of a field of a message.
pub fn field_value<'a>(message: &'a Value, field: &str) -> FieldValue<'a> {
    if message.as_object().is_none() {
        return FieldValue::NoObject;
    }
    match message.get(field) {
        None => FieldValue::Absent,
        Some(Value::Null) => FieldValue::Null,
        Some(value) => FieldValue::Text(Cow::Owned(value.str().into_owned())),
    }
}
