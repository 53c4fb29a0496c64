//! What an error of EventBridge says about the events, by its code.
//!
//! The same codes come for a whole request and for a single entry of one that was answered 200.

use std::error::Error;
use std::time::Duration;

use aws_sdk_eventbridge::config::http::HttpResponse;
use aws_sdk_eventbridge::error::{ConnectorError, ProvideErrorMetadata, SdkError};
use event_bus_core::delivery::{DeliveryError, Refusal};

use super::entry::too_large;

/// Why entries were not taken. It is copied to each event that it concerns.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{text}")]
pub(super) struct Answer {
    fate: Fate,
    status: Option<u16>,
    retry_after: Option<Duration>,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Unreachable,
    Unavailable,
    /// Unavailable, because too much came.
    Throttled,
    Unauthorized,
    Refused,
    TooLarge,
}

impl Answer {
    /// No answer in time.
    pub(super) fn timeout() -> Self {
        Self::new(Fate::Unreachable, "no answer in time")
    }

    /// Nothing can be sent for now, whatever the events.
    pub(super) fn unavailable(text: impl Into<String>) -> Self {
        Self::new(Fate::Unavailable, text)
    }

    /// The error of one entry.
    pub(super) fn of_entry(code: &str, message: Option<&str>) -> Self {
        Self::new(fate(code, message), describe(code, message))
    }

    /// The error of a whole request.
    pub(super) fn of_request<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        match error {
            SdkError::ServiceError(refused) => {
                let (code, message) = (refused.err().code(), refused.err().message());
                Self::of_response(code.unwrap_or_default(), message, refused.raw())
            }
            SdkError::ResponseError(unreadable) => {
                Self::of_response("", Some("the answer cannot be read"), unreadable.raw())
            }
            SdkError::TimeoutError(_) => Self::timeout(),
            SdkError::DispatchFailure(_) => Self::of_failure(error, Fate::Unreachable),
            _ => Self::of_failure(error, Fate::Unavailable),
        }
    }

    /// Whether fewer entries in a request can tell which of them is to blame.
    pub(super) fn may_concern_one_event(&self) -> bool {
        matches!(self.fate, Fate::Refused | Fate::TooLarge)
    }

    /// Whether nothing more should be sent for now.
    pub(super) fn is_throttled(&self) -> bool {
        self.fate == Fate::Throttled
    }

    /// The wait that AWS asked for.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Whether it says nothing about what other requests would meet.
    pub(super) fn lets_others_through(&self) -> bool {
        matches!(self.fate, Fate::Refused | Fate::TooLarge | Fate::Unavailable)
    }

    /// The same with the wait that follows from it, unless AWS itself named one.
    #[must_use]
    pub(super) fn after(mut self, wait: Duration) -> Self {
        self.retry_after.get_or_insert(wait);
        self
    }

    /// The same for one event.
    pub(super) fn error(&self) -> DeliveryError {
        let Self { fate, status, retry_after, .. } = *self;
        let cause = Box::new(self.clone());
        match fate {
            Fate::Unreachable => DeliveryError::Unreachable(cause),
            Fate::Unavailable | Fate::Throttled => {
                DeliveryError::Unavailable { status, retry_after, cause: Some(cause) }
            }
            Fate::Unauthorized => DeliveryError::Unauthorized { status, cause: Some(cause) },
            Fate::Refused => DeliveryError::Refused(Refusal::Constraint(cause)),
            Fate::TooLarge => too_large(),
        }
    }

    fn new(fate: Fate, text: impl Into<String>) -> Self {
        Self { fate, status: None, retry_after: None, text: text.into() }
    }

    fn of_response(code: &str, message: Option<&str>, response: &HttpResponse) -> Self {
        let status = response.status().as_u16();
        let fate = match (status, fate(code, message)) {
            (413, _) => Fate::TooLarge,
            (429, _) => Fate::Throttled,
            (401 | 403, Fate::Unavailable) => Fate::Unauthorized,
            (_, fate) => fate,
        };
        let seconds = response.headers().get("retry-after").and_then(|text| text.parse().ok());
        Self {
            fate,
            status: Some(status),
            retry_after: seconds.map(Duration::from_secs),
            text: describe(code, message),
        }
    }

    /// What went wrong before there was an answer: no connection, or no credentials to sign with.
    fn of_failure(error: &(dyn Error + 'static), usual: Fate) -> Self {
        use aws_credential_types::provider::error::CredentialsError;
        let chain = || std::iter::successors(Some(error), |error| (*error).source());
        let credentials = chain().find_map(|error| error.downcast_ref::<CredentialsError>());
        let fate = match credentials {
            // Whoever gives out credentials did not answer.
            Some(CredentialsError::ProviderTimedOut(_)) => Fate::Unreachable,
            Some(error) if causes(error).any(is_connection_problem) => Fate::Unreachable,
            Some(_) => Fate::Unauthorized,
            None => usual,
        };
        let texts: Vec<String> = chain().skip(1).map(ToString::to_string).collect();
        Self::new(fate, if texts.is_empty() { error.to_string() } else { texts.join(": ") })
    }
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error.source(), |error| (*error).source())
}

