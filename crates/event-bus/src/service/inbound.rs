//! serve-inbound, composed.

use std::net::SocketAddr;
use std::time::Duration;

use event_bus_runtime::bus::StreamRole;
use event_bus_runtime::{Bus, Metrics, Readiness};
use serve_inbound::{Config, Inbound, Parts, Target};
use tokio::net::TcpListener;

use super::{Start, bind, bind_admin, keep_streams};
use crate::failure::Failure;

const NAME: &str = "serve-inbound";

const ADMIN: &str = "serve-inbound's admin listener";

/// A serve-inbound whose listeners are bound.
pub(super) struct Bound {
    config: Config,
    http: TcpListener,
    admin: Option<TcpListener>,
}

/// A running serve-inbound. Cloning shares it.
#[derive(Clone)]
pub(crate) struct InboundService {
    pub(crate) inbound: Inbound,
    pub(crate) readiness: Readiness,
    pub(crate) bus: Bus,
    pub(crate) address: SocketAddr,
    pub(crate) grace: Duration,
}

impl Bound {
    pub(super) async fn bind(config: &Config) -> Result<Self, Failure> {
        Ok(Self {
            config: config.clone(),
            http: bind(config.listen, NAME).await?,
            admin: bind_admin(config.admin_listen, ADMIN).await?,
        })
    }

    pub(super) async fn start(self, start: &mut Start<'_>) -> Result<InboundService, Failure> {
        let Self { config, http, admin } = self;
        let address = http.local_addr()?;
        let metrics = Metrics::new();
        let readiness = Readiness::new(NAME);
        // Named at once, so that nobody takes the service for ready before it has begun.
        for name in ["http", "bus", "streams"] {
            readiness.dependency(name);
        }
        start.serve_admin(ADMIN, admin, &readiness, &metrics, None)?;
        let bus = start.connect(NAME, &metrics).await?;
        let streams = &start.config.bus.streams;
        let parts = Parts {
            bus: bus.clone(),
            target: Target {
                stream: streams.name(StreamRole::Events).to_owned(),
                duplicate_window: streams.duplicate_window(StreamRole::Events),
            },
            clock: start.clock.clone(),
            metrics: &metrics,
            doctor: start.doctor.clone(),
        };
        let inbound = Inbound::build(&config, &start.secrets, parts).map_err(Failure::misuse)?;
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
            serve_inbound::serve(inbound.clone(), http, readiness.clone(), shutdown, config.grace),
        );
        tracing::info!(%address, sources = config.sources.len(), "serve-inbound listens");
        Ok(InboundService { inbound, readiness, bus, address, grace: config.grace })
    }
}
