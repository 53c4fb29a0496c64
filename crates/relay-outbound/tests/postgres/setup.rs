//! Settings, sinks and events of these tests.

use bytes::Bytes;
use event_bus_core::event::{Data, Event};
use event_bus_runtime::{Document, EnvMap, SecretResolver, SecretsConfig};
use relay_outbound::address::AddressGuard;
use relay_outbound::sinks::postgres::Config;
use relay_outbound::sinks::{CheckError, Settings as _, Sink};
use testkit::{NatsServer, PostgresServer};

use crate::harness::try_build;

/// Settings for a server on this port, without TLS unless `more` says so.
pub(crate) fn config(port: u16, more: &str) -> Config {
    let config = read(port, more).unwrap();
    assert_eq!(config.validate(), []);
    config
}

/// The same, which may not be valid, or why it cannot be read.
pub(crate) fn read(port: u16, more: &str) -> Result<Config, String> {
    let tls = if more.contains("tls =") { "" } else { "tls = \"disable\"" };
    let text = format!(
        "host = \"127.0.0.1\"\nport = {port}\ndatabase = \"postgres\"\nuser = \"postgres\"\n{tls}\n{more}"
    );
    let document = Document::parse("event-bus.toml", &text, &EnvMap::default());
    document.unwrap().get().map_err(|error| event_bus_core::Chain(&error).to_string())
}

/// A sink; the broker is only there because sinks are built with one.
pub(crate) async fn build(config: &Config) -> (Box<dyn Sink>, NatsServer) {
    let nats = NatsServer::start().await;
    let sink = try_build(config, &nats.connect().await, [("KEY", "secret")]).unwrap();
    (sink, nats)
}

/// A server with the default table.
pub(crate) async fn server() -> PostgresServer {
    let server = PostgresServer::start().await;
    migrate(&config(server.port(), "")).await;
    server
}

pub(crate) async fn migrate(config: &Config) -> String {
    try_migrate(config).await.unwrap()
}

pub(crate) async fn try_migrate(config: &Config) -> Result<String, CheckError> {
    let secrets = SecretResolver::new(EnvMap::default(), &SecretsConfig::default());
    config.migrate(&secrets, &AddressGuard::default()).await
}

pub(crate) fn event(id: &str) -> Event {
    Event::builder(id, "/test", "com.example.made").build().unwrap()
}

pub(crate) fn json_event(id: &str, data: &str) -> Event {
    Event::builder(id, "/test", "com.example.made")
        .datacontenttype("application/json")
        .data(Data::Json(Bytes::copy_from_slice(data.as_bytes())))
        .build()
        .unwrap()
}
