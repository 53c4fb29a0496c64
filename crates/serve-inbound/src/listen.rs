//! The listener of the service.

use std::net::SocketAddr;
use std::time::Duration;

use event_bus_runtime::Readiness;
use event_bus_runtime::server::{self, Limits, ServeError, Service};
use http::Request;
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::inbound::Inbound;
use crate::respond::Answer;

/// Serves until `shutdown`, then lets requests under way finish within `grace`. Keeps the dependency `http`.
pub async fn serve(
    inbound: Inbound,
    listener: TcpListener,
    readiness: Readiness,
    shutdown: CancellationToken,
    grace: Duration,
) -> Result<(), ServeError> {
    let limits = inbound.limits();
    let limits = Limits {
        header_read_timeout: limits.header_read_timeout,
        max_headers: limits.max_headers,
        max_connections: limits.max_connections,
    };
    server::serve(inbound, limits, listener, readiness, shutdown, grace).await
}

impl Service for Inbound {
    async fn handle(&self, request: Request<Incoming>, peer: SocketAddr) -> Answer {
        Self::handle(self, request, peer.ip()).await
    }

    fn opened(&self) {
        self.metrics().connections.inc();
    }

    fn closed(&self) {
        self.metrics().connections.dec();
    }
}
