//! Settings of the Slack sink.

use std::time::Duration;

use event_bus_runtime::SecretRef;
use event_bus_runtime::config::duration;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::message::Message;
use super::{ReadyMade, SlackSink};
use crate::sinks::{BuildError, Settings, Sink, SinkContext};

/// Most blocks that Slack takes in one message.
const MAX_BLOCKS: usize = 50;

/// `sink.slack`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The URL of the incoming webhook. It is a secret: whoever knows it can post.
    pub url: SecretRef,
    /// The message, a template.
    #[serde(default)]
    pub text: Option<String>,
    /// Blocks of Block Kit; each text in them is a template.
    #[serde(default)]
    pub blocks: Vec<Map<String, Value>>,
    /// A ready-made message, instead of `text` and `blocks`; `event` by default, if there is none of the three.
    #[serde(default)]
    pub template: Option<ReadyMade>,
    /// Time for the whole request, connection included.
    #[serde(default = "default_timeout", with = "duration")]
    #[schemars(with = "duration::Text")]
    pub timeout: Duration,
}

impl Settings for Config {
    fn kind(&self) -> &'static str {
        "slack"
    }

    fn finding(&self) -> &'static str {
        "EB0214"
    }

    fn validate(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        if self.template.is_some() && (self.text.is_some() || !self.blocks.is_empty()) {
            let message = "stands beside `text` or `blocks`; keep one of them";
            problems.push(("template".to_owned(), message.to_owned()));
        }
        if self.text.as_ref().is_some_and(|text| text.trim().is_empty()) {
            problems.push(("text".to_owned(), "must not be empty".to_owned()));
        }
        if self.blocks.len() > MAX_BLOCKS {
            let message = format!("must be at most {MAX_BLOCKS}: Slack takes no more");
            problems.push(("blocks".to_owned(), message));
        }
        for (index, block) in self.blocks.iter().enumerate() {
            if !block.get("type").is_some_and(Value::is_string) {
                let message = "needs a type, such as \"section\"".to_owned();
                problems.push((format!("blocks[{index}].type"), message));
            }
        }
        if let Err(invalid) = Message::compile(self) {
            problems.extend(invalid.into_iter().map(|(key, error)| (key, error.to_string())));
        }
        if self.timeout < Duration::from_millis(10) || self.timeout > Duration::from_secs(600) {
            problems.push(("timeout".to_owned(), "must be between 10ms and 10m".to_owned()));
        }
        problems
    }

    fn secrets(&self) -> Vec<(String, SecretRef)> {
        vec![("url".to_owned(), self.url.clone())]
    }

    fn build(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, BuildError> {
        Ok(Box::new(SlackSink::build(self, context)?))
    }
}

fn default_timeout() -> Duration {
    Duration::from_secs(15)
}
