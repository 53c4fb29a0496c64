//! Why a message is not let through.

use std::fmt;

use crate::profile::Profile;

/// A message is not let through. Its text is for the sender.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Denied {
    reason: Reason,
    message: String,
}

/// Why, more exactly than the sender hears it: for `access explain`, and for who decides what to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Nobody may publish to this topic.
    UnlistedTopic,
    /// The subject may not publish to this topic.
    UnlistedSubject,
    /// A field that the subject is bound in is absent or null.
    MissingField,
    /// The value of a field is not among those that the subject may send.
    ForbiddenValue,
    /// Whether the value of a field is allowed was not found out: it is too long, or matching it takes too long.
    Undecided,
    /// The message is no object, so it has no fields, and the subject is bound in one.
    NoObject,
}

impl Denied {
    /// `type` of the error in the answer: `auth`, or `permission` where fields decide.
    pub fn error_type(&self) -> &'static str {
        match self.reason {
            Reason::UnlistedTopic | Reason::UnlistedSubject => "auth",
            Reason::MissingField
            | Reason::ForbiddenValue
            | Reason::Undecided
            | Reason::NoObject => "permission",
        }
    }

    /// `message` of the error in the answer.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Why.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    pub(super) fn unlisted(
        reason: Reason,
        profile: Profile,
        subject: Option<&str>,
        topic: &str,
    ) -> Self {
        let message = match profile {
            Profile::Head => {
                let subject = subject.unwrap_or("None");
                format!("User '{subject}' is not authorized for topic '{topic}'")
            }
            Profile::Seed => "User not authorized for topic".to_owned(),
        };
        Self { reason, message }
    }

    /// `user` as it stands in the document.
    pub(super) fn field(reason: Reason, field: &str, user: &str) -> Self {
        let message = match reason {
            Reason::MissingField => format!("Required field '{field}' missing from message"),
            Reason::NoObject => {
                format!("Required field '{field}' missing from message, which is not an object")
            }
            Reason::Undecided => format!(
                "Field '{field}' value is too long or takes too long to be matched for user '{user}'"
            ),
            Reason::ForbiddenValue | Reason::UnlistedTopic | Reason::UnlistedSubject => {
                format!("Field '{field}' value not permitted for user '{user}'")
            }
        };
        Self { reason, message }
    }
}

impl Reason {
    /// As `access explain` names it for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnlistedTopic => "unlisted_topic",
            Self::UnlistedSubject => "unlisted_subject",
            Self::MissingField => "missing_field",
            Self::ForbiddenValue => "forbidden_value",
            Self::Undecided => "undecided",
            Self::NoObject => "no_object",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
