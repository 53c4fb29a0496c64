//! Publishes a message and waits until the stream has confirmed it.
//!
//! A try that was not confirmed may be stored all the same, so it is repeated under the same
//! `Nats-Msg-Id` until the deadline: a failover of a replicated stream lasts four to five seconds,
//! during which nobody answers. Nothing is queued while the connection is down.

use std::borrow::Cow;
use std::time::Duration;

use async_nats::client::{Request, RequestErrorKind};
use async_nats::header::{NATS_EXPECTED_STREAM, NATS_MESSAGE_ID};
use async_nats::jetstream::ErrorCode;
use async_nats::{HeaderMap, HeaderName, Subject};
use backon::{BackoffBuilder, ExponentialBuilder};
use bytes::Bytes;
use serde::Deserialize;
use tokio::time::{Instant, sleep, timeout_at};

use super::Bus;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How long to wait for one confirmation before the message is sent again.
const TRY_TIMEOUT: Duration = Duration::from_secs(2);

/// A message to be stored.
#[derive(Clone, Debug)]
pub struct Outgoing<'a> {
    /// Where to.
    pub subject: Subject,
    /// Headers; `Nats-Msg-Id` and `Nats-Expected-Stream` are set by the publisher.
    pub headers: &'a [(Cow<'static, str>, String)],
    /// Body.
    pub payload: Bytes,
    /// The stream stores one message of this id within its duplicate window.
    pub dedup_id: &'a str,
    /// Name of the stream that must take it.
    pub stream: &'a str,
}

/// Where a message is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PubAck {
    /// Name of the stream.
    pub stream: String,
    /// Its sequence there; for a duplicate that of the first one.
    pub seq: u64,
    /// Whether one of this id was there already. After an unconfirmed try it may be our own.
    pub duplicate: bool,
}

/// What JetStream takes of headers, in bytes; no setting changes it.
const MOST_OF_HEADERS: usize = 64 * 1024;

/// Why a message is not known to be stored.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// No confirmation came before the deadline. The message may be stored all the same, so
    /// whoever tries again uses the same id.
    #[error("the stream did not confirm the message in time")]
    Unavailable(#[source] Option<BoxError>),
    /// It is larger, with its headers, than the server or the stream takes.
    #[error("message is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The stream or the account of the server has no room.
    #[error("stream is full")]
    StreamFull,
    /// Another stream holds the subject.
    #[error("subject belongs to another stream")]
    WrongStream,
    /// Anything else that trying again cannot mend.
    #[error("the server rejected the message: {description} ({code})")]
    Rejected {
        /// Error code of the server, 0 when the message never left.
        code: u64,
        /// What the server says.
        description: String,
    },
}

/// The same headers as the client library has them. A name with a value that is there already gets both.
pub fn header_map(headers: &[(Cow<'static, str>, String)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        match name {
            // Names that are known beforehand stand once; this spares looking for them.
            Cow::Borrowed(name) => map.insert(HeaderName::from_static(name), value.as_str()),
            Cow::Owned(name) => map.append(name.as_str(), value.as_str()),
        }
    }
    map
}

/// Publishes messages and waits for their confirmation. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Publisher {
    bus: Bus,
}

impl Publisher {
    /// A publisher on a connection.
    pub fn new(bus: Bus) -> Self {
        Self { bus }
    }

