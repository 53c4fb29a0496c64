//! The access document: which subjects may publish to a topic, and with which values in which fields.

use std::collections::HashMap;
use std::fmt;

use indexmap::{IndexMap, IndexSet};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::subject;
use crate::pattern::{Pattern, PatternError};

/// An access document cannot be used. Where the contract gives a text, it is that text.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// It is no JSON.
    #[error("the access document is not JSON")]
    Json(#[source] serde_json::Error),
    /// Something in it cannot be meant.
    #[error("{place}: {problem}")]
    Invalid {
        /// Where: `Topic 't', user 'u', field 'f'`.
        place: String,
        /// What is wrong there.
        problem: Problem,
    },
}

/// What is wrong at a place of an access document. What is found instead has the name of its type in Python.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The document is no object.
    #[error("expected dict, got {0}.")]
    Document(&'static str),
    /// A topic has neither a list of users nor an object of them.
    #[error("expected list or dict, got {0}.")]
    Topic(&'static str),
    /// A list of users holds something else.
    #[error("users must be strings, got {0}.")]
    User(&'static str),
    /// What a user is bound to is no object.
    #[error("constraints must be a dict, got {0}.")]
    Constraints(&'static str),
    /// The patterns of a field are no list.
    #[error("patterns must be a list, got {0}.")]
    Patterns(&'static str),
    /// A pattern is no text.
    #[error("patterns must be strings, got {0}.")]
    NoText(&'static str),
    /// A pattern is no regular expression; why, in the words of Python where Python refuses it too.
    #[error("invalid regex pattern '{pattern}': {error}.")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        error: PatternError,
    },
}

/// Who may publish to one topic.
#[derive(Debug, Default)]
pub(super) struct Topic {
    /// By name, in the order of the document.
    pub users: IndexMap<String, Constraints>,
    /// Places in `users` by name without case; of several, the first.
    folded: HashMap<String, usize>,
    /// What stands in it more than once: `user 'u'`, `user 'u', field 'f'`.
    pub repeated: Vec<String>,
}

/// The patterns of each field that a user is bound in; none at all: everything is allowed.
pub(super) type Constraints = IndexMap<String, Vec<Pattern>>;

/// A JSON value as far as it matters here. Of several members with one name the last counts, at the place of the first.
pub(super) enum Node {
    Null,
    Bool,
    Integer,
    Float,
    Text(String),
    List(Vec<Node>),
    Object(Members),
}

/// The members of an object.
#[derive(Default)]
pub(super) struct Members {
    by_name: IndexMap<String, Node>,
    /// Names that stand there more than once.
    repeated: IndexSet<String>,
}

/// The topics of a document, and the names of those that stand there more than once.
pub(super) struct Topics {
    pub by_name: IndexMap<String, Topic>,
    pub repeated: IndexSet<String>,
}

pub(super) fn parse(document: &[u8]) -> Result<Topics, AccessError> {
    match serde_json::from_slice(document).map_err(AccessError::Json)? {
        Node::Object(Members { by_name, repeated }) => {
            let topics = by_name
                .into_iter()
                .map(|(name, node)| Topic::parse(&name, node).map(|topic| (name, topic)));
            Ok(Topics { by_name: topics.collect::<Result<_, _>>()?, repeated })
        }
        other => {
            Err(invalid("the access document".to_owned(), Problem::Document(other.python_type())))
        }
    }
}

fn invalid(place: String, problem: Problem) -> AccessError {
    AccessError::Invalid { place, problem }
}

impl Topic {
    /// The user whose name differs from `name` in case at most.
    pub(super) fn user_ignoring_case(&self, name: &str) -> Option<(&str, &Constraints)> {
        let place = self.folded.get(&*subject::fold(name))?;
        self.users.get_index(*place).map(|(name, constraints)| (name.as_str(), constraints))
    }

    /// The user of exactly this name.
    pub(super) fn user(&self, name: &str) -> Option<(&str, &Constraints)> {
        self.users.get_key_value(name).map(|(name, constraints)| (name.as_str(), constraints))
    }

    /// Users that are never found because an earlier one differs from them in case only.
    pub(super) fn shadowed(&self) -> impl Iterator<Item = (&str, &str)> {
        self.users.keys().filter_map(|name| {
            let (first, _) = self.user_ignoring_case(name)?;
            (first != name).then_some((name.as_str(), first))
        })
    }

    fn parse(topic: &str, node: Node) -> Result<Self, AccessError> {
        let place = format!("Topic '{topic}'");
        let mut repeated = Vec::new();
        let users = match node {
            Node::List(users) => users
                .into_iter()
                .map(|user| match user {
                    Node::Text(user) => Ok((user, Constraints::new())),
                    other => Err(invalid(place.clone(), Problem::User(other.python_type()))),
                })
                .collect::<Result<_, _>>()?,
            Node::Object(users) => {
                repeated.extend(users.repeated.iter().map(|user| format!("user '{user}'")));
                constrained(&place, users.by_name, &mut repeated)?
            }
            other => return Err(invalid(place, Problem::Topic(other.python_type()))),
        };
        let mut folded = HashMap::new();
        for (place, name) in users.keys().enumerate() {
            folded.entry(subject::fold(name).into_owned()).or_insert(place);
        }
        Ok(Self { users, folded, repeated })
    }
}

/// As the reference does it, every shape of a topic is looked at before the first pattern is compiled.
fn constrained(
    topic: &str,
    users: IndexMap<String, Node>,
    repeated: &mut Vec<String>,
) -> Result<IndexMap<String, Constraints>, AccessError> {
    let mut shaped = Vec::new();
    for (user, node) in users {
        let place = format!("{topic}, user '{user}'");
        let Node::Object(fields) = node else {
            return Err(invalid(place, Problem::Constraints(node.python_type())));
        };
        let twice = fields.repeated.iter().map(|field| format!("user '{user}', field '{field}'"));
        repeated.extend(twice);
        let mut lists = Vec::new();
        for (field, node) in fields.by_name {
            let place = format!("{place}, field '{field}'");
            let Node::List(patterns) = node else {
                return Err(invalid(place, Problem::Patterns(node.python_type())));
            };
            lists.push((field, place, patterns));
        }
        shaped.push((user, lists));
    }
    let mut compiled = IndexMap::new();
    for (user, lists) in shaped {
        let mut constraints = Constraints::new();
        for (field, place, patterns) in lists {
            let patterns = patterns.into_iter().map(compile).collect::<Result<_, _>>();
            constraints.insert(field, patterns.map_err(|problem| invalid(place, problem))?);
        }
        compiled.insert(user, constraints);
    }
    Ok(compiled)
}

fn compile(node: Node) -> Result<Pattern, Problem> {
    match node {
        Node::Text(pattern) => {
            Pattern::new(&pattern).map_err(|error| Problem::Pattern { pattern, error })
        }
        other => Err(Problem::NoText(other.python_type())),
    }
}

impl Node {
    fn python_type(&self) -> &'static str {
        match self {
            Self::Null => "NoneType",
            Self::Bool => "bool",
            Self::Integer => "int",
            Self::Float => "float",
            Self::Text(_) => "str",
            Self::List(_) => "list",
            Self::Object(_) => "dict",
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Bool)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Integer)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Integer)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Float)
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Node, A::Error> {
        let mut object = Members::default();
        while let Some((name, node)) = members.next_entry::<String, Node>()? {
            if object.by_name.insert(name.clone(), node).is_some() {
                object.repeated.insert(name);
            }
        }
        Ok(Node::Object(object))
    }
}
