//! relay-outbound, composed.

use std::time::Duration;

use event_bus_runtime::{Bus, Metrics, Readiness};
use relay_outbound::{Config, Environment, Relay};
use tokio::sync::watch;

use super::Start;
use crate::failure::Failure;

const NAME: &str = "relay-outbound";

/// A running relay-outbound. Cloning shares it.
#[derive(Clone)]
pub(crate) struct OutboundService {
    pub(crate) relay: Relay,
    pub(crate) changes: watch::Sender<Config>,
    pub(crate) readiness: Readiness,
    pub(crate) bus: Bus,
    pub(crate) grace: Duration,
    /// What it was started with: what a reload cannot change is compared with it.
    pub(crate) started_with: Config,
}

impl OutboundService {
    pub(super) async fn start(config: &Config, start: &mut Start<'_>) -> Result<Self, Failure> {
        let metrics = Metrics::new();
        let readiness = Readiness::new(NAME);
        // Named at once, so that nobody takes the service for ready before it has begun.
        for name in ["bus", "streams", "routes"] {
            readiness.dependency(name);
        }
        start
            .serve_admin(
                "relay-outbound's admin listener",
                config.admin_listen,
                &readiness,
                &metrics,
            )
            .await?;
        let bus = start.connect(NAME).await?;
        let environment = Environment {
            bus: bus.clone(),
            bus_config: start.config.bus.clone(),
            secrets: start.secrets.clone(),
            clock: start.clock.clone(),
            metrics,
            doctor: start.doctor_secret()?.is_some(),
        };
        let relay = Relay::build(config.clone(), environment).map_err(Failure::misuse)?;
        let (changes, receiver) = watch::channel(config.clone());
        let shutdown = start.tasks.shutdown().clone();
        start.tasks.spawn_fallible(NAME, relay.clone().run(receiver, readiness.clone(), shutdown));
        tracing::info!(routes = config.routes.len(), "relay-outbound starts its routes");
        Ok(Self {
            relay,
            changes,
            readiness,
            bus,
            grace: config.grace,
            started_with: config.clone(),
        })
    }
}
