//! Keeps the streams there and the readiness of a service true, from its start to its end.

use std::time::Duration;

use event_bus_core::Chain;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::provision::{ProvisionError, Provisioned, log_limitations, provision};
use super::streams::StreamRole;
use super::{Bus, BusConfig};
use crate::readiness::{DependencyHandle, Readiness};

/// How long to rest after a failed attempt to provision.
const PAUSE: Duration = Duration::from_secs(1);

/// How often the streams of a running service are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(30);

/// Provisions again and again until it is done, and keeps the dependencies `bus` and `streams`.
///
/// The only error is [`ProvisionError::Incompatible`]. Cancel it by dropping it.
pub async fn keep_provisioned(
    bus: &Bus,
    config: &BusConfig,
    which: &[StreamRole],
    readiness: &Readiness,
) -> Result<Provisioned, ProvisionError> {
    let mut state = Dependencies::new(readiness);
    loop {
        if !bus.wait_connected(Instant::now() + PAUSE).await {
            state.show_connection(bus);
            continue;
        }
        state.show_connection(bus);
        match state.look(bus, config, which).await {
            Ok(provisioned) => {
                if let Some(version) = bus.server_version() {
                    tracing::info!(server = %version, created = ?provisioned.created, "streams are ready");
                    log_limitations(version);
                }
                return Ok(provisioned);
            }
            Err(error) if error.is_transient() => sleep(PAUSE).await,
            Err(error) => return Err(error),
        }
    }
}

/// Keeps the dependencies `bus` and `streams` true until `shutdown`, after [`keep_provisioned`].
///
/// A stream that was deleted meanwhile is created again. One that was changed so that it no longer
/// fits makes the service unready; it goes on with what still works.
pub async fn supervise(
    bus: Bus,
    config: BusConfig,
    which: Vec<StreamRole>,
    readiness: Readiness,
    shutdown: CancellationToken,
) {
    let mut state = Dependencies::new(&readiness);
    let mut connection = bus.connection();
    loop {
        state.show_connection(&bus);
        let mut wait = LOOK_INTERVAL;
        if bus.connected() {
            match state.look(&bus, &config, &which).await {
                Ok(provisioned) if provisioned.created.is_empty() => {}
                Ok(provisioned) => {
                    tracing::error!(streams = ?provisioned.created, "streams were gone and are created again");
                }
                Err(_) => wait = PAUSE,
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            Ok(()) = connection.changed() => {}
            () = sleep(wait) => {}
        }
    }
}

struct Dependencies {
    bus: DependencyHandle,
    streams: DependencyHandle,
    /// What was logged last, so that the same thing is said once.
    last: Option<String>,
}

impl Dependencies {
    fn new(readiness: &Readiness) -> Self {
        let (bus, streams) = (readiness.dependency("bus"), readiness.dependency("streams"));
        Self { bus, streams, last: None }
    }

    fn show_connection(&self, bus: &Bus) {
        if bus.connected() {
            self.bus.set_ok();
        } else {
            let problem = bus.last_problem().unwrap_or_else(|| "the broker is away".to_owned());
            self.bus.set_failed(format!("not connected: {problem}"));
            self.streams.set_failed("not connected");
        }
    }

    async fn look(
        &mut self,
        bus: &Bus,
        config: &BusConfig,
        which: &[StreamRole],
    ) -> Result<Provisioned, ProvisionError> {
        let start = Instant::now();
        let result = provision(bus, config, which).await;
        let said = match &result {
            Ok(provisioned) => {
                self.streams.set_ok_after(start.elapsed());
                provisioned.warnings.join("; ")
            }
            Err(error) => {
                let message = Chain(error).to_string();
                self.streams.set_failed(message.as_str());
                message
            }
        };
        if self.last.as_ref() != Some(&said) {
            match &result {
                Ok(provisioned) => {
                    for warning in &provisioned.warnings {
                        tracing::warn!("{warning}");
                    }
                }
                Err(error) if error.is_transient() => {
                    tracing::warn!(error = %Chain(error), "streams are not ready, will try again");
                }
                Err(error) => tracing::error!(error = %Chain(error), "streams do not fit"),
            }
            self.last = Some(said);
        }
        result
    }
}
