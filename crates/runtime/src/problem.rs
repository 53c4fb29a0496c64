//! Problem documents (RFC 9457): the one form in which HTTP errors leave a process.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value};

/// Media type of a problem document.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// An error for the caller of an HTTP interface. It never holds a secret nor an expected MAC.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// `type`: names the kind of problem; `about:blank` when the status says it all.
    pub type_uri: String,
    /// `title`: the kind of problem in a few words, the same each time.
    pub title: String,
    /// The status of the response.
    pub status: StatusCode,
    /// `detail`: this occurrence, for a person.
    pub detail: Option<String>,
    /// Stable machine-readable reason from a closed list, such as `signature_mismatch`.
    pub code: &'static str,
    /// Further members. A name of the members above is ignored.
    pub extra: Map<String, Value>,
}

impl Problem {
    /// A problem of no more than a status, a reason and a title.
    pub fn new(status: StatusCode, code: &'static str, title: impl Into<String>) -> Self {
        Self {
            type_uri: "about:blank".to_owned(),
            title: title.into(),
            status,
            detail: None,
            code,
            extra: Map::new(),
        }
    }

    /// Says more about this occurrence.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds a member.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.extra.insert(name.into(), value.into());
        self
    }

    /// The document itself.
    pub fn to_json(&self) -> Value {
        let mut members = self.extra.clone();
        members.insert("type".to_owned(), self.type_uri.clone().into());
        members.insert("title".to_owned(), self.title.clone().into());
        members.insert("status".to_owned(), self.status.as_u16().into());
        members.insert("code".to_owned(), self.code.into());
        if let Some(detail) = &self.detail {
            members.insert("detail".to_owned(), detail.clone().into());
        }
        Value::Object(members)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.to_json().to_string()));
        *response.status_mut() = self.status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_a_document_with_its_status_and_reason() {
        let problem =
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "body too large")
                .with_detail("the limit is 10 bytes")
                .with("limit", 10)
                .with("status", "forged");
        assert_eq!(
            problem.to_json(),
            serde_json::json!({
                "type": "about:blank", "title": "body too large", "status": 413,
                "code": "body_too_large", "detail": "the limit is 10 bytes", "limit": 10,
            })
        );
        let response = problem.into_response();
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
    }
}
