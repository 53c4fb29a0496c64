//! What the messages of a request are judged by.

use tokio::sync::Semaphore;

use crate::access;
use crate::answer::Refusal;
use crate::json::Value;
use crate::lane::{Lane, Place};
use crate::reason::Reason;
use crate::rules::{Governed, Rules};

/// What the messages of a request are judged by.
pub(crate) struct Admission<'a> {
    pub(crate) rules: &'a Rules,
    pub(crate) governed: &'a Governed,
    pub(crate) lane: &'a Lane,
    /// Places of requests of all topics that wait for destinations.
    pub(crate) all_waiting: &'a Semaphore,
    pub(crate) subject: Option<&'a str>,
}

impl Admission<'_> {
    /// A place to wait for destinations; none if too many requests of the topic, or of all topics, have one.
    pub(crate) fn place(&self) -> Option<Place<'_>> {
        Place::take(&self.lane.waiting, self.lane.metrics.waiting())?.and(self.all_waiting)
    }

    /// Who may send what, and whether it fits.
    pub(crate) fn check(&self, message: &Value) -> Result<(), Refusal> {
        let Self { rules, governed, subject, .. } = self;
        rules.decide(*subject, &governed.topic.name, message).map_err(|denied| {
            let reason = match denied.reason() {
                access::Reason::UnlistedTopic | access::Reason::UnlistedSubject => {
                    Reason::NotAuthorized
                }
                access::Reason::MissingField
                | access::Reason::ForbiddenValue
                | access::Reason::NoObject => Reason::NotPermitted,
                access::Reason::Undecided => {
                    tracing::warn!(topic = governed.topic.name, %denied, "access was not decided");
                    Reason::Undecided
                }
            };
            Refusal::because(reason, denied.message())
        })?;
        let fits = governed.schema.check(message);
        fits.map_err(|error| Refusal::because(Reason::Schema, error.message))?;
        let stored = governed.storage.check(message);
        stored.map_err(|error| Refusal::because(Reason::Unstorable, error.to_string()))?;
        if governed.topic.is_unanswered() {
            let message = format!(
                "Topic '{}' waits for destinations, and no route tells of any; nothing is stored.",
                governed.topic.name
            );
            return Err(Refusal::because(Reason::Internal, message));
        }
        Ok(())
    }
}
