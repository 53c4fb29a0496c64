//! What a capture sink answers.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::CapturedRequest;

/// What happens to one request.
#[derive(Debug, Clone)]
pub enum Reply {
    Answer(Answer),
    /// The connection stays open and silent until the sink stops or the client gives up.
    Hang,
    /// The connection is reset after the request was read.
    Reset,
}

/// An ordinary HTTP answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    pub delay: Duration,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self::Answer(Answer {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
            delay: Duration::ZERO,
        })
    }

    /// Adds a header; nothing changes for [`Reply::Hang`] and [`Reply::Reset`].
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        self.edit(|answer| answer.headers.push((name.to_owned(), value.to_owned())))
    }

    /// Sets the body; nothing changes for [`Reply::Hang`] and [`Reply::Reset`].
    #[must_use]
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        self.edit(|answer| answer.body = body.into())
    }

    /// Answers only after `delay`; nothing changes for [`Reply::Hang`] and [`Reply::Reset`].
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        self.edit(|answer| answer.delay = delay)
    }

    pub(super) fn is_success(&self) -> bool {
        matches!(self, Self::Answer(answer) if (200..300).contains(&answer.status))
    }

    fn edit(mut self, change: impl FnOnce(&mut Answer)) -> Self {
        if let Self::Answer(answer) = &mut self {
            change(answer);
        }
        self
    }
}

/// Chooses the reply to each request.
#[derive(Clone)]
pub struct Script(Arc<dyn Fn(&CapturedRequest) -> Reply + Send + Sync>);

impl Script {
    /// The same status for everything.
    pub fn always(status: u16) -> Self {
        Self::reply(Reply::status(status))
    }

    /// The same reply to everything.
    pub fn reply(reply: Reply) -> Self {
        Self::per_request(move |_| reply.clone())
    }

    /// One status after the other in order of arrival; the last one repeats.
    pub fn statuses(statuses: impl IntoIterator<Item = u16>) -> Self {
        Self::replies(statuses.into_iter().map(Reply::status))
    }

    /// One reply after the other in order of arrival; the last one repeats.
    pub fn replies(replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies: Vec<Reply> = replies.into_iter().collect();
        assert!(!replies.is_empty(), "a script needs a reply");
        let next = Mutex::new(0);
        Self::per_request(move |_| {
            let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
            let reply = replies[(*next).min(replies.len() - 1)].clone();
            *next += 1;
            reply
        })
    }

    /// Decides from the request alone.
    pub fn per_request(choose: impl Fn(&CapturedRequest) -> Reply + Send + Sync + 'static) -> Self {
        Self(Arc::new(choose))
    }

    /// Decides from the event's id (empty without one) and from how often it came, starting at 1.
    pub fn per_id(choose: impl Fn(&str, u32) -> Reply + Send + Sync + 'static) -> Self {
        let seen: Mutex<HashMap<String, u32>> = Mutex::default();
        Self::per_request(move |request| {
            let id = request.event_id().unwrap_or_default();
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            let times = seen.entry(id.clone()).or_default();
            *times += 1;
            let times = *times;
            drop(seen);
            choose(&id, times)
        })
    }

    pub(super) fn choose(&self, request: &CapturedRequest) -> Reply {
        (self.0)(request)
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Script")
    }
}
