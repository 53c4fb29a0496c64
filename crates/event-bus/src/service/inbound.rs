//! serve-inbound, composed.

use std::net::SocketAddr;
use std::time::Duration;

use event_bus_runtime::bus::StreamRole;
use event_bus_runtime::{Bus, Metrics, Readiness};
use serve_inbound::{Config, Inbound, Parts, Target};

use super::{Start, bind, keep_streams};
use crate::failure::Failure;

const NAME: &str = "serve-inbound";

/// A running serve-inbound. Cloning shares it.
#[derive(Clone)]
pub(crate) struct InboundService {
    pub(crate) inbound: Inbound,
    pub(crate) readiness: Readiness,
    pub(crate) bus: Bus,
    pub(crate) address: SocketAddr,
    pub(crate) grace: Duration,
    /// What it was started with: what a reload cannot change is compared with it.
    pub(crate) started_with: Config,
}

impl InboundService {
    pub(super) async fn start(config: &Config, start: &mut Start<'_>) -> Result<Self, Failure> {
        let listener = bind(config.listen, NAME).await?;
        let address = listener.local_addr()?;
        let metrics = Metrics::new();
        let readiness = Readiness::new(NAME);
        // Named at once, so that nobody takes the service for ready before it has begun.
        for name in ["http", "bus", "streams"] {
            readiness.dependency(name);
        }
        start
            .serve_admin(
                "serve-inbound's admin listener",
                config.admin_listen,
                &readiness,
                &metrics,
            )
            .await?;
        let bus = start.connect(NAME).await?;
        let streams = &start.config.bus.streams;
        let parts = Parts {
            bus: bus.clone(),
            target: Target {
                stream: streams.name(StreamRole::Events).to_owned(),
                duplicate_window: streams.duplicate_window(StreamRole::Events),
            },
            clock: start.clock.clone(),
            metrics: &metrics,
            doctor: start.doctor_secret()?,
        };
        let inbound = Inbound::build(config, &start.secrets, parts).map_err(Failure::misuse)?;
        let shutdown = start.tasks.shutdown().clone();
        start.tasks.spawn_fallible(
            "serve-inbound's streams",
            keep_streams(
                bus.clone(),
                start.config.bus.clone(),
                vec![StreamRole::Events],
                readiness.clone(),
                shutdown.clone(),
            ),
        );
        start.tasks.spawn_fallible(
            NAME,
            serve_inbound::serve(
                inbound.clone(),
                listener,
                readiness.clone(),
                shutdown,
                config.grace,
            ),
        );
        tracing::info!(%address, sources = config.sources.len(), "serve-inbound listens");
        Ok(Self {
            inbound,
            readiness,
            bus,
            address,
            grace: config.grace,
            started_with: config.clone(),
        })
    }
}