    /// Stores a message once and returns its confirmation, at the latest by `deadline`.
    pub async fn publish(
        &self,
        message: Outgoing<'_>,
        deadline: Instant,
    ) -> Result<PubAck, PublishError> {
        let Outgoing { subject, headers, payload, dedup_id, stream } = message;
        let mut pauses = None;
        let mut cause = None;
        loop {
            if !self.bus.wait_connected(deadline).await {
                let cause = cause.unwrap_or(Unconfirmed::Disconnected);
                return Err(PublishError::Unavailable(Some(cause.into())));
            }
            let mut map = header_map(headers);
            map.insert(NATS_MESSAGE_ID, dedup_id);
            map.insert(NATS_EXPECTED_STREAM, stream);
            let request = Request::new().payload(payload.clone()).headers(map);
            match self.send(subject.clone(), request.timeout(None), deadline).await {
                Ok(ack) => return Ok(ack),
                Err(Failure::TooLargeForStream) => return Err(self.too_large(stream).await),
                Err(Failure::Lasting(error)) => return Err(error),
                Err(Failure::Passing(unconfirmed)) => cause = Some(unconfirmed),
            }
            let pause =
                pauses.get_or_insert_with(pauses_between_tries).next().unwrap_or(TRY_TIMEOUT);
            if Instant::now() + pause >= deadline {
                return Err(PublishError::Unavailable(cause.map(Into::into)));
            }
            sleep(pause).await;
        }
    }

    /// One try.
    async fn send(
        &self,
        subject: Subject,
        request: Request,
        deadline: Instant,
    ) -> Result<PubAck, Failure> {
        let disconnection = self.bus.disconnection();
        let until = deadline.min(Instant::now() + TRY_TIMEOUT);
        let answer = tokio::select! {
            biased;
            answer = timeout_at(until, self.bus.client().send_request(subject, request)) => answer,
            () = disconnection => {
                return Err(Failure::Passing(Unconfirmed::Disconnected));
            }
        };
        let error = match answer {
            Ok(Ok(reply)) => return read_answer(&reply.payload),
            Ok(Err(error)) => error,
            Err(_) => return Err(Failure::Passing(Unconfirmed::Silence)),
        };
        Err(match error.kind() {
            RequestErrorKind::NoResponders => Failure::Passing(Unconfirmed::NoLeader),
            RequestErrorKind::TimedOut => Failure::Passing(Unconfirmed::Silence),
            RequestErrorKind::MaxPayloadExceeded => {
                Failure::Lasting(PublishError::TooLarge { limit: self.bus.max_payload() })
            }
            RequestErrorKind::InvalidSubject => Failure::Lasting(PublishError::Rejected {
                code: 0,
                description: "the subject is invalid".to_owned(),
            }),
            RequestErrorKind::Other => Failure::Passing(Unconfirmed::Unsent(error)),
        })
    }

    /// The stream itself has a smaller limit than the server, which only its settings tell.
    async fn too_large(&self, stream: &str) -> PublishError {
        let settings = self.bus.jetstream().get_stream(stream).await.ok();
        let limit = settings.map(|stream| stream.cached_info().config.max_message_size);
        match limit.and_then(|limit| usize::try_from(limit).ok()) {
            Some(limit) => PublishError::TooLarge { limit },
            None => PublishError::Rejected {
                code: ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM.0,
                description: "the message is larger than the stream takes".to_owned(),
            },
        }
    }
}

enum Failure {
    /// The next try may succeed.
    Passing(Unconfirmed),
    /// The message itself or the stream must change first.
    Lasting(PublishError),
    TooLargeForStream,
}

