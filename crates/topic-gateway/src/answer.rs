//! Answers in the one shape of the contract (EventGate, section 2).

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;

use crate::profile::Profile;
use crate::reason::Reason;

/// What the gateway answers with.
pub type Answer = Response<Full<Bytes>>;

/// One of the `errors` of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Problem {
    /// Which part refused, such as `auth` or `kafka`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// What is wrong, in words.
    pub message: String,
}

/// A request that is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: StatusCode,
    /// At least one.
    pub problems: Vec<Problem>,
    /// Seconds after which it may be sent again.
    pub retry_after: Option<u64>,
    /// Why a message is not accepted; none for requests that hold no message.
    pub reason: Option<Reason>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    success: bool,
    status_code: u16,
    #[serde(skip_serializing_if = "<[Problem]>::is_empty")]
    errors: &'a [Problem],
}

impl Refusal {
    /// With one problem.
    pub fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        let problems = vec![Problem { kind, message: message.into() }];
        Self { status, problems, retry_after: None, reason: None }
    }

    /// A message is not accepted for this reason.
    pub fn because(reason: Reason, message: impl Into<String>) -> Self {
        let refusal = Self::new(reason.status(), reason.kind(), message);
        Self { reason: Some(reason), ..refusal }
    }

    /// Something of ours is wrong; the log says what.
    pub fn internal(profile: Profile) -> Self {
        Self::because(Reason::Internal, profile.sentence("Unexpected server error"))
    }

    /// There is nothing at this path.
    pub fn no_route(profile: Profile) -> Self {
        Self::new(StatusCode::NOT_FOUND, "route", profile.sentence("Resource not found"))
    }

    /// No topic has this name.
    pub fn no_topic(topic: &str) -> Self {
        Self::because(Reason::UnknownTopic, format!("Topic '{topic}' not found"))
    }

    /// The token is missing or proves nothing.
    pub fn unauthenticated() -> Self {
        Self::because(Reason::Token, "Invalid or missing token")
    }

    /// May be sent again after so many seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// As an answer.
    pub fn answer(&self) -> Answer {
        let body =
            Body { success: false, status_code: self.status.as_u16(), errors: &self.problems };
        let mut answer = json(self.status, &body);
        if let Some(seconds) = self.retry_after {
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        answer
    }
}

/// The message was accepted.
pub(crate) fn accepted() -> Answer {
    let status = StatusCode::ACCEPTED;
    json(status, &Body { success: true, status_code: status.as_u16(), errors: &[] })
}

/// Any JSON.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    let text = serde_json::to_vec(body).unwrap_or_default();
    content(status, "application/json", Bytes::from(text))
}

/// Any content.
pub(crate) fn content(status: StatusCode, media_type: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    answer
}

/// Another place has it.
pub(crate) fn see_other(location: &HeaderValue) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::SEE_OTHER;
    answer.headers_mut().insert(LOCATION, location.clone());
    answer
}

/// The path is there, and takes other methods.
pub(crate) fn method_not_allowed(allow: &'static str, profile: Profile) -> Answer {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let mut answer = Refusal::new(status, "route", profile.sentence("Method not allowed")).answer();
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    answer
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    async fn text(answer: Answer) -> String {
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn answers_have_the_shape_of_the_contract() {
        let answer = accepted();
        assert_eq!(answer.status(), 202);
        assert_eq!(answer.headers()["content-type"], "application/json");
        assert_eq!(text(answer).await, r#"{"success":true,"statusCode":202}"#);
        let mut refusal = Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "kafka", "a");
        refusal.problems.push(Problem { kind: "postgres", message: "b".to_owned() });
        assert_eq!(
            text(refusal.retry_after(5).answer()).await,
            r#"{"success":false,"statusCode":500,"errors":[{"type":"kafka","message":"a"},{"type":"postgres","message":"b"}]}"#
        );
        let seed = Refusal::no_route(Profile::Seed);
        assert_eq!(seed.problems[0].message, "Resource not found");
        assert_eq!(Refusal::no_route(Profile::Head).problems[0].message, "Resource not found.");
    }
}
