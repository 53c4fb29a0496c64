//! SIGHUP: the file is read again, and sources and routes take over what is new in it.
//!
//! A file that is wrong changes nothing: what runs goes on, and the log says what is wrong. All services check the new
//! configuration before the first of them takes it.

use event_bus_runtime::SecretResolver;
use event_bus_runtime::shutdown::ReloadSignal;
use tokio_util::sync::CancellationToken;

use super::{Services, doctor_secret};
use crate::config::{ConfigSource, RootConfig};
use crate::failure::{Failure, Outcome};

/// Takes over a changed file at each signal, until shutdown.
pub(super) async fn follow(
    services: Services,
    source: ConfigSource,
    mut signal: ReloadSignal,
    shutdown: CancellationToken,
) {
    while shutdown.run_until_cancelled(signal.recv()).await.is_some() {
        tracing::info!("reading the configuration again");
        match services.reload(&source) {
            Ok(()) => tracing::info!("the new configuration is in use"),
            Err(failure) => {
                tracing::error!(error = %failure, "the new configuration is not used; the old one stays");
            }
        }
    }
}

impl Services {
    fn reload(&self, source: &ConfigSource) -> Outcome {
        let config = source.read()?;
        let secrets = SecretResolver::new(source.env().clone(), &config.secrets);
        let (inbound, outbound) = self.wanted(&config)?;
        if let (Some(service), Some(wanted)) = (&self.outbound, outbound) {
            service.relay.check(wanted).map_err(Failure::misuse)?;
        }
        if let (Some(service), Some(wanted)) = (&self.inbound, inbound) {
            let doctor = doctor_secret(&config, &secrets)?;
            let taken = service.inbound.reload(wanted, &secrets, doctor.as_ref());
            taken.map_err(Failure::misuse)?;
            let later = service.started_with.needs_restart(wanted);
            if !later.is_empty() {
                tracing::warn!(keys = later.join(", "), "these changes need a restart");
            }
        }
        if let (Some(service), Some(wanted)) = (&self.outbound, outbound) {
            if service.started_with.admin_listen != wanted.admin_listen {
                tracing::warn!(keys = "outbound.admin_listen", "these changes need a restart");
            }
            service.changes.send_replace(wanted.clone());
        }
        Ok(())
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
        Ok((config.inbound.as_ref(), config.outbound.as_ref()))
    }
}
