//! Messages in the log, at level `trace` alone: compact JSON, without what stands under certain keys, cut (section 12).

use serde_json::Value as Plain;

use crate::json::Value;

/// Target of these lines.
const TARGET: &str = "topic_gateway::payloads";

/// What stands there instead.
const REDACTED: &str = "***REDACTED***";

/// What of a message is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadLog {
    /// Names of members whose value is never written, whatever their case and depth.
    pub redact_keys: Vec<String>,
    /// Bytes after which the text is cut.
    pub max_bytes: usize,
}

impl PayloadLog {
    /// Writes a message that is about to be stored, if such lines are asked for.
    pub(crate) fn write(&self, topic: &str, message: &Value) {
        if tracing::enabled!(target: TARGET, tracing::Level::TRACE) {
            let payload = self.text(message);
            tracing::trace!(target: TARGET, topic, payload, "payload");
        }
    }

    fn text(&self, message: &Value) -> String {
        let mut plain = message.to_serde();
        self.redact(&mut plain);
        let mut text = plain.to_string();
        if text.len() > self.max_bytes {
            text.truncate(text.floor_char_boundary(self.max_bytes));
            text.push_str("...");
        }
        text
    }

    fn redact(&self, value: &mut Plain) {
        match value {
            Plain::Object(members) => {
                for (name, member) in members {
                    if self.redact_keys.iter().any(|key| key.eq_ignore_ascii_case(name)) {
                        *member = REDACTED.into();
                    } else {
                        self.redact(member);
                    }
                }
            }
            Plain::Array(items) => items.iter_mut().for_each(|item| self.redact(item)),
            Plain::Null | Plain::Bool(_) | Plain::Number(_) | Plain::String(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Limits, parse};

    #[test]
    fn what_is_secret_is_not_written_and_much_is_cut() {
        let text = |max_bytes| {
            let log = PayloadLog { redact_keys: vec!["token".to_owned()], max_bytes };
            let message = r#"{"a": [{"TOKEN": {"b": 1}}], "token_id": "ä"}"#;
            log.text(&parse(message.as_bytes(), Limits::default()).unwrap())
        };
        assert_eq!(text(100), r#"{"a":[{"TOKEN":"***REDACTED***"}],"token_id":"ä"}"#);
        assert_eq!(text(47), r#"{"a":[{"TOKEN":"***REDACTED***"}],"token_id":"..."#);
    }
}
