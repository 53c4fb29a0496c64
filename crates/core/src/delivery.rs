//! What a sink answers, and what follows from it.

use std::error::Error;
use std::time::Duration;

/// A cause of any type.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Why a sink did not take an event.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// No connection: name not found, refused, TLS failed, or no answer in time.
    #[error("destination is unreachable")]
    Unreachable(#[source] BoxError),
    /// The destination is there and asks to be left alone for a while (408, 425, 429, 5xx).
    #[error("destination cannot take the event now")]
    Unavailable {
        /// The HTTP status, if the destination speaks HTTP.
        status: Option<u16>,
        /// What the destination asked for.
        retry_after: Option<Duration>,
        /// What it said.
        #[source]
        cause: Option<BoxError>,
    },
    /// The destination does not accept our credentials (401, 403); it may once a secret was rotated.
    #[error("destination refused our credentials")]
    Unauthorized {
        /// The HTTP status, if the destination speaks HTTP.
        status: Option<u16>,
        /// What it said.
        #[source]
        cause: Option<BoxError>,
    },
    /// The destination is gone for good (410), for every event.
    #[error("destination is gone")]
    Gone {
        /// The HTTP status, if the destination speaks HTTP.
        status: Option<u16>,
        /// What it said.
        #[source]
        cause: Option<BoxError>,
    },
    /// The destination refused this event and would refuse it again.
    #[error("destination refused the event")]
    Refused(#[source] Refusal),
    /// The event has no form that this destination could take.
    #[error("event cannot be encoded for this destination")]
    Unencodable(#[source] BoxError),
    /// The data of the event, which lies outside of it, cannot be read now; nothing was delivered.
    #[error("data of the event cannot be read")]
    Unreadable(#[source] BoxError),
}

/// Why a destination refused an event for good.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// An HTTP status that no later attempt changes.
    #[error("status {0}")]
    Status(u16),
    /// The event is larger than the destination takes.
    #[error("event is larger than {limit} bytes")]
    TooLarge {
        /// What the destination takes.
        limit: u64,
    },
    /// A rule of the destination that the event breaks.
    #[error("event breaks a rule of the destination")]
    Constraint(#[source] BoxError),
}

/// What follows from a failed delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Wait until the destination is back; this was no attempt.
    Hold,
    /// Try again by the schedule; this was an attempt.
    Retry {
        /// What the destination asked for.
        after: Option<Duration>,
    },
    /// Park the event: no attempt can succeed.
    DeadLetter,
    /// Stop the route and keep its events.
    Disable,
}

impl DeliveryError {
    /// No wildcard arm: a new failure must choose its own fate here.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Unreachable(_) => Disposition::Hold,
            Self::Unavailable { retry_after, .. } => Disposition::Retry { after: *retry_after },
            Self::Unauthorized { .. } | Self::Unreadable(_) => Disposition::Retry { after: None },
            Self::Gone { .. } => Disposition::Disable,
            Self::Refused(_) | Self::Unencodable(_) => Disposition::DeadLetter,
        }
    }

    /// The HTTP status that the destination answered, if it did.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Unavailable { status, .. }
            | Self::Unauthorized { status, .. }
            | Self::Gone { status, .. } => *status,
            Self::Refused(Refusal::Status(status)) => Some(*status),
            Self::Unreachable(_)
            | Self::Refused(Refusal::TooLarge { .. } | Refusal::Constraint(_))
            | Self::Unencodable(_)
            | Self::Unreadable(_) => None,
        }
    }

    /// The verdict of an HTTP status: only 2xx is success.
    pub fn from_status(status: u16, retry_after: Option<Duration>) -> Result<(), Self> {
        match status {
            200..=299 => Ok(()),
            408 | 425 | 429 | 500..=599 => {
                Err(Self::Unavailable { status: Some(status), retry_after, cause: None })
            }
            401 | 403 => Err(Self::Unauthorized { status: Some(status), cause: None }),
            410 => Err(Self::Gone { status: Some(status), cause: None }),
            status => Err(Self::Refused(Refusal::Status(status))),
        }
    }
}

/// Why an event became a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadLetterReason {
    /// The destination refused it for good.
    Refused,
    /// Every attempt failed.
    Exhausted,
    /// It has no form that the destination could take.
    Unencodable,
    /// The message on the stream is not a CloudEvent.
    Undecodable,
    /// It was delivered to the relay again and again without ever being settled: it may kill the relay.
    Crashing,
}

impl DeadLetterReason {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Refused, Self::Exhausted, Self::Unencodable, Self::Undecodable, Self::Crashing];

    /// The name on the wire and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Exhausted => "exhausted",
            Self::Unencodable => "unencodable",
            Self::Undecodable => "undecodable",
            Self::Crashing => "crashing",
        }
    }

    /// Reads the name on the wire.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_decides_what_follows() {
        use Disposition::{DeadLetter, Disable, Retry};
        let retry = Retry { after: None };
        for (status, expected) in [
            (300, DeadLetter),
            (301, DeadLetter),
            (400, DeadLetter),
            (401, retry),
            (403, retry),
            (404, DeadLetter),
            (405, DeadLetter),
            (408, retry),
            (409, DeadLetter),
            (410, Disable),
            (413, DeadLetter),
            (415, DeadLetter),
            (418, DeadLetter),
            (422, DeadLetter),
            (425, retry),
            (429, retry),
            (500, retry),
            (503, retry),
            (599, retry),
        ] {
            let error = DeliveryError::from_status(status, None).unwrap_err();
            assert_eq!(error.disposition(), expected, "{status}");
            assert_eq!(error.status(), Some(status));
        }
        for status in [200, 201, 202, 204, 299] {
            assert!(DeliveryError::from_status(status, None).is_ok(), "{status}");
        }
    }
}
