//! Blocks of Block Kit: the structure is as it was written, each text in it is a template.
//!
//! What an event puts into a text is escaped, so that it cannot mention anybody or forge a link. Nothing is escaped under
//! keys that Slack does not read as text: `value`, and those that end with `url` or `_id`.

use serde_json::{Map, Value};

use super::cut::cut;
use crate::template::{Escape, InvalidTemplate, Template, Unfilled, View};

/// Most characters of a text in a block, unless the block has a limit of its own.
const MAX_TEXT: usize = 3000;
const MAX_HEADER: usize = 150;
const MAX_FIELD: usize = 2000;
const MAX_BUTTON: usize = 75;

/// A part of a block.
#[derive(Debug)]
pub(super) enum Node {
    /// A text, and to how many characters it is cut.
    Text(Box<Template>, Option<usize>),
    List(Vec<Node>),
    Table(Vec<(String, Node)>),
    Other(Value),
}

/// Reads the templates of a block and collects what is wrong with them.
struct Compiler<'a> {
    problems: &'a mut Vec<(String, InvalidTemplate)>,
}

impl Node {
    /// Reads a block. Problems come with their keys, which begin with `path`.
    pub(super) fn compile(
        block: &Value,
        path: String,
        problems: &mut Vec<(String, InvalidTemplate)>,
    ) -> Self {
        Compiler { problems }.node(block, "", path, MAX_TEXT)
    }

    /// The block for one event.
    pub(super) fn fill(&self, view: &View) -> Result<Value, Unfilled> {
        Ok(match self {
            Self::Text(template, None) => template.fill(view)?.into(),
            Self::Text(template, Some(limit)) => cut(template.fill(view)?, *limit).into(),
            Self::List(items) => {
                items.iter().map(|item| item.fill(view)).collect::<Result<_, _>>()?
            }
            Self::Table(members) => {
                let filled = members.iter().map(|(key, node)| Ok((key.clone(), node.fill(view)?)));
                Value::Object(filled.collect::<Result<Map<_, _>, _>>()?)
            }
            Self::Other(value) => value.clone(),
        })
    }
}

impl Compiler<'_> {
    /// `key` is the name under which the value stands, `limit` that of texts in it.
    fn node(&mut self, value: &Value, key: &str, path: String, limit: usize) -> Node {
        match value {
            Value::String(text) => self.text(text, key, path, limit),
            Value::Array(items) => {
                let limit = if key == "fields" { MAX_FIELD } else { limit };
                let each = items.iter().enumerate();
                let items =
                    each.map(|(at, item)| self.node(item, key, format!("{path}[{at}]"), limit));
                Node::List(items.collect())
            }
            Value::Object(members) => {
                let limit = match members.get("type").and_then(Value::as_str) {
                    Some("header") => MAX_HEADER,
                    Some("button") => MAX_BUTTON,
                    Some(_) | None => limit,
                };
                let member = |(key, value): (&String, &Value)| {
                    (key.clone(), self.node(value, key, format!("{path}.{key}"), limit))
                };
                Node::Table(members.iter().map(member).collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Node::Other(value.clone()),
        }
    }

    fn text(&mut self, text: &str, key: &str, path: String, limit: usize) -> Node {
        let is_text = key != "value" && !key.ends_with("url") && !key.ends_with("_id");
        let escape = if is_text { Escape::Slack } else { Escape::None };
        match Template::parse(text, escape) {
            Ok(template) => Node::Text(Box::new(template), (key == "text").then_some(limit)),
            Err(error) => {
                self.problems.push((path, error));
                Node::Other(Value::Null)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use event_bus_core::event::{Data, Event};
    use serde_json::json;

    use super::*;

    fn filled(block: &Value, data: &Value) -> Value {
        let mut problems = Vec::new();
        let node = Node::compile(block, "blocks[0]".to_owned(), &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        let data = Data::Json(Bytes::from(data.to_string()));
        let event = Event::builder("1", "/s", "t").data(data).build().unwrap();
        node.fill(&View::of(&event)).unwrap()
    }

    #[test]
    fn a_block_keeps_its_structure_and_only_texts_are_escaped() {
        let block = json!({
            "type": "section",
            "block_id": "b-{data.x}",
            "text": { "type": "mrkdwn", "text": "<{data.url}|{data.x}>", "verbatim": true },
            "accessory": {
                "type": "button", "value": "{data.x}", "url": "{data.url}", "action_id": "a",
                "text": { "type": "plain_text", "text": "Open {data.x}", "emoji": false },
            },
            "expand": 3,
        });
        let expected = json!({
            "type": "section",
            "block_id": "b-<&>",
            "text": { "type": "mrkdwn", "text": "<https://h/?a=1&amp;b=2|&lt;&amp;&gt;>", "verbatim": true },
            "accessory": {
                "type": "button", "value": "<&>", "url": "https://h/?a=1&b=2", "action_id": "a",
                "text": { "type": "plain_text", "text": "Open &lt;&amp;&gt;", "emoji": false },
            },
            "expand": 3,
        });
        assert_eq!(filled(&block, &json!({ "x": "<&>", "url": "https://h/?a=1&b=2" })), expected);
    }

    #[test]
    fn each_text_is_cut_where_slack_would_refuse_it() {
        let text = |kind: &str| json!({ "type": kind, "text": "{data.long}" });
        let long = json!({ "long": "x".repeat(5000) });
        let length = |block: &Value, at: &str| {
            filled(block, &long).pointer(at).unwrap().as_str().unwrap().chars().count()
        };
        let header = json!({ "type": "header", "text": text("plain_text") });
        let section =
            json!({ "type": "section", "text": text("mrkdwn"), "fields": [text("mrkdwn")] });
        let actions = json!({ "type": "actions", "elements": [
            { "type": "button", "text": text("plain_text"), "value": "{data.long}" },
        ]});
        assert_eq!(length(&header, "/text/text"), 150);
        assert_eq!(length(&section, "/text/text"), 3000);
        assert_eq!(length(&section, "/fields/0/text"), 2000);
        assert_eq!(length(&actions, "/elements/0/text/text"), 75);
        assert_eq!(length(&actions, "/elements/0/value"), 5000);
    }

    #[test]
    fn a_template_that_cannot_be_read_is_named_by_its_place() {
        let mut problems = Vec::new();
        let block = json!({ "type": "context", "elements": [{ "text": "{data." }] });
        Node::compile(&block, "blocks[2]".to_owned(), &mut problems);
        assert_eq!(problems[0].0, "blocks[2].elements[0].text");
    }
}