fn is_connection_problem(error: &(dyn Error + 'static)) -> bool {
    error.is::<ConnectorError>()
}

/// Code and message. A message of validation may quote a value of the event, which is cut off.
fn describe(code: &str, message: Option<&str>) -> String {
    let message = message.unwrap_or("no reason given").split("Value '").next().unwrap_or_default();
    let code = if code.is_empty() { "unknown error" } else { code };
    format!("{code}: {message}")
}

fn fate(code: &str, message: Option<&str>) -> Fate {
    let says = |words: &str| message.is_some_and(|text| text.to_ascii_lowercase().contains(words));
    match code {
        "ThrottlingException"
        | "Throttling"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "LimitExceededException"
        | "BandwidthLimitExceeded"
        | "SlowDown" => Fate::Throttled,
        "AccessDeniedException"
        | "AccessDenied"
        | "NotAuthorized"
        | "NotAuthorizedForSourceException"
        | "NotAuthorizedForDetailTypeException"
        | "InvalidAccountIdException"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestExpired"
        | "OptInRequired" => Fate::Unauthorized,
        "RequestEntityTooLargeException" => Fate::TooLarge,
        // The bus is the route's, not the event's.
        "ValidationException" | "InvalidArgument" if says("eventbusname") || says("event bus") => {
            Fate::Unavailable
        }
        "ValidationException" if says("size") => Fate::TooLarge,
        "ValidationException" | "InvalidArgument" | "MalformedDetail" | "RedactionFailure" => {
            Fate::Refused
        }
        // `InternalFailure`, `ResourceNotFoundException` and what is not known yet: no event is given up for it.
        _ => Fate::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use event_bus_core::delivery::Disposition;

    use super::*;

    #[test]
    fn a_code_decides_what_follows() {
        use Disposition::DeadLetter;
        let retry = Disposition::Retry { after: None };
        for (code, message, expected) in [
            ("InternalFailure", None, retry),
            ("ThrottlingException", None, retry),
            ("ResourceNotFoundException", Some("Event bus x does not exist."), retry),
            ("AccessDeniedException", None, retry),
            ("NotAuthorizedForSourceException", None, retry),
            ("NotAuthorizedForDetailTypeException", None, retry),
            ("InvalidAccountIdException", None, retry),
            ("InvalidArgument", None, DeadLetter),
            ("InvalidArgument", Some("EventBusName is not valid"), retry),
            ("MalformedDetail", Some("Detail is malformed."), DeadLetter),
            ("RedactionFailure", None, DeadLetter),
            (
                "ValidationException",
                Some("Total size of the entries is over the limit"),
                DeadLetter,
            ),
            ("SomethingNew", None, retry),
            ("", None, retry),
        ] {
            let answer = Answer::of_entry(code, message);
            assert_eq!(answer.error().disposition(), expected, "{code}");
        }
    }

    #[test]
    fn credentials_are_told_from_the_rest() {
        let error = Answer::of_entry("NotAuthorizedForSourceException", None).error();
        assert!(matches!(error, DeliveryError::Unauthorized { .. }));
        assert!(Answer::of_entry("ThrottlingException", None).is_throttled());
    }

    #[test]
    fn values_of_an_event_are_in_no_message() {
        let message = "1 validation error detected: Value 'secret' at 'entries.1.member.detail'";
        let answer = Answer::of_entry("ValidationException", Some(message));
        assert!(!answer.to_string().contains("secret"), "{answer}");
    }
}
