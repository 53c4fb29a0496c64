//! `OPTIONS /events`: the abuse protection of CloudEvents' webhook specification, section 4.
//!
//! An origin that is allowed is granted the right to send in the answer itself; a callback URL is never called, since that
//! would let strangers choose where this service connects to. A request without origin, such as a browser's preflight, is
//! answered and granted nothing.

use bytes::Bytes;
use http::header::ALLOW;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::Full;

use crate::error::ReceiveError;
use crate::inbound::Done;
use crate::metrics::Outcome;
use crate::source::EventsEndpoint;

const REQUEST_ORIGIN: &str = "webhook-request-origin";
const REQUEST_RATE: &str = "webhook-request-rate";
const ALLOWED_ORIGIN: &str = "webhook-allowed-origin";
const ALLOWED_RATE: &str = "webhook-allowed-rate";

pub(crate) fn answer(events: &EventsEndpoint, headers: &HeaderMap) -> Result<Done, ReceiveError> {
    let mut answer = Response::new(Full::new(Bytes::new()));
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static("POST, OPTIONS"));
    let mut origins = headers.get_all(REQUEST_ORIGIN).iter();
    if let Some(origin) = origins.next() {
        let one = origins.next().is_none();
        if !one || !is_allowed(origin, &events.allowed_origins) {
            return Err(ReceiveError::OriginNotAllowed);
        }
        *answer.status_mut() = StatusCode::OK;
        answer.headers_mut().insert(ALLOWED_ORIGIN, origin.clone());
        answer.headers_mut().insert(ALLOWED_RATE, granted_rate(headers, events.granted_rate));
    }
    Ok(Done { answer, outcome: Outcome::Handshake })
}

fn is_allowed(origin: &HeaderValue, allowed: &[String]) -> bool {
    let Ok(origin) = origin.to_str() else { return false };
    !origin.is_empty()
        && allowed.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(origin))
}

/// Requests per minute: what was asked for, at most what is allowed.
fn granted_rate(headers: &HeaderMap, limit: Option<u32>) -> HeaderValue {
    let asked = headers.get(REQUEST_RATE).and_then(|value| value.to_str().ok());
    let asked = asked.and_then(|rate| rate.parse::<u32>().ok()).filter(|rate| *rate > 0);
    match (asked, limit) {
        (Some(asked), Some(limit)) => HeaderValue::from(asked.min(limit)),
        (Some(rate), None) | (None, Some(rate)) => HeaderValue::from(rate),
        (None, None) => HeaderValue::from_static("*"),
    }
}
