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