/// Why a try was not confirmed.
#[derive(Debug, thiserror::Error)]
enum Unconfirmed {
    #[error("not connected to the bus")]
    Disconnected,
    #[error("nobody answered for the stream: it is absent or has no leader now")]
    NoLeader,
    #[error("no answer in time")]
    Silence,
    #[error("the message could not be sent")]
    Unsent(#[source] async_nats::client::RequestError),
    #[error("the server cannot store now: {description} ({code})")]
    Busy { code: u64, description: String },
    #[error("the answer cannot be read")]
    Unreadable(#[source] serde_json::Error),
}

/// What the server answers to a publish.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(default, borrow)]
    stream: Cow<'a, str>,
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    duplicate: bool,
    error: Option<ApiError>,
}

#[derive(Deserialize)]
struct ApiError {
    code: u16,
    #[serde(default)]
    err_code: u64,
    #[serde(default)]
    description: String,
}

fn read_answer(payload: &[u8]) -> Result<PubAck, Failure> {
    let answer: Answer<'_> = serde_json::from_slice(payload)
        .map_err(|error| Failure::Passing(Unconfirmed::Unreadable(error)))?;
    match answer.error {
        None => Ok(PubAck {
            stream: answer.stream.into_owned(),
            seq: answer.seq,
            duplicate: answer.duplicate,
        }),
        Some(error) => Err(judge(error)),
    }
}

fn judge(error: ApiError) -> Failure {
    let ApiError { code: status, err_code: code, description } = error;
    match ErrorCode(code) {
        // The code stands for every failure of the store, the text alone says which.
        ErrorCode::STREAM_STORE_FAILED if description.contains("exceeded") => {
            Failure::Lasting(PublishError::StreamFull)
        }
        ErrorCode::ACCOUNT_RESOURCES_EXCEEDED
        | ErrorCode::INSUFFICIENT_RESOURCES
        | ErrorCode::MEMORY_RESOURCES_EXCEEDED
        | ErrorCode::STORAGE_RESOURCES_EXCEEDED => Failure::Lasting(PublishError::StreamFull),
        ErrorCode::STREAM_NOT_MATCH => Failure::Lasting(PublishError::WrongStream),
        ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM => Failure::TooLargeForStream,
        ErrorCode::STREAM_HEADER_EXCEEDS_MAXIMUM => {
            Failure::Lasting(PublishError::TooLarge { limit: MOST_OF_HEADERS })
        }
        // The first try of the same id is on its way through the cluster.
        ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT => {
            Failure::Passing(Unconfirmed::Busy { code, description })
        }
        _ if status >= 500 || status == 429 => {
            Failure::Passing(Unconfirmed::Busy { code, description })
        }
        _ => Failure::Lasting(PublishError::Rejected { code, description }),
    }
}

fn pauses_between_tries() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(25))
        .with_max_delay(Duration::from_millis(400))
        .without_max_times()
        .with_jitter()
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(answer: &str) -> String {
        match read_answer(answer.as_bytes()) {
            Ok(ack) => format!("{} {} {}", ack.stream, ack.seq, ack.duplicate),
            Err(Failure::Passing(cause)) => format!("again: {cause}"),
            Err(Failure::Lasting(error)) => format!("{error}"),
            Err(Failure::TooLargeForStream) => "too large for the stream".to_owned(),
        }
    }

    #[test]
    fn an_answer_of_the_server_decides_whether_to_try_again() {
        let error = |code: u16, err_code: u64, description: &str| {
            let error = serde_json::json!({
                "code": code, "err_code": err_code, "description": description,
            });
            serde_json::json!({ "error": error, "stream": "EVENTS", "seq": 0 }).to_string()
        };
        for (answer, expected) in [
            (r#"{"stream":"EVENTS","seq":7}"#.to_owned(), "EVENTS 7 false"),
            (r#"{"stream":"EVENTS","seq":7,"duplicate":true}"#.to_owned(), "EVENTS 7 true"),
            (error(503, 10077, "maximum bytes exceeded"), "stream is full"),
            (error(503, 10077, "maximum messages exceeded"), "stream is full"),
            (
                error(503, 10077, "disk broken"),
                "again: the server cannot store now: disk broken (10077)",
            ),
            (
                error(503, 10008, "unavailable"),
                "again: the server cannot store now: unavailable (10008)",
            ),
            (error(429, 10167, "too many"), "again: the server cannot store now: too many (10167)"),
            (
                error(409, 10158, "in process"),
                "again: the server cannot store now: in process (10158)",
            ),
            (error(400, 10060, "mismatch"), "subject belongs to another stream"),
            (error(400, 10054, "size"), "too large for the stream"),
            (error(400, 10109, "sealed"), "the server rejected the message: sealed (10109)"),
            ("not json".to_owned(), "again: the answer cannot be read"),
        ] {
            assert_eq!(verdict(&answer), expected, "{answer}");
        }
    }
}
