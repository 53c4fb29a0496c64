//! The bus: JetStream mechanics, without business words.

mod config;
mod provision;
mod publish;
mod streams;
mod version;

use std::time::Duration;

use async_nats::jetstream;

use crate::secret::{SecretError, SecretResolver};

pub use config::{BusConfig, ServerUrls, TlsConfig};
pub use provision::{ProvisionError, Provisioned, keep_provisioned, provision};
pub use publish::{Outgoing, PubAck, PublishError, Publisher};
pub use streams::{StreamConfig, StreamRole, StreamsConfig};
pub use version::Version;

/// A connection to the broker. Cloning is cheap and shares it.
#[derive(Clone, Debug)]
pub struct Bus {
    client: async_nats::Client,
    jetstream: jetstream::Context,
}

/// Why no connection could be set up. A broker that is away is no error.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    #[error("credentials of the bus cannot be read")]
    Secret(#[source] SecretError),
    #[error("the bus refused the credentials")]
    Refused(#[source] async_nats::ConnectError),
}

impl Bus {
    /// Connects, or keeps trying in the background when the broker is away.
    pub async fn connect(
        config: &BusConfig,
        secrets: &SecretResolver,
        client_name: &str,
    ) -> Result<Self, BusError> {
        let _ = (config, secrets, client_name);
        todo!()
    }

    pub fn client(&self) -> &async_nats::Client {
        &self.client
    }

    pub fn jetstream(&self) -> &jetstream::Context {
        &self.jetstream
    }

    /// Version of the server, none before the first connection.
    pub fn server_version(&self) -> Option<Version> {
        todo!()
    }

    /// Whether the server is known to be at least that new.
    pub fn supports(&self, major: u32, minor: u32) -> bool {
        self.server_version().is_some_and(|version| version >= Version::new(major, minor, 0))
    }

    /// Largest message with its headers that the server takes, in bytes.
    pub fn max_payload(&self) -> usize {
        self.client.max_payload()
    }

    pub fn connected(&self) -> bool {
        todo!()
    }

    /// Waits until connected; false when `deadline` came first.
    pub async fn wait_connected(&self, deadline: tokio::time::Instant) -> bool {
        let _ = deadline;
        todo!()
    }

    /// A watch of the connection state: true while connected.
    pub fn connection(&self) -> tokio::sync::watch::Receiver<bool> {
        todo!()
    }

    /// Flushes and closes, within `grace`.
    pub async fn close(&self, grace: Duration) {
        let _ = grace;
        todo!()
    }
}
