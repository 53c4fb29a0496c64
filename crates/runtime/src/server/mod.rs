//! An HTTP listener: an accept loop of its own, because every wait in it has an end (`axum::serve` sets none).
//!
//! HTTP/1.1 and HTTP/2 without TLS. Headers must arrive in time, at most so many, and a connection without a request is
//! closed. On shutdown nothing new is accepted, requests under way finish within the grace, the rest is cut off.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use event_bus_core::Chain;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

pub mod body;
mod connection;

use connection::Connections;

use crate::Readiness;

/// How long to rest when the system has no connection to give, such as for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Failures in a row that show that the listener itself is broken.
const MAX_FAILURES: usize = 100;

/// What Linux says when memory or descriptors run out: ENOMEM, ENFILE, EMFILE and ENOBUFS.
const OUT_OF_RESOURCES: [i32; 4] = [12, 23, 24, 105];

/// Why the listener ended before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The listener is broken.
    #[error("the listener accepts no connections any more")]
    Accept(#[source] io::Error),
}

/// What answers requests.
pub trait Service: Clone + Send + Sync + 'static {
    /// Answers one request of a client with this address.
    fn handle(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> impl Future<Output = Response<Full<Bytes>>> + Send;

    /// A connection was opened.
    fn opened(&self) {}

    /// A connection was closed.
    fn closed(&self) {}
}

/// Limits of a listener.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Time from the first byte of a request, or from the last request, to the end of the headers.
    pub header_read_timeout: Duration,
    /// Most headers of a request.
    pub max_headers: NonZeroUsize,
    /// Connections that are open at once; further ones wait to be accepted.
    pub max_connections: NonZeroUsize,
}

/// Serves until `shutdown`, then lets requests under way finish within `grace`. Keeps the dependency `http`.
pub async fn serve(
    service: impl Service,
    limits: Limits,
    listener: TcpListener,
    readiness: Readiness,
    shutdown: CancellationToken,
    grace: Duration,
) -> Result<(), ServeError> {
    let dependency = readiness.dependency("http");
    let permits = Arc::new(Semaphore::new(limits.max_connections.get()));
    let shared = Connections::new(service, limits, shutdown.clone());
    let mut connections = JoinSet::new();
    let mut failures = 0;
    dependency.set_ok();
    let result = loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => break Ok(()),
            Some(ended) = connections.join_next() => {
                report(ended);
                continue;
            }
            accepted = accept(&listener, &permits) => accepted,
        };
        match accepted {
            Ok((stream, peer, permit)) => {
                failures = 0;
                let serving = shared.clone().serve(stream, peer);
                connections.spawn(async move {
                    serving.await;
                    drop(permit);
                });
            }
            Err(error) if is_passing(&error) => {
                tracing::warn!(error = %Chain(&error), "cannot accept a connection now");
                sleep(ACCEPT_PAUSE).await;
            }
            Err(error) => {
                failures += 1;
                tracing::error!(error = %Chain(&error), "cannot accept a connection");
                if failures == MAX_FAILURES {
                    break Err(ServeError::Accept(error));
                }
                sleep(ACCEPT_PAUSE).await;
            }
        }
    };
    dependency.set_failed("shutting down");
    drop(listener);
    shutdown.cancel();
    let deadline = Instant::now() + grace;
    while let Ok(Some(ended)) = timeout_at(deadline, connections.join_next()).await {
        report(ended);
    }
    if !connections.is_empty() {
        tracing::warn!(connections = connections.len(), "requests did not finish in time");
        connections.shutdown().await;
    }
    result
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    stream.set_nodelay(true).ok();
    Ok((stream, peer, permit))
}

/// Whether accepting may succeed later: the client left, or the system has nothing to give under this load.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
        || error.raw_os_error().is_some_and(|code| OUT_OF_RESOURCES.contains(&code))
}

/// A connection ends without a result; a panic on it is a mistake of ours that must be seen.
fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("a connection ended with a panic");
    }
}
