//! Publishing with confirmation.

use bytes::Bytes;
use tokio::time::Instant;

use super::Bus;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A message to be stored.
#[derive(Clone, Debug)]
pub struct Outgoing<'a> {
    pub subject: async_nats::Subject,
    pub headers: async_nats::HeaderMap,
    pub payload: Bytes,
    /// `Nats-Msg-Id`.
    pub dedup_id: &'a str,
    /// `Nats-Expected-Stream`.
    pub stream: &'a str,
}

/// Where the message is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PubAck {
    pub stream: String,
    pub seq: u64,
    pub duplicate: bool,
}

/// Why a message is not known to be stored.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// No confirmation until the deadline. The message may be stored: repeat it under the same id.
    #[error("no confirmation of the stream within the deadline")]
    Unavailable(#[source] Option<BoxError>),
    #[error("message is larger than the server's limit of {limit} bytes")]
    TooLarge { limit: usize },
    #[error("stream is full")]
    StreamFull,
    #[error("subject belongs to another stream")]
    WrongStream,
    #[error("stream rejected the message: {description} ({code})")]
    Rejected { code: u64, description: String },
}

/// Publishes messages and waits for their confirmation. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Publisher {
    bus: Bus,
}

impl Publisher {
    pub fn new(bus: Bus) -> Self {
        Self { bus }
    }

    /// Stores a message once and returns its confirmation.
    pub async fn publish(
        &self,
        message: Outgoing<'_>,
        deadline: Instant,
    ) -> Result<PubAck, PublishError> {
        let _ = (message, deadline, &self.bus);
        todo!()
    }
}
