//! What is posted for an event.

use bytes::Bytes;
use event_bus_core::event::Event;
use serde_json::{Value, json};

use super::blocks::Node;
use super::cut::cut;
use super::{Config, ReadyMade};
use crate::template::{Escape, InvalidTemplate, Template, Unfilled, View};

/// Most characters of a message's text.
const MAX_TEXT: usize = 40_000;

/// The templates of a message.
#[derive(Debug)]
pub(super) struct Message {
    text: Template,
    blocks: Vec<Node>,
}

impl Message {
    /// Reads the templates. What is wrong comes with its key.
    pub(super) fn compile(config: &Config) -> Result<Self, Vec<(String, InvalidTemplate)>> {
        let mut problems = Vec::new();
        // Beside blocks, the text is what a notification shows.
        let text = match (&config.text, config.template) {
            (Some(text), _) => text,
            (None, ready_made) => ready_made.unwrap_or(ReadyMade::Event).text(),
        };
        let text = Template::parse(text, Escape::Slack);
        let mut blocks = Vec::with_capacity(config.blocks.len());
        for (index, block) in config.blocks.iter().enumerate() {
            let block = Value::Object(block.clone());
            blocks.push(Node::compile(&block, format!("blocks[{index}]"), &mut problems));
        }
        match text {
            Ok(text) if problems.is_empty() => Ok(Self { text, blocks }),
            Ok(_) => Err(problems),
            Err(error) => {
                problems.push(("text".to_owned(), error));
                Err(problems)
            }
        }
    }

    /// The body of the request.
    pub(super) fn payload(&self, event: &Event) -> Result<Bytes, Unfilled> {
        let view = View::of(event);
        let mut payload = json!({ "text": cut(self.text.fill(&view)?, MAX_TEXT) });
        if !self.blocks.is_empty() {
            let blocks = self.blocks.iter().map(|block| block.fill(&view));
            payload["blocks"] = blocks.collect::<Result<_, _>>()?;
        }
        Ok(payload.to_string().into())
    }
}
