//! The bus: JetStream mechanics, without business words.
//!
//! A [`Bus`] is one connection that outlives the broker: it reconnects for ever. [`provision`]
//! makes the streams and never changes one that exists. A [`Publisher`] says that a message is
//! stored only after the server confirmed it.

mod compare;
mod config;
mod connect;
mod connected;
mod provision;
mod publish;
mod streams;
pub mod subject;
mod supervise;
mod version;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream;
use event_bus_core::Chain;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use crate::secret::SecretResolver;

pub use compare::Violation;
pub use config::{BusConfig, InvalidServerUrl, ServerUrls, TlsConfig};
pub use connect::BusError;
pub use provision::{Inspected, ProvisionError, Provisioned, inspect, provision};
pub use publish::{Outgoing, PubAck, PublishError, Publisher, header_map};
pub use streams::{StreamConfig, StreamRole, StreamsConfig};
pub use supervise::{keep_provisioned, supervise};
pub use version::Version;

/// How long a request to the JetStream API may take.
const API_TIMEOUT: Duration = Duration::from_secs(5);

/// How often the state of the connection is looked at while waiting for it, beside its events.
const STATE_POLL: Duration = Duration::from_millis(250);

/// A connection to the broker. Cloning is cheap and shares it.
#[derive(Clone, Debug)]
pub struct Bus {
    client: async_nats::Client,
    jetstream: jetstream::Context,
    watch: Arc<connect::Watch>,
}

impl Bus {
    /// Connects, or keeps trying in the background when the broker is away. Takes a few times
    /// `connect_timeout` at most.
    pub async fn connect(
        config: &BusConfig,
        secrets: &SecretResolver,
        client_name: &str,
    ) -> Result<Self, BusError> {
        let (client, watch) = connect::connect(config, secrets, client_name).await?;
        let jetstream =
            jetstream::context::ContextBuilder::new().timeout(API_TIMEOUT).build(client.clone());
        Ok(Self { client, jetstream, watch })
    }

    /// The client itself.
    pub fn client(&self) -> &async_nats::Client {
        &self.client
    }

    /// The JetStream API; each request ends within five seconds.
    pub fn jetstream(&self) -> &jetstream::Context {
        &self.jetstream
    }

    /// Version of the server that was connected last, none before the first connection.
    pub fn server_version(&self) -> Option<Version> {
        Version::parse(&self.client.try_server_info()?.version)
    }

    /// Whether the server is known to be at least that new.
    pub fn supports(&self, major: u32, minor: u32) -> bool {
        self.server_version().is_some_and(|version| version >= Version::new(major, minor, 0))
    }

    /// Largest message with its headers that the server takes, in bytes; before the first
    /// connection the usual limit of 1 MiB.
    pub fn max_payload(&self) -> usize {
        self.client.max_payload()
    }

    /// Whether the connection is up now.
    pub fn connected(&self) -> bool {
        // The client library goes on saying "connected" after it has closed.
        self.client.connection_state() == State::Connected && !self.watch.is_closed()
    }

    /// Waits until connected; false when `deadline` came first.
    pub async fn wait_connected(&self, deadline: Instant) -> bool {
        if self.connected() {
            return true;
        }
        let mut changes = self.connection();
        while !self.connected() {
            let now = Instant::now();
            if now >= deadline || self.watch.is_closed() {
                return false;
            }
            // An event can be lost when many come at once, therefore the look at the state itself.
            let until = deadline.min(now + STATE_POLL);
            if let Ok(Err(_)) = timeout_at(until, changes.changed()).await {
                return false;
            }
        }
        true
    }

    /// Changes with the connection: true while it is up.
    pub fn connection(&self) -> watch::Receiver<bool> {
        self.watch.subscribe()
    }

    /// Done when the connection goes down after this call. An answer that was awaited by then
    /// never comes.
    fn disconnection(&self) -> impl Future<Output = ()> + use<> {
        let mut connection = self.connection();
        connection.mark_unchanged();
        async move {
            while connection.changed().await.is_ok() {
                if !*connection.borrow_and_update() {
                    return;
                }
            }
            std::future::pending().await
        }
    }

    /// What the server or the client complained of last, since the last connection was made.
    pub fn last_problem(&self) -> Option<String> {
        self.watch.last_problem()
    }

    /// Sends what is buffered, ends subscriptions and closes, within `grace`.
    pub async fn close(&self, grace: Duration) {
        let closing = async {
            match self.client.drain().await {
                Ok(()) => self.watch.closed().await,
                Err(error) => tracing::debug!(error = %Chain(&error), "the bus was closed already"),
            }
        };
        if timeout(grace, closing).await.is_err() {
            tracing::warn!("the bus connection did not close in time");
        }
    }
}
