//! Why a request is not answered 2xx: a closed list, each with its status and its stable name.

use std::time::Duration;

use event_bus_core::Chain;
use event_bus_core::event::{DecodeError, InvalidEvent};
use event_bus_core::signature::Rejection;
use event_bus_runtime::bus::PublishError;
use event_bus_runtime::problem::Problem;
use http::StatusCode;

use crate::schema::Violation;

/// How long a sender shall wait while the bus is away or has no room.
const RETRY_BUS: Duration = Duration::from_secs(5);

/// How long a sender shall wait while too many requests are being handled.
const RETRY_BUSY: Duration = Duration::from_secs(1);

/// Why a request was not taken. It holds neither secrets nor what the right signature would have been.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// No endpoint has this path.
    #[error("there is nothing at this path")]
    NotFound,
    /// `/hooks/<name>` of a source that is not configured.
    #[error("there is no such source")]
    UnknownSource,
    /// Another method than those of the endpoint.
    #[error("the method is not allowed here")]
    MethodNotAllowed {
        /// Value of `Allow`.
        allow: &'static str,
    },
    /// A compressed body: the signature covers bytes, not what they unpack to.
    #[error("the body must not be encoded")]
    EncodedBody,
    /// More headers than the limit.
    #[error("the request has more than {limit} headers")]
    TooManyHeaders {
        /// Most headers.
        limit: usize,
    },
    /// The body is larger than the limit.
    #[error("the body is larger than {limit} bytes")]
    BodyTooLarge {
        /// Largest body in bytes.
        limit: usize,
    },
    /// The body came too slowly.
    #[error("the body did not arrive in time")]
    BodyTimeout,
    /// The connection broke within the body.
    #[error("the body did not arrive whole")]
    BodyBroken,
    /// The rate of the source or endpoint is used up.
    #[error("this source sends more than its rate allows")]
    SourceRate {
        /// When the next request is welcome.
        retry_after: Duration,
    },
    /// The rate of this client's address is used up.
    #[error("this client sends more than its rate allows")]
    ClientRate {
        /// When the next request is welcome.
        retry_after: Duration,
    },
    /// As many requests as allowed are being handled.
    #[error("too many requests are being handled")]
    Busy,
    /// The signature, its freshness or the identification was refused.
    #[error("the request was refused")]
    Refused {
        /// The defect.
        #[source]
        rejection: Rejection,
        /// Value of `WWW-Authenticate`.
        challenge: Option<&'static str>,
    },
    /// What was sent breaks a rule of CloudEvents.
    #[error("the request makes no valid event")]
    InvalidEvent(#[source] InvalidEvent),
    /// The body of `/events` is no CloudEvent.
    #[error("the request holds no valid event")]
    NotAnEvent(#[source] DecodeError),
    /// A batch with too many events.
    #[error("the batch has more than {limit} events")]
    BatchTooLarge {
        /// Most events.
        limit: usize,
    },
    /// The attributes of the event are too long for headers.
    #[error("the attributes are larger than {limit} bytes")]
    AttributesTooLarge {
        /// Largest size of the attributes as headers.
        limit: usize,
    },
    /// The data does not fit the schema.
    #[error("the data does not fit the schema")]
    SchemaMismatch(Vec<Violation>),
    /// The origin is not allowed to send.
    #[error("this origin has no permission to send")]
    OriginNotAllowed,
    /// The stream did not confirm the event in time. It may be stored all the same.
    #[error("the bus is away")]
    Unavailable(#[source] PublishError),
    /// The stream has no room.
    #[error("the bus is full")]
    StreamFull(#[source] PublishError),
    /// The bus refuses the message, which an operator must mend.
    #[error("the bus refused the event")]
    BusRefused(#[source] PublishError),
}

impl ReceiveError {
    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotFound | Self::UnknownSource => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::EncodedBody => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NotAnEvent(DecodeError::UnknownFormat(_)) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooManyHeaders { .. } => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::BodyTooLarge { .. }
            | Self::BatchTooLarge { .. }
            | Self::AttributesTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::SourceRate { .. } | Self::ClientRate { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Refused { rejection, .. } => {
                StatusCode::from_u16(rejection.status()).unwrap_or(StatusCode::UNAUTHORIZED)
            }
            Self::BodyBroken | Self::InvalidEvent(_) | Self::NotAnEvent(_) => {
                StatusCode::BAD_REQUEST
            }
            Self::SchemaMismatch(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::OriginNotAllowed => StatusCode::FORBIDDEN,
            Self::Busy | Self::Unavailable(_) | Self::StreamFull(_) | Self::BusRefused(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    /// The stable name of the reason, for answers, counters and logs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::UnknownSource => "unknown_source",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::EncodedBody => "content_encoding",
            Self::TooManyHeaders { .. } => "too_many_headers",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::BodyTimeout => "body_timeout",
            Self::BodyBroken => "body_incomplete",
            Self::SourceRate { .. } => "source_rate",
            Self::ClientRate { .. } => "client_rate",
            Self::Busy => "busy",
            Self::Refused { rejection, .. } => rejection.code(),
            Self::InvalidEvent(_) => "invalid_event",
            Self::NotAnEvent(_) => "malformed_event_format",
            Self::BatchTooLarge { .. } => "batch_too_large",
            Self::AttributesTooLarge { .. } => "attributes_too_large",
            Self::SchemaMismatch(_) => "schema_mismatch",
            Self::OriginNotAllowed => "origin_not_allowed",
            Self::Unavailable(_) => "bus_unavailable",
            Self::StreamFull(_) => "bus_full",
            Self::BusRefused(_) => "bus_refused",
        }
    }

    /// When the sender may try again, for `Retry-After`.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::SourceRate { retry_after } | Self::ClientRate { retry_after } => {
                Some(*retry_after)
            }
            Self::Busy => Some(RETRY_BUSY),
            Self::Unavailable(_) | Self::StreamFull(_) | Self::BusRefused(_) => Some(RETRY_BUS),
            Self::NotFound
            | Self::UnknownSource
            | Self::MethodNotAllowed { .. }
            | Self::EncodedBody
            | Self::TooManyHeaders { .. }
            | Self::BodyTooLarge { .. }
            | Self::BodyTimeout
            | Self::BodyBroken
            | Self::Refused { .. }
            | Self::InvalidEvent(_)
            | Self::NotAnEvent(_)
            | Self::BatchTooLarge { .. }
            | Self::AttributesTooLarge { .. }
            | Self::SchemaMismatch(_)
            | Self::OriginNotAllowed => None,
        }
    }

    /// Whether the cause is on this side, so that the same request may succeed later.
    pub fn is_ours(&self) -> bool {
        self.status().is_server_error()
    }

    /// The answer as a problem document (RFC 9457).
    pub(crate) fn problem(&self) -> Problem {
        let title = self.to_string();
        let problem = Problem::new(self.status(), self.code(), title);
        match self {
            Self::Refused { rejection, .. } => problem.with_detail(rejection.to_string()),
            Self::InvalidEvent(cause) => problem.with_detail(Chain(cause).to_string()),
            Self::NotAnEvent(cause) => problem.with_detail(Chain(cause).to_string()),
            Self::BodyTooLarge { limit }
            | Self::TooManyHeaders { limit }
            | Self::BatchTooLarge { limit }
            | Self::AttributesTooLarge { limit } => problem.with("limit", *limit),
            Self::SchemaMismatch(violations) => {
                let violations = serde_json::to_value(violations).unwrap_or_default();
                problem.with("violations", violations)
            }
            Self::EncodedBody => {
                problem.with_detail("send the body without Content-Encoding: it is signed as sent")
            }
            Self::NotFound
            | Self::UnknownSource
            | Self::MethodNotAllowed { .. }
            | Self::BodyTimeout
            | Self::BodyBroken
            | Self::SourceRate { .. }
            | Self::ClientRate { .. }
            | Self::Busy
            | Self::OriginNotAllowed
            | Self::Unavailable(_)
            | Self::StreamFull(_)
            | Self::BusRefused(_) => problem,
        }
    }
}
