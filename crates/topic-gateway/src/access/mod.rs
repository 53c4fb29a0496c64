//! Who may publish what: subject, topic, and patterns on fields.
//!
//! An access document names, for each topic, the subjects that may publish to it: `["user", …]`, or
//! `{"user": {"field": ["pattern", …], …}, …}` where a user is bound to patterns. All fields must match, each by any
//! of its patterns, as Python's `re.fullmatch` matches `str(value)`. `{}` binds a user to nothing.
//!
//! What is not listed is denied: a topic without an entry, a subject that is not in it, a message without fields from a
//! subject that is bound in one, a value that cannot be matched in reasonable time.

mod denied;
mod document;
mod explain;
mod subject;

use std::borrow::Cow;

use indexmap::{IndexMap, IndexSet};

use crate::pattern::{Pattern, Undecided};
use crate::profile::Profile;
use document::{Constraints, Topic, Topics};

pub use denied::{Denied, Reason};
pub use document::{AccessError, Problem};

/// Who may publish what.
#[derive(Debug, Default)]
pub struct Access {
    topics: IndexMap<String, Topic>,
    /// Topics that stand in the document more than once.
    repeated: IndexSet<String>,
    profile: Profile,
}

/// The value of a top-level field of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldValue<'a> {
    /// The message is no object.
    NoObject,
    /// It has no such field.
    Absent,
    /// The field is null.
    Null,
    /// What Python's `str` makes of the value: `1.0`, `True`, a text as it is.
    Text(Cow<'a, str>),
}

/// What the patterns of a field say about its value.
enum Verdict<'a> {
    Matched(&'a Pattern),
    Denied(Reason),
}

impl Access {
    /// Reads an access document.
    pub fn parse(document: &[u8]) -> Result<Self, AccessError> {
        let Topics { by_name, repeated } = document::parse(document)?;
        Ok(Self { topics: by_name, repeated, profile: Profile::default() })
    }

    /// The same document under another version of the contract.
    pub fn with_profile(self, profile: Profile) -> Self {
        Self { profile, ..self }
    }

    /// Whether no topic is listed. The contract answers every POST with 500 `internal` then.
    pub fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// The topics that are listed, in the order of the document.
    pub fn topics(&self) -> impl Iterator<Item = &str> {
        self.topics.keys().map(String::as_str)
    }

    /// What in the document has no effect: sentences for whoever wrote it.
    pub fn warnings(&self) -> Vec<String> {
        let once =
            |what: String| format!("{what} stands there more than once: the last one counts");
        let repeated = self.repeated.iter().map(|name| once(format!("topic '{name}'")));
        let mut warnings: Vec<_> = repeated.collect();
        for (name, topic) in &self.topics {
            let repeated = topic.repeated.iter();
            warnings.extend(repeated.map(|what| once(format!("topic '{name}': {what}"))));
            if *name != name.to_lowercase() {
                warnings
                    .push(format!("topic '{name}' is never used: names of topics are lower case"));
            }
            if self.profile == Profile::Head {
                warnings.extend(topic.shadowed().map(|(user, first)| {
                    format!(
                        "topic '{name}': user '{user}' is never used, since '{first}' stands before"
                    )
                }));
            }
        }
        warnings
    }

    /// Whether `subject` may publish a message to `topic`, of which `field` gives the value of a field.
    ///
    /// `subject` is `None` for a token without `sub`, which is nobody.
    pub fn decide<'v>(
        &self,
        subject: Option<&str>,
        topic: &str,
        field: &dyn Fn(&str) -> FieldValue<'v>,
    ) -> Result<(), Denied> {
        let unlisted = |reason| Denied::unlisted(reason, self.profile, subject, topic);
        let entry = self.topics.get(topic).ok_or_else(|| unlisted(Reason::UnlistedTopic))?;
        let (user, constraints) =
            self.user(entry, subject).ok_or_else(|| unlisted(Reason::UnlistedSubject))?;
        for (name, patterns) in constraints {
            if let Verdict::Denied(reason) = judge(patterns, &field(name)) {
                return Err(Denied::field(reason, name, user));
            }
        }
        Ok(())
    }

    fn user<'a>(
        &self,
        topic: &'a Topic,
        subject: Option<&str>,
    ) -> Option<(&'a str, &'a Constraints)> {
        match self.profile {
            Profile::Head => topic.user_ignoring_case(subject?),
            Profile::Seed => topic.user(subject?),
        }
    }
}

fn judge<'a>(patterns: &'a [Pattern], value: &FieldValue<'_>) -> Verdict<'a> {
    let text = match value {
        FieldValue::NoObject => return Verdict::Denied(Reason::NoObject),
        FieldValue::Absent | FieldValue::Null => return Verdict::Denied(Reason::MissingField),
        FieldValue::Text(text) => text,
    };
    let mut reason = Reason::ForbiddenValue;
    for pattern in patterns {
        match pattern.matches(text) {
            Ok(true) => return Verdict::Matched(pattern),
            Ok(false) => {}
            Err(Undecided) => reason = Reason::Undecided,
        }
    }
    Verdict::Denied(reason)
}

#[cfg(test)]
mod tests;
