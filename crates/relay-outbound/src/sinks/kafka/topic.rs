//! The topic that a record goes to: always the same, or chosen by the event.

use event_bus_core::event::Event;
use rdkafka::metadata::Metadata;

use crate::sinks::{BuildError, CheckError};
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

    /// Whether it can be written to, in a few words.
    pub(super) fn state(&self, metadata: &Metadata) -> Result<String, CheckError> {
        let brokers = metadata.brokers().len();
        let Self::Fixed(name) = self else {
            return Ok(format!("{brokers} brokers answer; the topic depends on the event"));
        };
        let Some(topic) = metadata.topics().iter().find(|topic| topic.name() == name) else {
            return Err(CheckError::bare(format!(
                "there is no topic {name}, or the relay may not see it; make it, unless the brokers make topics on first use"
            )));
        };
        let partitions = topic.partitions();
        let leaderless = partitions.iter().filter(|partition| partition.leader() < 0).count();
        if leaderless > 0 {
            let problem = format!("{leaderless} partitions of {name} have no leader");
            return Err(CheckError::bare(problem));
        }
        Ok(format!("{brokers} brokers answer, topic {name} has {} partitions", partitions.len()))
    }
}
