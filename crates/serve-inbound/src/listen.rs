//! The listener: an accept loop of its own, because every wait in it has an end.
//!
//! HTTP/1.1 and HTTP/2 without TLS. Headers must arrive in time, at most so many, and a connection without a request is
//! closed. On shutdown nothing new is accepted, requests under way finish within the grace, the rest is cut off.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use event_bus_core::Chain;
use event_bus_runtime::Readiness;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::inbound::Inbound;

/// How long to rest when the system has no connection to give, such as for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Largest size of all headers of a request.
const MAX_HEADER_BYTES: usize = 64 * 1024;

/// Requests that one HTTP/2 connection may have under way.
const MAX_STREAMS: u32 = 128;

/// Failures to accept in a row that end the service: the listener itself is broken.
const MAX_ACCEPT_FAILURES: usize = 600;

/// Why the listener ended before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// No connection could be accepted for a minute.
    #[error("the listener accepts no connections any more")]
    Accept(#[source] io::Error),
}

/// Serves until `shutdown`, then lets requests under way finish within `grace`. Keeps the dependency `http`.
pub async fn serve(
    inbound: Inbound,
    listener: TcpListener,
    readiness: Readiness,
    shutdown: CancellationToken,
    grace: Duration,
) -> Result<(), ServeError> {
    let dependency = readiness.dependency("http");
    let builder = Arc::new(builder(&inbound));
    let permits = Arc::new(Semaphore::new(inbound.limits().max_connections.get()));
    let mut connections = JoinSet::new();
    let mut failures = 0;
    dependency.set_ok();
    let result = loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => break Ok(()),
            accepted = accept(&listener, &permits) => accepted,
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((stream, peer, permit)) => {
                failures = 0;
                let connection = Connection {
                    inbound: inbound.clone(),
                    builder: Arc::clone(&builder),
                    shutdown: shutdown.clone(),
                };
                connections.spawn(async move {
                    connection.serve(stream, peer).await;
                    drop(permit);
                });
            }
            Err(error) => {
                failures += 1;
                tracing::warn!(error = %Chain(&error), "cannot accept a connection");
                if failures > MAX_ACCEPT_FAILURES {
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
    while let Ok(Some(_)) = timeout_at(deadline, connections.join_next()).await {}
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

fn builder(inbound: &Inbound) -> auto::Builder<TokioExecutor> {
    let limits = inbound.limits();
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read_timeout)
        .max_headers(limits.max_headers.get())
        .max_buf_size(MAX_HEADER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(MAX_HEADER_BYTES).unwrap_or(u32::MAX))
        .max_concurrent_streams(MAX_STREAMS)
        .keep_alive_interval(limits.header_read_timeout)
        .keep_alive_timeout(limits.header_read_timeout);
    builder
}

struct Connection {
    inbound: Inbound,
    builder: Arc<auto::Builder<TokioExecutor>>,
    shutdown: CancellationToken,
}

impl Connection {
    async fn serve(self, stream: TcpStream, peer: SocketAddr) {
        let Self { inbound, builder, shutdown } = self;
        let open = &inbound.metrics().connections.clone();
        open.inc();
        let activity = Arc::new(Activity::default());
        let service = service_fn(|request| {
            let inbound = inbound.clone();
            let under_way = activity.begin();
            async move {
                let answer = inbound.handle(request, peer.ip()).await;
                drop(under_way);
                Ok::<_, Infallible>(answer)
            }
        });
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        let idle = inbound.limits().header_read_timeout;
        let mut begun = 0;
        let mut closing = false;
        loop {
            tokio::select! {
                result = connection.as_mut() => {
                    if let Err(error) = result {
                        tracing::debug!(error = %Chain(error.as_ref()), "connection broke");
                    }
                    break;
                }
                () = shutdown.cancelled(), if !closing => {
                    closing = true;
                    connection.as_mut().graceful_shutdown();
                }
                // hyper's own timeout does not cover the time before the protocol is known, nor HTTP/2.
                () = sleep(idle) => match (activity.has_rested(&mut begun), closing) {
                    (true, true) => break,
                    (true, false) => {
                        closing = true;
                        connection.as_mut().graceful_shutdown();
                    }
                    (false, _) => {}
                }
            }
        }
        open.dec();
    }
}

/// What happens on a connection.
#[derive(Debug, Default)]
struct Activity {
    begun: AtomicU64,
    under_way: AtomicUsize,
}

/// A request that is under way.
struct UnderWay(Arc<Activity>);

impl Activity {
    fn begin(self: &Arc<Self>) -> UnderWay {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(Arc::clone(self))
    }

    /// Whether no request is under way and none has begun since the last look.
    fn has_rested(&self, seen: &mut u64) -> bool {
        let begun = self.begun.load(Ordering::Relaxed);
        let rested = begun == *seen && self.under_way.load(Ordering::Relaxed) == 0;
        *seen = begun;
        rested
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}
