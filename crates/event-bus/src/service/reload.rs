//! SIGHUP: the file is read again, and sources and routes take over what is new in it.
//!
//! A file that is wrong changes nothing: what runs goes on, and the log says what is wrong. All services check the new
//! configuration before the first of them takes it. What needs a restart stays as it was at the start, and is named.

use event_bus_runtime::shutdown::ReloadSignal;
use event_bus_runtime::{Secret, SecretResolver};
use tokio_util::sync::CancellationToken;

use super::{Services, doctor_secret};
use crate::config::{ConfigSource, RootConfig, restart};
use crate::failure::Failure;

/// Takes over a changed file at each signal, until shutdown.
pub(super) async fn follow(
    services: Services,
    source: ConfigSource,
    mut signal: ReloadSignal,
    shutdown: CancellationToken,
) {
    let mut doctor = services.doctor.clone();
    while shutdown.run_until_cancelled(signal.recv()).await.is_some() {
        tracing::info!("reading the configuration again");
        match services.reload(&source, &mut doctor) {
            Ok(later) if later.is_empty() => tracing::info!("the new configuration is in use"),
            Ok(later) => tracing::warn!(
                keys = later.join(", "),
                "the new configuration is in use, but for these changes, which need a restart"
            ),
            Err(failure) => {
                tracing::error!(error = %failure, "the new configuration is not used; the old one stays");
            }
        }
    }
}

impl Services {
    /// Takes over what can be, and gives the keys of changes that need a restart. `doctor` is the secret in use.
    fn reload(
        &self,
        source: &ConfigSource,
        doctor: &mut Option<Secret>,
    ) -> Result<Vec<&'static str>, Failure> {
        let config = source.read()?;
        let secrets = SecretResolver::new(source.env().clone(), &self.started.secrets);
        let (inbound, outbound) = self.wanted(&config)?;
        if let (Some(service), Some(wanted)) = (&self.outbound, outbound) {
            service.relay.check(wanted).map_err(Failure::misuse)?;
        }
        if let (Some(service), Some(wanted)) = (&self.inbound, inbound) {
            // Another reference would reach this service and not the relay; new content of the same one is no change.
            if config.doctor_secret() == self.started.doctor_secret() {
                *doctor = doctor_secret(&config, &secrets)?;
            }
            let taken = service.inbound.reload(wanted, &secrets, doctor.as_ref());
            taken.map_err(Failure::misuse)?;
        }
        if let (Some(service), Some(wanted)) = (&self.outbound, outbound) {
            service.changes.send_replace(wanted.clone());
        }
        let mut later = self.started.needs_restart(&config);
        if let (Some(started), Some(wanted)) = (&self.started.inbound, inbound) {
            later.extend(started.needs_restart(wanted));
        }
        if let (Some(started), Some(wanted)) = (&self.started.outbound, outbound) {
            later.extend(restart::of_outbound(started, wanted));
        }
        Ok(later)
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
        // A section of a service that runs elsewhere is none of this process's business.
        let inbound = config.inbound.as_ref().filter(|_| self.inbound.is_some());
        Ok((inbound, config.outbound.as_ref().filter(|_| self.outbound.is_some())))
    }
}
