//! Why a message is not accepted: a closed list, each reason with its status and its name in counters and logs.

use http::StatusCode;

/// Why a message is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// As many requests as allowed are being handled, or their bodies take all the room.
    Busy,
    /// The body, or the event that it makes, is too large.
    TooLarge,
    /// The body came too slowly.
    BodyTimeout,
    /// The connection broke within the body.
    BodyBroken,
    /// The token is missing or proves nothing; a counter of its own says why.
    Token,
    /// The subject sends more than its rate allows.
    SubjectRate,
    /// The body is no JSON, or holds nothing.
    NotJson,
    /// The body holds too many messages.
    BatchTooLarge,
    /// The access document lists nobody.
    NobodyAllowed,
    /// No topic has this name.
    UnknownTopic,
    /// The subject may not publish to the topic.
    NotAuthorized,
    /// A field of the message is missing or has a value that the subject may not publish.
    NotPermitted,
    /// Whether a field may have its value was not found out: it is too long, or matching it takes too long.
    Undecided,
    /// The message does not fit the schema.
    Schema,
    /// The message cannot be stored later.
    Unstorable,
    /// The message makes no valid event.
    InvalidEvent,
    /// The bus is away or full, or refuses the event.
    NotStored,
    /// It is stored, and not every destination has it.
    Undelivered,
    /// Something of ours is wrong.
    Internal,
}

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The sender's.
    Sender,
    /// Ours, and nothing is known to be stored.
    Ours,
    /// A destination's: the event is kept.
    Destination,
}

impl Reason {
    /// Every one.
    pub const ALL: [Self; 19] = [
        Self::Busy,
        Self::TooLarge,
        Self::BodyTimeout,
        Self::BodyBroken,
        Self::Token,
        Self::SubjectRate,
        Self::NotJson,
        Self::BatchTooLarge,
        Self::NobodyAllowed,
        Self::UnknownTopic,
        Self::NotAuthorized,
        Self::NotPermitted,
        Self::Undecided,
        Self::Schema,
        Self::Unstorable,
        Self::InvalidEvent,
        Self::NotStored,
        Self::Undelivered,
        Self::Internal,
    ];

    /// As the label of a counter.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::TooLarge => "too_large",
            Self::BodyTimeout => "body_timeout",
            Self::BodyBroken => "body_broken",
            Self::Token => "token",
            Self::SubjectRate => "subject_rate",
            Self::NotJson => "not_json",
            Self::BatchTooLarge => "batch_too_large",
            Self::NobodyAllowed => "nobody_allowed",
            Self::UnknownTopic => "unknown_topic",
            Self::NotAuthorized => "not_authorized",
            Self::NotPermitted => "not_permitted",
            Self::Undecided => "undecided",
            Self::Schema => "schema",
            Self::Unstorable => "unstorable",
            Self::InvalidEvent => "invalid_event",
            Self::NotStored => "not_stored",
            Self::Undelivered => "undelivered",
            Self::Internal => "internal",
        }
    }

    /// The status of the answer.
    pub fn status(self) -> StatusCode {
        match self {
            Self::TooLarge | Self::BatchTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Token => StatusCode::UNAUTHORIZED,
            Self::SubjectRate => StatusCode::TOO_MANY_REQUESTS,
            Self::UnknownTopic => StatusCode::NOT_FOUND,
            Self::NotAuthorized | Self::NotPermitted | Self::Undecided => StatusCode::FORBIDDEN,
            Self::BodyBroken
            | Self::NotJson
            | Self::Schema
            | Self::Unstorable
            | Self::InvalidEvent => StatusCode::BAD_REQUEST,
            Self::Busy | Self::NotStored => StatusCode::SERVICE_UNAVAILABLE,
            Self::NobodyAllowed | Self::Undelivered | Self::Internal => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    /// The type of the error in the answer (section 2).
    pub fn kind(self) -> &'static str {
        match self {
            Self::Token | Self::NotAuthorized => "auth",
            Self::NotPermitted | Self::Undecided => "permission",
            Self::UnknownTopic => "topic",
            Self::SubjectRate => "limit",
            Self::TooLarge
            | Self::BodyTimeout
            | Self::BodyBroken
            | Self::NotJson
            | Self::BatchTooLarge
            | Self::Schema
            | Self::Unstorable
            | Self::InvalidEvent => "validation",
            Self::Busy
            | Self::NobodyAllowed
            | Self::NotStored
            | Self::Undelivered
            | Self::Internal => "internal",
        }
    }

    pub(crate) fn fault(self) -> Fault {
        match self {
            Self::TooLarge
            | Self::BodyTimeout
            | Self::BodyBroken
            | Self::Token
            | Self::SubjectRate
            | Self::NotJson
            | Self::BatchTooLarge
            | Self::UnknownTopic
            | Self::NotAuthorized
            | Self::NotPermitted
            | Self::Undecided
            | Self::Schema
            | Self::Unstorable
            | Self::InvalidEvent => Fault::Sender,
            Self::Busy | Self::NobodyAllowed | Self::NotStored | Self::Internal => Fault::Ours,
            Self::Undelivered => Fault::Destination,
        }
    }
}
