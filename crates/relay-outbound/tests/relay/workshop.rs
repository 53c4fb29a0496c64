//! Sinks without a relay and without a broker, built from the text that stands in the file.

use async_nats::{Client, ConnectOptions};
use event_bus_runtime::{Clock, EnvMap, SecretResolver, SecretsConfig};
use relay_outbound::address::AddressGuard;
use relay_outbound::objects::Objects;
use relay_outbound::sinks::{BuildError, Paces, Sink, SinkContext, http_client};

use crate::world::config;

/// What a relay has at hand when it builds sinks.
pub(crate) struct Workshop {
    pub(crate) secrets: SecretResolver,
    pub(crate) clock: Clock,
    pub(crate) paces: Paces,
    client: Client,
}

impl Workshop {
    /// With these secrets, by the names of environment variables.
    pub(crate) async fn open<const N: usize>(secrets: [(&str, &str); N]) -> Self {
        event_bus_runtime::install_crypto_provider();
        // It never connects: no sink that is built here needs the bus.
        let client = ConnectOptions::new().retry_on_initial_connect().connect("127.0.0.1:1");
        Self {
            secrets: SecretResolver::new(EnvMap::from(secrets), &SecretsConfig::default()),
            clock: Clock::system(),
            paces: Paces::default(),
            client: client.await.unwrap(),
        }
    }

    /// Builds a sink from its setting, such as `sink.slack = { … }`.
    pub(crate) fn build(&self, sink: &str) -> Result<Box<dyn Sink>, BuildError> {
        let route = "[[outbound.routes]]\nname = \"test\"\nsubjects = [\"fleet.>\"]";
        let config = config(&format!("{route}\n{sink}\n")).routes.remove(0).sink;
        let guard = AddressGuard::default();
        config.settings().build(&SinkContext {
            secrets: &self.secrets,
            guard: &guard,
            clock: &self.clock,
            http: &http_client(&guard)?,
            client: &self.client,
            objects: &Objects::new(self.client.clone(), &[]),
            paces: &self.paces,
        })
    }
}
