//! relay-outbound, composed.

use std::time::Duration;

use event_bus_runtime::{Bus, Metrics, Readiness};
use relay_outbound::{Config, Environment, Relay};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::{Start, bind_admin};
use crate::failure::Failure;

const NAME: &str = "relay-outbound";

const ADMIN: &str = "relay-outbound's admin listener";

/// A relay-outbound whose listener is bound.
pub(super) struct Bound {
    config: Config,
    admin: Option<TcpListener>,
}

/// A running relay-outbound. Cloning shares it.
#[derive(Clone)]
pub(crate) struct OutboundService {
    pub(crate) relay: Relay,
    pub(crate) changes: watch::Sender<Config>,
    pub(crate) readiness: Readiness,
    pub(crate) bus: Bus,
    pub(crate) grace: Duration,
}

impl Bound {
    pub(super) async fn bind(config: &Config) -> Result<Self, Failure> {
        let admin = bind_admin(config.admin_listen, ADMIN).await?;
        Ok(Self { config: config.clone(), admin })
    }

    pub(super) async fn start(self, start: &mut Start<'_>) -> Result<OutboundService, Failure> {
        let Self { config, admin } = self;
        let metrics = Metrics::new();
        let readiness = Readiness::new(NAME);
        // Named at once, so that nobody takes the service for ready before it has begun.
        for name in ["bus", "streams", "routes"] {
            readiness.dependency(name);
        }
        start.serve_admin(ADMIN, admin, &readiness, &metrics, None)?;
        let bus = start.connect(NAME, &metrics).await?;
        let environment = Environment {
            bus: bus.clone(),
            bus_config: start.config.bus.clone(),
            secrets: start.secrets.clone(),
            clock: start.clock.clone(),
            metrics,
            doctor: start.doctor.is_some(),
        };
        let relay = Relay::build(config.clone(), environment).map_err(Failure::misuse)?;
        let (changes, receiver) = watch::channel(config.clone());
        let shutdown = start.tasks.shutdown().clone();
        start.tasks.spawn_fallible(NAME, relay.clone().run(receiver, readiness.clone(), shutdown));
        tracing::info!(routes = config.routes.len(), "relay-outbound starts its routes");
        Ok(OutboundService { relay, changes, readiness, bus, grace: config.grace })
    }
}
