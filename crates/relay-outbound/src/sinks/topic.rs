//! The topic of Kafka that a record goes to: always the same, or chosen by the event.

use event_bus_core::event::Event;

use super::BuildError;
use crate::template::{Escape, Template, Unfilled, View};

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
    pub(super) fn of(&self, event: &Event) -> Result<String, Unfilled> {
        match self {
            Self::Fixed(topic) => Ok(topic.clone()),
            Self::Template(template) => template.fill(&View::of(event)),
        }
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
