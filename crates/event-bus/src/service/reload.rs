//! SIGHUP, or a request: the file is read again, and sources, routes and topics take over what is new in it.
//!
//! A file that is wrong changes nothing: what runs goes on, and the log says what is wrong. All services check the new
//! configuration before the first of them takes it. What needs a restart stays as it was at the start, and is named.
//! New values of secrets reach their services whatever becomes of files and documents.

use event_bus_core::Chain;
use event_bus_runtime::Secret;
use event_bus_runtime::reload::{NotReloaded, Reloaded};
use event_bus_runtime::shutdown::ReloadSignal;
use tokio_util::sync::CancellationToken;
use topic_gateway::token::FetchError;

use super::{Services, doctor_secret};
use crate::config::{ConfigSource, RootConfig, restart, secrets};
use crate::failure::Failure;

/// Takes over a changed file at each signal, and new values of secrets when a vault has them, until shutdown.
pub(super) async fn follow(
    services: Services,
    source: ConfigSource,
    mut signal: ReloadSignal,
    shutdown: CancellationToken,
) {
    let mut doctor = services.doctor.clone();
    let mut config = RootConfig::clone(&services.started);
    let mut rotations = services.secrets.changes();
    loop {
        let request = tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            request = signal.recv() => Some(request),
            Ok(()) = rotations.changed() => None,
        };
        let taken = if request.is_some() {
            tracing::info!("reading the configuration again");
            let reading = services.read_again(&source);
            let Some(read) = shutdown.run_until_cancelled(reading).await else { return };
            // Values that came with it are taken over with it, or by themselves if it is not.
            let rotated = rotations.has_changed().unwrap_or(false);
            rotations.mark_unchanged();
            let taken = match read {
                Ok(new) => {
                    let taken = services.take(&new, &mut doctor).await;
                    if taken.is_ok() {
                        config = new;
                        services.forget_others(&config);
                    }
                    taken
                }
                Err(failure) => Err(failure),
            };
            if taken.is_err() && rotated {
                rotations.mark_changed();
            }
            taken
        } else {
            tracing::info!("taking over secrets with a new value");
            services.take_secrets(&config, &mut doctor)
        };
        match &taken {
            Ok(reloaded) if reloaded.needs_restart.is_empty() => {
                tracing::info!("the new configuration is in use");
            }
            Ok(reloaded) => tracing::warn!(
                keys = reloaded.needs_restart.join(", "),
                "the new configuration is in use, but for these changes, which need a restart"
            ),
            Err(failure) => {
                tracing::error!(error = %failure, "the new configuration is not used; the old one stays");
            }
        }
        if let Some(request) = request {
            let fetching = services.fetch_keys();
            let Some(fetched) = shutdown.run_until_cancelled(fetching).await else { return };
            request.answer(answer(taken, fetched));
        }
    }
}

/// What whoever asked is told.
fn answer(
    taken: Result<Reloaded, Failure>,
    fetched: Result<(), FetchError>,
) -> Result<Reloaded, NotReloaded> {
    let reloaded = taken.map_err(|failure| NotReloaded { reason: failure.to_string() })?;
    fetched.map_err(|error| NotReloaded {
        reason: format!("keys of tokens, and nothing else, stay as they were: {}", Chain(&error)),
    })?;
    Ok(reloaded)
}

impl Services {
    /// Reads the file, and the secrets of vaults that it names.
    async fn read_again(&self, source: &ConfigSource) -> Result<RootConfig, Failure> {
        source.remake().await?;
        let config = source.read()?;
        let wanted = config.secrets_of(&self.sections());
        self.secrets.refresh(wanted.iter().map(|(_, reference)| reference)).await;
        secrets::fetch(&self.secrets, &wanted).await?;
        Ok(config)
    }

    /// Forgets secrets that are no longer named. Those of the bus and of topics stay what they were at the start.
    fn forget_others(&self, config: &RootConfig) {
        let mut wanted = config.secrets_of(&self.sections());
        wanted.extend(self.started.secrets_of(&["bus", "doctor", "topics"]));
        self.secrets.retain(wanted.iter().map(|(_, reference)| reference));
    }

    /// Fetches the keys of tokens at once. What failed is in the log.
    async fn fetch_keys(&self) -> Result<(), FetchError> {
        match &self.topics {
            Some(topics) => topics.keys.reload().await.map(drop),
            None => Ok(()),
        }
    }

    /// Takes over what can be, documents of topics included. `doctor` is the secret in use.
    async fn take(
        &self,
        config: &RootConfig,
        doctor: &mut Option<Secret>,
    ) -> Result<Reloaded, Failure> {
        let prepared = match &self.topics {
            Some(service) => service.prepare(config).await?,
            None => None,
        };
        let mut reloaded = self.take_secrets(config, doctor)?;
        if let (Some(service), Some(prepared)) = (&self.topics, prepared) {
            reloaded.refused_documents = service.take(config, prepared);
        }
        Ok(reloaded)
    }

    /// Takes over what can be, but for documents of topics, which are followed by themselves.
    fn take_secrets(
        &self,
        config: &RootConfig,
        doctor: &mut Option<Secret>,
    ) -> Result<Reloaded, Failure> {
        let (inbound, outbound) = self.wanted(config)?;
        if let (Some(service), Some(wanted)) = (&self.outbound, outbound) {
            service.relay.check(wanted).map_err(Failure::misuse)?;
        }
        let probes = self.topics.as_ref().map(|service| service.probes(config)).transpose()?;
        if let (Some(service), Some(wanted)) = (&self.inbound, inbound) {
            // Another reference would reach this service and not the relay; new content of the same one is no change.
            if config.doctor_secret() == self.started.doctor_secret() {
                *doctor = doctor_secret(config, &self.secrets)?;
            }
            let taken = service.inbound.reload(wanted, &self.secrets, doctor.as_ref());
            taken.map_err(Failure::misuse)?;
        }
        if let (Some(service), Some(wanted)) = (&self.outbound, outbound) {
            service.changes.send_replace(wanted.clone());
        }
        if let (Some(service), Some(probes)) = (&self.topics, probes) {
            service.take_probes(probes);
        }
        let mut later = self.started.needs_restart(config);
        later.extend(self.topics.iter().flat_map(|service| service.needs_restart(config)));
        if let (Some(started), Some(wanted)) = (&self.started.inbound, inbound) {
            later.extend(started.needs_restart(wanted));
        }
        if let (Some(started), Some(wanted)) = (&self.started.outbound, outbound) {
            later.extend(restart::of_outbound(started, wanted));
        }
        Ok(Reloaded { needs_restart: later, refused_documents: Vec::new() })
    }

    /// The sections of the services that run; a section that is gone is a mistake rather than a wish to stop.
    fn wanted<'a>(
        &self,
        config: &'a RootConfig,
    ) -> Result<(Option<&'a serve_inbound::Config>, Option<&'a relay_outbound::Config>), Failure>
    {
        let gone = |name: &str| {
            Failure::usage(format!("section [{name}] is gone; stop the service instead"))
        };
        if self.inbound.is_some() && config.inbound.is_none() {
            return Err(gone("inbound"));
        }
        if self.outbound.is_some() && config.outbound.is_none() {
            return Err(gone("outbound"));
        }
        if self.topics.is_some() && config.topics.is_none() {
            return Err(gone("topics"));
        }
        // A section of a service that runs elsewhere is none of this process's business.
        let inbound = config.inbound.as_ref().filter(|_| self.inbound.is_some());
        Ok((inbound, config.outbound.as_ref().filter(|_| self.outbound.is_some())))
    }
}
