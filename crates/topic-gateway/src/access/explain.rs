//! A decision in words.

use super::document::{Constraints, Topic};
use super::{Access, FieldValue, Profile, Reason, Verdict, judge};
use crate::pattern::Pattern;

/// Longest value, in characters, that is repeated.
const LONGEST_VALUE: usize = 80;

impl Access {
    /// Why `subject` may or may not publish a message to `topic`: what was looked at, in order, and the outcome last.
    pub fn explain<'v>(
        &self,
        subject: Option<&str>,
        topic: &str,
        field: &dyn Fn(&str) -> FieldValue<'v>,
    ) -> Vec<String> {
        let mut said = Vec::new();
        match self.topics.get(topic) {
            None => said.push(self.unlisted(topic)),
            Some(entry) => {
                said.push(format!("topic '{topic}' lists {}", count(entry.users.len(), "user")));
                match self.user(entry, subject) {
                    None => said.extend(self.stranger(entry, subject)),
                    Some((user, constraints)) => {
                        said.push(listed(subject.unwrap_or_default(), user, constraints));
                        said.extend(constraints.iter().map(|(name, patterns)| {
                            format!("field '{name}' {}", sentence(patterns, &field(name)))
                        }));
                    }
                }
            }
        }
        said.push(match self.decide(subject, topic, field) {
            Ok(()) => "allowed".to_owned(),
            Err(denied) => format!("denied ({}): {denied}", denied.error_type()),
        });
        said
    }

    fn unlisted(&self, topic: &str) -> String {
        let near = self.topics().find(|name| name.to_lowercase() == topic.to_lowercase());
        match near {
            Some(near) => format!(
                "topic '{topic}' is not in the access document; '{near}' is, but names must be equal, and are lower case"
            ),
            None => format!(
                "topic '{topic}' is not in the access document, so nobody may publish to it"
            ),
        }
    }

    fn stranger(&self, entry: &Topic, subject: Option<&str>) -> Vec<String> {
        let Some(subject) = subject else {
            return vec!["the token names no subject, so it is nobody's".to_owned()];
        };
        let mut said = vec![format!("subject '{subject}' is not among them")];
        let by_case = entry.user_ignoring_case(subject);
        if let (Profile::Seed, Some((user, _))) = (self.profile, by_case) {
            said.push(format!("'{user}' is, but case counts in the profile seed"));
        } else if let Some((user, _)) = entry.user_ignoring_case(subject.trim()) {
            said.push(format!("'{user}' is, but white space around a name counts"));
        }
        said
    }
}

fn listed(subject: &str, user: &str, constraints: &Constraints) -> String {
    let spelt = if subject == user { String::new() } else { format!(" as '{user}'") };
    match constraints.len() {
        0 => format!("subject '{subject}' is listed{spelt}, bound in no field"),
        fields => {
            format!("subject '{subject}' is listed{spelt}, bound in {}", count(fields, "field"))
        }
    }
}

fn sentence(patterns: &[Pattern], value: &FieldValue<'_>) -> String {
    let shown = match value {
        FieldValue::Text(text) => quoted(text),
        FieldValue::NoObject | FieldValue::Absent | FieldValue::Null => String::new(),
    };
    let verdict = match judge(patterns, value) {
        Verdict::Matched(pattern) => {
            return format!("is {shown}, which the pattern '{}' matches", pattern.source());
        }
        Verdict::Denied(reason) => reason,
    };
    match (verdict, value) {
        (Reason::NoObject, _) => "is required, but the message is no object".to_owned(),
        (_, FieldValue::Absent) => "is required, but absent".to_owned(),
        (_, FieldValue::Null) => "is required, but null".to_owned(),
        (Reason::Undecided, _) => {
            format!("is {shown}, and matching it with {} would take too long", all(patterns))
        }
        _ => format!("is {shown}, which does not match {} as a whole", all(patterns)),
    }
}

fn all(patterns: &[Pattern]) -> String {
    match patterns {
        [] => "anything, since no pattern is given,".to_owned(),
        [one] => format!("the pattern '{}'", one.source()),
        several => {
            let sources: Vec<String> =
                several.iter().map(|pattern| format!("'{}'", pattern.source())).collect();
            format!("any of the patterns {}", sources.join(", "))
        }
    }
}

fn quoted(text: &str) -> String {
    match text.char_indices().nth(LONGEST_VALUE) {
        Some((end, _)) => format!("{:?}… ({} bytes)", &text[..end], text.len()),
        None => format!("{text:?}"),
    }
}

fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        number => format!("{number} {noun}s"),
    }
}
