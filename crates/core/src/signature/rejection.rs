//! Why a request was refused.

/// Why a request was refused. It names the defect and never the value that would have been right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Rejection {
    /// No signature header, or an empty one.
    #[error("the signature header is missing")]
    MissingSignature,
    /// The signature header does not have the form of this scheme.
    #[error("the signature header is malformed")]
    MalformedSignature,
    /// The signature is well formed and not made with any of the configured secrets.
    #[error("the signature does not match")]
    SignatureMismatch,
    /// The header lists signatures, but none of a version that the configured secrets can check.
    #[error("the signature header holds no supported version")]
    NoSupportedScheme,
    /// More signatures than an honest sender has.
    #[error("the signature header lists too many signatures")]
    TooManySignatures,
    /// Two header lines, or header and URL, claim the same thing: it is unclear which one was meant.
    #[error("a signature, timestamp, id or token is given more than once")]
    DuplicateHeader,
    /// A header that the signed content consists of is missing.
    #[error("a signed header is missing")]
    MissingHeader,
    /// The signed content holds the public URL, which is not known.
    #[error("the public url of this endpoint is not configured")]
    UnknownUrl,
    /// No timestamp.
    #[error("the timestamp is missing")]
    TimestampMissing,
    /// The timestamp is not a number of the expected unit.
    #[error("the timestamp is invalid")]
    TimestampInvalid,
    /// The timestamp lies further back than the tolerance.
    #[error("the timestamp is too old")]
    TimestampTooOld,
    /// The timestamp lies further ahead than the tolerance.
    #[error("the timestamp is in the future")]
    TimestampInFuture,
    /// No token and no credentials.
    #[error("the token is missing")]
    MissingToken,
    /// The token or the credentials are none of the configured ones.
    #[error("the token does not match")]
    TokenMismatch,
    /// The header that names the event is missing.
    #[error("the event header is missing")]
    MissingEvent,
    /// The header that names the event is not a name.
    #[error("the event header is malformed")]
    MalformedEvent,
    /// No delivery id.
    #[error("the delivery id is missing")]
    MissingId,
    /// The delivery id is empty, too long, or holds characters that it must not hold.
    #[error("the delivery id is malformed")]
    MalformedId,
    /// The body is signed but is not what this provider sends.
    #[error("the body is malformed")]
    MalformedBody,
}

impl Rejection {
    /// All rejections, for counters that start at zero and for documentation.
    pub const ALL: [Self; 19] = [
        Self::MissingSignature,
        Self::MalformedSignature,
        Self::SignatureMismatch,
        Self::NoSupportedScheme,
        Self::TooManySignatures,
        Self::DuplicateHeader,
        Self::MissingHeader,
        Self::UnknownUrl,
        Self::TimestampMissing,
        Self::TimestampInvalid,
        Self::TimestampTooOld,
        Self::TimestampInFuture,
        Self::MissingToken,
        Self::TokenMismatch,
        Self::MissingEvent,
        Self::MalformedEvent,
        Self::MissingId,
        Self::MalformedId,
        Self::MalformedBody,
    ];

    /// The stable name of this reason, for answers, counters and logs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::MissingSignature => "missing_signature",
            Self::MalformedSignature => "malformed_signature",
            Self::SignatureMismatch => "signature_mismatch",
            Self::NoSupportedScheme => "no_supported_scheme",
            Self::TooManySignatures => "too_many_signatures",
            Self::DuplicateHeader => "duplicate_header",
            Self::MissingHeader => "missing_header",
            Self::UnknownUrl => "unknown_url",
            Self::TimestampMissing => "timestamp_missing",
            Self::TimestampInvalid => "timestamp_invalid",
            Self::TimestampTooOld => "timestamp_too_old",
            Self::TimestampInFuture => "timestamp_in_future",
            Self::MissingToken => "missing_token",
            Self::TokenMismatch => "token_mismatch",
            Self::MissingEvent => "missing_event",
            Self::MalformedEvent => "malformed_event",
            Self::MissingId => "missing_id",
            Self::MalformedId => "malformed_id",
            Self::MalformedBody => "malformed_body",
        }
    }

    /// 401 where the request did not prove its origin, 400 where it did but cannot become an event.
    pub fn status(&self) -> u16 {
        match self {
            Self::MissingSignature
            | Self::MalformedSignature
            | Self::SignatureMismatch
            | Self::NoSupportedScheme
            | Self::TooManySignatures
            | Self::DuplicateHeader
            | Self::MissingHeader
            | Self::UnknownUrl
            | Self::TimestampMissing
            | Self::TimestampInvalid
            | Self::TimestampTooOld
            | Self::TimestampInFuture
            | Self::MissingToken
            | Self::TokenMismatch => 401,
            Self::MissingEvent
            | Self::MalformedEvent
            | Self::MissingId
            | Self::MalformedId
            | Self::MalformedBody => 400,
        }
    }
}
