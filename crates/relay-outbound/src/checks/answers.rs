//! The doctor's side of its built-in route: it says what every attempt is answered, and remembers the attempts.

use async_nats::{Client, Message, Subscriber};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::time::Instant;

/// What an event is answered, attempt by attempt; the last one repeats.
const RETRIED: [u16; 3] = [503, 503, 200];

/// What the other event is answered at every attempt.
const REFUSED: u16 = 400;

/// Answers the attempts to deliver two events: one is to be tried again, the other to be given up.
pub(super) struct Answers {
    client: Client,
    messages: Subscriber,
    retried_id: String,
    refused_id: String,
    began: Instant,
    /// Times of the attempts to deliver the event that is tried again, in milliseconds.
    retried: Vec<u128>,
    refused: usize,
}

impl Answers {
    /// Answers at this subject from now on, as often as [`Answers::next`] is called.
    pub(super) async fn at(
        client: &Client,
        reply: String,
        retried_id: String,
        refused_id: String,
    ) -> Result<Self, async_nats::Error> {
        let messages = client.subscribe(reply).await?;
        // The server knows of the subscription before any event can ask it.
        client.flush().await?;
        Ok(Self {
            client: client.clone(),
            messages,
            retried_id,
            refused_id,
            began: Instant::now(),
            retried: Vec::new(),
            refused: 0,
        })
    }

    /// Waits for an attempt and answers it. May be dropped while it waits. False once the subscription is over.
    pub(super) async fn next(&mut self) -> bool {
        let Some(message) = self.messages.next().await else { return false };
        self.answer(message).await;
        true
    }

    /// Whether the first event was tried as often as it was answered, up to its delivery.
    pub(super) fn is_delivered(&self) -> bool {
        self.retried.len() >= RETRIED.len()
    }

    /// Whether the other event was refused.
    pub(super) fn is_refused(&self) -> bool {
        self.refused > 0
    }

    /// Attempts to deliver the first event.
    pub(super) fn attempts(&self) -> usize {
        self.retried.len()
    }

    /// Attempts of both.
    pub(super) fn evidence(&self) -> Value {
        let retried = self.retried.iter().enumerate().map(|(index, after_ms)| {
            let after_ms = u64::try_from(*after_ms).unwrap_or(u64::MAX);
            json!({ "answered": status(index), "after_ms": after_ms })
        });
        json!({ "retried": retried.collect::<Vec<_>>(), "refused": self.refused })
    }

    async fn answer(&mut self, message: Message) {
        let status = if message.payload == self.retried_id {
            self.retried.push(self.began.elapsed().as_millis());
            status(self.retried.len() - 1)
        } else if message.payload == self.refused_id {
            self.refused += 1;
            REFUSED
        } else {
            return;
        };
        if let Some(reply) = message.reply {
            // One that gets lost fails the attempt, and the next one asks again.
            self.client.publish(reply, status.to_string().into()).await.ok();
        }
    }
}

fn status(attempt: usize) -> u16 {
    RETRIED.get(attempt).or(RETRIED.last()).copied().unwrap_or(200)
}
