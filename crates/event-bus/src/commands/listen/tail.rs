//! The messages of a stream in their order, each once, for as long as somebody wants them.
//!
//! The consumer is ephemeral and forgets everything with the broker, so the tail remembers where it was and makes a
//! new one.

use std::time::Duration;

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::{Ordered, OrderedConfig};
use event_bus_core::Chain;
use event_bus_runtime::Bus;
use futures_util::StreamExt as _;
use tokio::time::{Instant, sleep};

use crate::failure::Failure;
use crate::output::note;

/// Wait between two tries to go on.
const PAUSE: Duration = Duration::from_millis(250);

/// How long one try waits for the connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// A tail of a stream.
pub(super) struct Tail {
    bus: Bus,
    stream: String,
    subject: String,
    /// Where a new consumer begins.
    from: DeliverPolicy,
    messages: Ordered,
}

impl Tail {
    /// Begins; `from` is where, and `New` means from now on, whatever happens to the broker.
    pub(super) async fn open(
        bus: Bus,
        stream: &str,
        subject: &str,
        from: DeliverPolicy,
    ) -> Result<Self, Failure> {
        let found = bus.jetstream().get_stream(stream).await.map_err(|error| {
            let reason = Chain(&error).to_string();
            Failure::failed(format!("stream {stream} cannot be read: {reason}; a service makes it"))
        })?;
        let from = match from {
            DeliverPolicy::New => {
                let start_sequence = found.cached_info().state.last_sequence + 1;
                DeliverPolicy::ByStartSequence { start_sequence }
            }
            other => other,
        };
        let messages = consume(&bus, stream, subject, from).await?;
        Ok(Self { bus, stream: stream.to_owned(), subject: subject.to_owned(), from, messages })
    }

    /// The next message and its sequence; waits for a broker that is away.
    pub(super) async fn next(&mut self) -> Result<Message, Failure> {
        loop {
            match self.messages.next().await {
                Some(Ok(message)) => {
                    let info = message.info().map_err(|error| {
                        Failure::failed(format!("a message without its origin: {error}"))
                    })?;
                    let start_sequence = info.stream_sequence + 1;
                    self.from = DeliverPolicy::ByStartSequence { start_sequence };
                    return Ok(message);
                }
                Some(Err(_)) | None => self.go_on().await,
            }
        }
    }

    async fn go_on(&mut self) {
        note("the broker forgot this tail; going on where it was");
        loop {
            if self.bus.wait_connected(Instant::now() + CONNECT_WITHIN).await {
                match consume(&self.bus, &self.stream, &self.subject, self.from).await {
                    Ok(messages) => {
                        self.messages = messages;
                        return;
                    }
                    Err(error) => note(format!("cannot go on yet: {error}")),
                }
            }
            sleep(PAUSE).await;
        }
    }
}

async fn consume(
    bus: &Bus,
    stream: &str,
    subject: &str,
    from: DeliverPolicy,
) -> Result<Ordered, Failure> {
    let stream = bus.jetstream().get_stream_no_info(stream).await?;
    let consumer = stream.create_consumer(OrderedConfig {
        description: Some("event-bus listen".to_owned()),
        filter_subject: subject.to_owned(),
        deliver_policy: from,
        ..OrderedConfig::default()
    });
    Ok(consumer.await?.messages().await?)
}
