//! How a refusal shows itself to operators: a log line with its reason, and counters.

use event_bus_core::Chain;

use crate::error::ReceiveError;
use crate::metrics::{EndpointMetrics, Outcome};

/// A refusal, with the event it concerns where that is known.
pub(crate) struct Refusal {
    pub(crate) error: ReceiveError,
    pub(crate) event: Option<String>,
}

impl From<ReceiveError> for Refusal {
    fn from(error: ReceiveError) -> Self {
        Self { error, event: None }
    }
}

impl Refusal {
    /// One line and two counters for each refusal.
    pub(crate) fn report(&self, source: &str, metrics: &EndpointMetrics) {
        let Self { error, event } = self;
        let reason = error.code();
        metrics.refused(reason);
        metrics.ended(if error.is_ours() { Outcome::Failed } else { Outcome::Rejected });
        let cause = Chain(error);
        match error {
            // Whoever scans the Internet comes by here as well.
            ReceiveError::NotFound | ReceiveError::UnknownSource => {
                tracing::info!(source, reason, "request refused");
            }
            ReceiveError::BusRefused(_) => {
                tracing::error!(source, reason, event, error = %cause, "event not stored");
            }
            ReceiveError::Unavailable(_) | ReceiveError::StreamFull(_) => {
                tracing::warn!(source, reason, event, error = %cause, "event not stored");
            }
            ReceiveError::MethodNotAllowed { .. }
            | ReceiveError::EncodedBody
            | ReceiveError::TooManyHeaders { .. }
            | ReceiveError::BodyTooLarge { .. }
            | ReceiveError::BodyTimeout
            | ReceiveError::BodyBroken
            | ReceiveError::SourceRate { .. }
            | ReceiveError::ClientRate { .. }
            | ReceiveError::Busy
            | ReceiveError::Refused { .. }
            | ReceiveError::InvalidEvent(_)
            | ReceiveError::NotAnEvent(_)
            | ReceiveError::BatchTooLarge { .. }
            | ReceiveError::AttributesTooLarge { .. }
            | ReceiveError::SchemaMismatch(_)
            | ReceiveError::OriginNotAllowed => {
                tracing::warn!(source, reason, event, error = %cause, "request refused");
            }
        }
    }
}
