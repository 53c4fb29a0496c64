//! One connection: HTTP/1.1 or HTTP/2, with an end to every wait.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use event_bus_core::Chain;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{Limits, Service};

/// Largest size of all headers of a request.
const MAX_HEADER_BYTES: usize = 64 * 1024;

/// Requests that one HTTP/2 connection may have under way.
const MAX_STREAMS: u32 = 128;

/// What all connections of a listener share.
#[derive(Clone)]
pub(super) struct Connections<S> {
    service: S,
    idle: Duration,
    builder: Arc<auto::Builder<TokioExecutor>>,
    shutdown: CancellationToken,
}

fn builder(limits: Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read_timeout)
        .max_headers(limits.max_headers.get())
        // A sender may close its side once it has said everything, and still hears the answer.
        .half_close(true)
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

impl<S: Service> Connections<S> {
    pub(super) fn new(service: S, limits: Limits, shutdown: CancellationToken) -> Self {
        let builder = Arc::new(builder(limits));
        Self { service, idle: limits.header_read_timeout, builder, shutdown }
    }

    /// Serves one connection to its end; after `shutdown` it ends with the requests under way.
    pub(super) async fn serve(self, stream: TcpStream, peer: SocketAddr) {
        let Self { service: handler, idle, builder, shutdown } = self;
        handler.opened();
        let activity = Arc::new(Activity::default());
        let service = service_fn(|request| {
            let handler = handler.clone();
            let under_way = activity.begin();
            async move {
                let answer = handler.handle(request, peer).await;
                drop(under_way);
                Ok::<_, Infallible>(answer)
            }
        });
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
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
        handler.closed();
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
