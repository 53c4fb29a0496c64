//! Answers, as they leave.

use bytes::Bytes;
use event_bus_core::signature::Handshake;
use event_bus_runtime::limiter::whole_seconds;
use event_bus_runtime::problem;
use http::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;

use crate::error::ReceiveError;

/// What this service answers with.
pub(crate) type Answer = Response<Full<Bytes>>;

/// An event that is durable: the body of a 2xx.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Stored {
    pub(crate) id: String,
    pub(crate) subject: String,
    pub(crate) stream: String,
    pub(crate) seq: u64,
    pub(crate) duplicate: bool,
}

#[derive(Serialize)]
struct Batch<'a> {
    events: &'a [Stored],
}

pub(crate) fn stored(event: &Stored, status: StatusCode) -> Answer {
    json(event, status)
}

pub(crate) fn stored_batch(events: &[Stored], status: StatusCode) -> Answer {
    json(&Batch { events }, status)
}

pub(crate) fn handshake(handshake: Handshake) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(handshake.body)));
    *answer.status_mut() = StatusCode::from_u16(handshake.status).unwrap_or(StatusCode::OK);
    if let Some(media_type) = handshake.content_type {
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    }
    answer
}

/// Keeps shared caches from storing an answer whose URL holds a token (RFC 6750 section 2.3).
pub(crate) fn keep_private(answer: &mut Answer) {
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private"));
}

pub(crate) fn refusal(error: &ReceiveError) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(error.problem().to_json().to_string())));
    *answer.status_mut() = error.status();
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(problem::CONTENT_TYPE));
    if let Some(wait) = error.retry_after() {
        headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
    }
    match error {
        ReceiveError::MethodNotAllowed { allow } => {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        ReceiveError::EncodedBody => {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        ReceiveError::Refused { challenge: Some(challenge), rejection }
            if rejection.status() == StatusCode::UNAUTHORIZED.as_u16() =>
        {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        // The rest of the body is still on its way and would be taken for the next request.
        ReceiveError::BodyTimeout | ReceiveError::BodyTooLarge { .. } => {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        ReceiveError::NotFound
        | ReceiveError::UnknownSource
        | ReceiveError::TooManyHeaders { .. }
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
        | ReceiveError::OriginNotAllowed
        | ReceiveError::Unavailable(_)
        | ReceiveError::StreamFull(_)
        | ReceiveError::BusRefused(_) => {}
    }
    answer
}

fn json(body: &impl Serialize, status: StatusCode) -> Answer {
    // Structs of strings and numbers always have a JSON form.
    let body = serde_json::to_vec(body).unwrap_or_default();
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}
