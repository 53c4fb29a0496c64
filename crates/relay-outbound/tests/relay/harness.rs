//! A sink in the words of `testkit::sink_suite`.

use async_nats::Client;
use bytes::Bytes;
use event_bus_core::delivery::Disposition;
use event_bus_core::event::Event;
use event_bus_runtime::{Clock, EnvMap, SecretResolver, SecretsConfig};
use relay_outbound::address::AddressGuard;
use relay_outbound::objects::Objects;
use relay_outbound::sinks::{
    BuildError, Delivery, Paces, Settings, Sink, SinkContext, http_client,
};
use testkit::sink_suite::Outcome;

/// Builds a sink as the relay does. `secrets` are variables of the environment.
pub(crate) fn try_build<'a>(
    settings: &dyn Settings,
    client: &Client,
    secrets: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Box<dyn Sink>, BuildError> {
    try_build_guarded(settings, client, secrets, &AddressGuard::default())
}

/// The same, with `outbound.deny_private`.
pub(crate) fn try_build_guarded<'a>(
    settings: &dyn Settings,
    client: &Client,
    secrets: impl IntoIterator<Item = (&'a str, &'a str)>,
    guard: &AddressGuard,
) -> Result<Box<dyn Sink>, BuildError> {
    event_bus_runtime::install_crypto_provider();
    settings.build(&SinkContext {
        secrets: &SecretResolver::new(EnvMap::from_iter(secrets), &SecretsConfig::default()),
        guard,
        http: &http_client(guard)?,
        clock: &Clock::system(),
        client,
        objects: &Objects::new(client.clone(), &[]),
        paces: &Paces::default(),
    })
}

/// What a sink reports of a batch, in the words of the suite.
pub(crate) async fn deliver(sink: &dyn Sink, batch: &[Vec<u8>]) -> Vec<Outcome> {
    let decode = |bytes: &Vec<u8>| Event::from_structured(Bytes::copy_from_slice(bytes)).unwrap();
    let events: Vec<_> = batch.iter().map(decode).collect();
    let outcome = |result: Delivery| match result.map_err(|error| error.disposition()) {
        Ok(()) => Outcome::Delivered,
        Err(Disposition::Hold) => Outcome::Hold,
        Err(Disposition::Retry { after }) => Outcome::Retry { after },
        Err(Disposition::DeadLetter) => Outcome::DeadLetter,
        Err(Disposition::Disable) => Outcome::Disable,
    };
    sink.deliver(&events).await.into_iter().map(outcome).collect()
}
