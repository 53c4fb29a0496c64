//! What goes into verification and what comes out of it.

use std::fmt;

use bytes::Bytes;

use super::header;

/// One HTTP request as it arrived, before anything was parsed, decompressed or trimmed.
#[derive(Clone, Copy, Debug)]
pub struct RawRequest<'a> {
    /// The method.
    pub method: &'a http::Method,
    /// All header lines.
    pub headers: &'a http::HeaderMap,
    /// The query string as it was sent, without `?`.
    pub query: Option<&'a str>,
    /// The public URL with its query, for templates with `{url}`; the sender signed what it knows, not what a proxy made of it.
    pub url: Option<&'a str>,
    /// The body, byte for byte.
    pub body: &'a Bytes,
}

/// What a request that passed turned out to be.
#[derive(Debug)]
pub enum Outcome {
    /// An event; [`Verifier::describe`](super::Verifier::describe) says which.
    Verified(Verified),
    /// A question of the provider about this endpoint: answer it and publish nothing.
    Handshake(Handshake),
}

/// A request whose signature, freshness and identity were checked.
///
/// It can be made in this module alone. It holds what the request said, so that nothing else has to be trusted later.
pub struct Verified {
    pub(super) body: Bytes,
    pub(super) content_type: Option<String>,
    pub(super) secret_index: Option<usize>,
    pub(super) token_in_query: bool,
    /// The delivery id, where a header or the signed content gave it.
    pub(super) id: Option<String>,
    /// The provider's event name, where a header gave it.
    pub(super) event: Option<String>,
}

impl Verified {
    pub(super) fn new(request: &RawRequest<'_>, secret_index: Option<usize>) -> Self {
        Self {
            body: request.body.clone(),
            content_type: header::media_type(request.headers),
            secret_index,
            token_in_query: false,
            id: None,
            event: None,
        }
    }

    /// The body that was verified.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// `Content-Type`, if it is a media type.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// Which of the configured secrets matched, from 0; `None` for an unsigned source.
    pub fn secret_index(&self) -> Option<usize> {
        self.secret_index
    }

    /// Whether the token came in the URL; the answer then needs `Cache-Control: private` (RFC 6750 section 2.3).
    pub fn token_in_query(&self) -> bool {
        self.token_in_query
    }
}

/// Bodies and ids stay out of logs that print this by accident.
impl fmt::Debug for Verified {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Verified")
            .field("body_bytes", &self.body.len())
            .field("secret_index", &self.secret_index)
            .finish_non_exhaustive()
    }
}

/// The answer that proves to a provider that this endpoint is ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// Which handshake it is: `url_verification` or `ssl_check`.
    pub name: &'static str,
    /// The status of the answer.
    pub status: u16,
    /// The media type of the answer, if it has a body.
    pub content_type: Option<&'static str>,
    /// The body of the answer.
    pub body: Vec<u8>,
}
