//! The only place that tells the stream what became of a message.
//!
//! Whatever must survive is stored and confirmed first; only then is the message acknowledged. A crash in between
//! repeats the copy under the same deduplication id. So an event can be seen twice, and never not at all.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use async_nats::jetstream::{AckKind, Message};
use event_bus_core::wire::{DeadLetter, Retry};
use tokio::time::{sleep, timeout};

use crate::incoming::Envelope;
use crate::store::{Store, StoreError};

/// A third of the consumers' `ack_wait`.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// How long the server may take to confirm that a dead letter's message is terminated.
const CONFIRM_WITHIN: Duration = Duration::from_secs(5);

/// How long an acknowledgement may wait for room in the client, which has none while the bus is away for long.
const SEND_WITHIN: Duration = Duration::from_secs(5);

/// What became of a message.
#[derive(Clone, Debug)]
pub enum Settlement {
    /// The destination has the event.
    Delivered,
    /// The event is not for this route.
    Filtered,
    /// Another attempt follows.
    Retry(Retry),
    /// The event is given up.
    DeadLetter(DeadLetter),
    /// It is not due yet; the server delivers it again after this time (servers without schedules).
    NotDue(Duration),
    /// This process does not handle it; another one may, at once.
    Returned,
}

impl Settlement {
    /// Whether something has to be stored, and confirmed, before the message is acknowledged.
    pub(crate) fn is_stored_first(&self) -> bool {
        match self {
            Self::Retry(_) | Self::DeadLetter(_) => true,
            Self::Delivered | Self::Filtered | Self::NotDue(_) | Self::Returned => false,
        }
    }
}

/// A message could not be settled; the server will deliver it again.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// What must survive could not be stored.
    #[error("the event could not be stored again")]
    Store(#[source] StoreError),
    /// The acknowledgement could not be sent.
    #[error("the acknowledgement could not be sent")]
    Unsent(#[source] async_nats::Error),
}

/// Settles a message. Once that has succeeded, the message is not touched again.
///
/// One future of each message that is under way is in memory, so what is rare in it lies in a box.
pub async fn settle(
    message: &Message,
    envelope: &Envelope,
    settlement: &Settlement,
    store: &Store,
) -> Result<(), SettleError> {
    let kind = match settlement {
        Settlement::Delivered | Settlement::Filtered => AckKind::Ack,
        Settlement::Retry(retry) => {
            // Stored first, so that the wait neither occupies the window nor lives in memory.
            Box::pin(store.retry(envelope, retry)).await.map_err(SettleError::Store)?;
            AckKind::Ack
        }
        Settlement::DeadLetter(letter) => {
            Box::pin(store.dead_letter(envelope, letter)).await.map_err(SettleError::Store)?;
            return Box::pin(terminate(message)).await;
        }
        Settlement::NotDue(wait) => AckKind::Nak(Some(*wait)),
        Settlement::Returned => AckKind::Nak(None),
    };
    acknowledge(message, kind).await
}

/// Gives a message back that was not even read.
pub async fn give_back(message: &Message) -> Result<(), SettleError> {
    acknowledge(message, AckKind::Nak(None)).await
}

/// Drives a future and meanwhile keeps the server from delivering the messages that are still held again.
pub async fn while_held<'a, T, Held: Iterator<Item = &'a Message>>(
    held: impl Fn() -> Held,
    work: impl Future<Output = T>,
) -> T {
    tokio::select! {
        biased;
        result = work => result,
        // Beside the work, which must go on while the bus is slow.
        never = keep_alive(held) => match never {},
    }
}

async fn keep_alive<'a, Held: Iterator<Item = &'a Message>>(held: impl Fn() -> Held) -> Infallible {
    loop {
        sleep(KEEP_ALIVE).await;
        for message in held() {
            keep_one_alive(message).await;
        }
    }
}

/// A lost one does no harm: the next follows before the server gives up waiting.
async fn keep_one_alive(message: &Message) {
    let sent = timeout(Duration::from_secs(1), acknowledge(message, AckKind::Progress)).await;
    if !matches!(sent, Ok(Ok(()))) {
        tracing::debug!("the bus was not told that a message is still being handled");
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that settles a message")]
async fn acknowledge(message: &Message, kind: AckKind) -> Result<(), SettleError> {
    match timeout(SEND_WITHIN, message.ack_with(kind)).await {
        Ok(result) => result.map_err(SettleError::Unsent),
        Err(elapsed) => Err(SettleError::Unsent(elapsed.into())),
    }
}

/// Confirmed, unlike the acknowledgement of a delivery: a repeated dead letter would be a false alarm.
#[expect(clippy::disallowed_methods, reason = "this is the one place that settles a message")]
async fn terminate(message: &Message) -> Result<(), SettleError> {
    match timeout(CONFIRM_WITHIN, message.double_ack_with(AckKind::Term)).await {
        Ok(result) => result.map_err(SettleError::Unsent),
        Err(elapsed) => Err(SettleError::Unsent(elapsed.into())),
    }
}
