//! The topic of Kafka that a record goes to: always the same, or chosen by the event.

use event_bus_core::delivery::DeliveryError;
use event_bus_core::event::Event;

use super::BuildError;
use crate::template::{Escape, Template, View};

/// Where records go.
#[derive(Debug)]
pub(super) enum Topic {
    Fixed(String),
    Template(Template),
}

impl Topic {
    /// Reads the setting.
    pub(super) fn parse(text: &str) -> Result<Self, BuildError> {
        if !text.contains('{') {
            return Ok(Self::Fixed(text.to_owned()));
        }
        let template = Template::parse(text, Escape::None);
        Ok(Self::Template(template.map_err(|error| BuildError::Setting("`topic`", error.into()))?))
    }

    /// The topic of an event.
    pub(super) fn of(&self, event: &Event) -> Result<String, DeliveryError> {
        match self {
            Self::Fixed(topic) => Ok(topic.clone()),
            Self::Template(template) => {
                let topic = template.fill(&View::of(event))?;
                if !is_legal(&topic) {
                    return Err(DeliveryError::Unencodable(IllegalTopic.into()));
                }
                Ok(topic)
            }
        }
    }
}

/// The topic that an event chose does not exist anywhere, and in a path it would be another path.
#[derive(Debug, thiserror::Error)]
#[error("the event's topic is no name of a topic")]
struct IllegalTopic;

/// What is wrong with the setting.
pub(super) fn problem(text: &str) -> Option<String> {
    match Template::parse(text, Escape::None) {
        Err(error) => Some(error.to_string()),
        Ok(_) if !text.contains('{') && !is_legal(text) => {
            Some("is no name of a topic: 1 to 249 letters, digits, `.`, `_` and `-`".to_owned())
        }
        Ok(_) => None,
    }
}

/// Whether Kafka can have a topic, or a cluster, of this name. Such a name can stand in a path as it is.
pub(super) fn is_legal(name: &str) -> bool {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=249).contains(&name.len()) && name.bytes().all(is_legal) && !matches!(name, "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_would_change_a_path_is_not_legal() {
        for name in ["a", "Events.v1_x-y", "...", &"x".repeat(249)] {
            assert!(is_legal(name), "{name}");
        }
        for name in ["", ".", "..", "a/b", "a b", "a%2f", "\u{e4}", "a?b", &"x".repeat(250)] {
            assert!(!is_legal(name), "{name}");
        }
    }
}
