//! The listening side of the capture sink.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::{CapturedRequest, Reply, Script, tls};
use crate::certificates::Certificate;
use crate::{free_port, poll};

/// No event is larger; a larger body is answered with 413.
const BODY_LIMIT: usize = 64 * 1024 * 1024;

/// What the sink remembers of the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    /// Each request with headers and body.
    Everything,
    /// How often each event id came and was accepted, for large loads.
    Ids,
    /// Only how many came, for endless loads.
    Count,
}

/// A listening HTTP server on the loopback, HTTP/1.1 unless started otherwise. Dropping it closes everything.
#[derive(Debug)]
pub struct CaptureSink {
    address: SocketAddr,
    protocol: Protocol,
    shared: Arc<Shared>,
    serving: Mutex<Option<JoinSet<()>>>,
}

/// What it speaks.
#[derive(Clone)]
enum Protocol {
    Http1,
    /// HTTP/1.1 or HTTP/2, as the client begins.
    Http2,
    /// The same over TLS, as the client chooses by ALPN.
    Tls(TlsAcceptor),
}

#[derive(Debug)]
struct Shared {
    record: Record,
    script: Mutex<Script>,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    requests: Vec<CapturedRequest>,
    count: usize,
    in_flight: usize,
    in_flight_peak: usize,
    arrived: BTreeMap<String, u32>,
    accepted: BTreeMap<String, u32>,
}

impl CaptureSink {
    /// Answers 200 to everything and remembers everything.
    pub async fn start() -> Self {
        Self::start_with(Script::always(200), Record::Everything).await
    }

    /// Answers by `script` and remembers everything.
    pub async fn scripted(script: Script) -> Self {
        Self::start_with(script, Record::Everything).await
    }

    pub async fn start_with(script: Script, record: Record) -> Self {
        Self::listen(Protocol::Http1, script, record).await
    }

    /// Like [`CaptureSink::start`], for clients that begin with HTTP/2 as well.
    pub async fn start_http2() -> Self {
        Self::listen(Protocol::Http2, Script::always(200), Record::Everything).await
    }

    /// Like [`CaptureSink::start`], over TLS with this certificate and HTTP/2 on offer. With `clients`, a PEM of their
    /// authority, it takes only clients with a certificate.
    pub async fn start_tls(certificate: &Certificate, clients: Option<&str>) -> Self {
        let protocol = Protocol::Tls(tls::acceptor(certificate, clients));
        Self::listen(protocol, Script::always(200), Record::Everything).await
    }

    async fn listen(protocol: Protocol, script: Script, record: Record) -> Self {
        let shared =
            Arc::new(Shared { record, script: Mutex::new(script), memory: Mutex::default() });
        loop {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
            if let Ok(listener) = TcpListener::bind(address).await {
                let serving = serve(listener, protocol.clone(), Arc::clone(&shared));
                return Self { address, protocol, shared, serving: Mutex::new(Some(serving)) };
            }
        }
    }

    /// `http://127.0.0.1:<port>/`, or `https`.
    pub fn url(&self) -> String {
        match self.protocol {
            Protocol::Http1 | Protocol::Http2 => format!("http://{}/", self.address),
            Protocol::Tls(_) => format!("https://{}/", self.address),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Replaces the script for the requests that arrive from now on.
    pub fn set_script(&self, script: Script) {
        *lock(&self.shared.script) = script;
    }

    /// The requests so far in order of arrival; empty unless recording [`Record::Everything`].
    pub fn requests(&self) -> Vec<CapturedRequest> {
        self.shared.memory().requests.clone()
    }

    /// How many requests arrived.
    pub fn count(&self) -> usize {
        self.shared.memory().count
    }

    /// The largest number of requests that were in work at one time.
    pub fn in_flight_peak(&self) -> usize {
        self.shared.memory().in_flight_peak
    }

    /// How often each event arrived, by id.
    pub fn arrived(&self) -> BTreeMap<String, u32> {
        self.shared.memory().arrived.clone()
    }

    /// How often each event was answered with a 2xx, by id.
    pub fn accepted(&self) -> BTreeMap<String, u32> {
        self.shared.memory().accepted.clone()
    }

    /// Forgets what arrived so far.
    pub fn clear(&self) {
        let mut memory = self.shared.memory();
        *memory = Memory { in_flight: memory.in_flight, ..Memory::default() };
    }

    /// Waits until `count` requests have arrived and returns all of them.
    pub async fn wait_for(&self, count: usize, within: Duration) -> Vec<CapturedRequest> {
        let enough = async || (self.count() >= count).then_some(());
        if poll::try_poll(within, enough).await.is_none() {
            panic!("{} of {count} requests arrived within {within:?}", self.count());
        }
        self.requests()
    }

    /// Closes the listener and every connection: connecting is refused from now on.
    pub async fn stop(&self) {
        let serving = lock(&self.serving).take();
        if let Some(mut tasks) = serving {
            tasks.shutdown().await;
        }
    }

    pub fn is_listening(&self) -> bool {
        lock(&self.serving).is_some()
    }

    /// Listens again where it listened before [`CaptureSink::stop`].
    pub async fn restart_on_same_port(&self) {
        self.stop().await;
        let listener = poll::poll_until(Duration::from_secs(30), "the sink's port", async || {
            TcpListener::bind(self.address).await.ok()
        })
        .await;
        *lock(&self.serving) =
            Some(serve(listener, self.protocol.clone(), Arc::clone(&self.shared)));
    }
}

impl Shared {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        lock(&self.memory)
    }

    fn remember(&self, request: &CapturedRequest, id: Option<String>) {
        let mut memory = self.memory();
        memory.count += 1;
        if self.record == Record::Everything {
            memory.requests.push(request.clone());
        }
        if let Some(id) = id {
            *memory.arrived.entry(id).or_default() += 1;
        }
    }
}

/// Counts a request as in flight until it is dropped, also when the connection breaks.
struct InFlight<'a>(&'a Shared);

impl<'a> InFlight<'a> {
    fn enter(shared: &'a Shared) -> Self {
        let mut memory = shared.memory();
        memory.in_flight += 1;
        memory.in_flight_peak = memory.in_flight_peak.max(memory.in_flight);
        Self(shared)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.memory().in_flight -= 1;
    }
}

impl fmt::Debug for Protocol {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Http1 => "Http1",
            Self::Http2 => "Http2",
            Self::Tls(_) => "Tls",
        })
    }
}

fn serve(listener: TcpListener, protocol: Protocol, shared: Arc<Shared>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        // The connections belong to this task, so that ending it closes them.
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    if let Ok((stream, _)) = accepted {
                        let shared = Arc::clone(&shared);
                        connections.spawn(serve_connection(stream, protocol.clone(), shared));
                    }
                }
                Some(_) = connections.join_next() => {}
            }
        }
    });
    tasks
}

async fn serve_connection(stream: TcpStream, protocol: Protocol, shared: Arc<Shared>) {
    let Ok(std_stream) = stream.into_std() else { return };
    let Ok(handle) = std_stream.try_clone() else { return };
    let Ok(stream) = TcpStream::from_std(std_stream) else { return };
    match protocol {
        Protocol::Http1 => serve_http(TokioIo::new(stream), &handle, shared, false).await,
        Protocol::Http2 => serve_http(TokioIo::new(stream), &handle, shared, true).await,
        Protocol::Tls(acceptor) => {
            // A client that does not trust the certificate, or is not trusted, ends here.
            let Ok(stream) = acceptor.accept(stream).await else { return };
            serve_http(TokioIo::new(stream), &handle, shared, true).await;
        }
    }
}

async fn serve_http(
    stream: impl Read + Write + Send + Unpin + 'static,
    handle: &std::net::TcpStream,
    shared: Arc<Shared>,
    http2: bool,
) {
    let (reset, mut told_to_reset) = watch::channel(false);
    let service = service_fn(|request| {
        let shared = Arc::clone(&shared);
        let reset = reset.clone();
        async move {
            let response = answer(request, &shared).await;
            if response.is_none() {
                reset.send_replace(true);
                pending::<()>().await;
            }
            Ok::<_, Infallible>(response.unwrap_or_default())
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    if !http2 {
        builder = builder.http1_only();
    }
    let connection = builder.serve_connection(stream, service);
    tokio::select! {
        // A client that goes away is none of the sink's business.
        _ = connection => {}
        _ = told_to_reset.wait_for(|told| *told) => {
            // Closing with a zero linger time sends RST instead of FIN.
            drop(socket2::SockRef::from(handle).set_linger(Some(Duration::ZERO)));
        }
    }
}

/// The answer to a request; `None` to reset the connection.
async fn answer(request: Request<Incoming>, shared: &Shared) -> Option<Response<Full<Bytes>>> {
    let _in_flight = InFlight::enter(shared);
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
        return Some(plain(StatusCode::PAYLOAD_TOO_LARGE));
    };
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let request = CapturedRequest {
        method: head.method,
        path,
        version: head.version,
        headers: head.headers,
        body: body.to_bytes(),
        at: Instant::now(),
    };
    let id = if shared.record == Record::Count { None } else { request.event_id() };
    shared.remember(&request, id.clone());
    let script = lock(&shared.script).clone();
    let reply = script.choose(&request);
    let success = reply.is_success();
    let answer = match reply {
        Reply::Hang => pending().await,
        Reply::Reset => return None,
        Reply::Answer(answer) => answer,
    };
    tokio::time::sleep(answer.delay).await;
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    let response =
        response.body(Full::new(answer.body)).expect("the script's status and headers are valid");
    if success && let Some(id) = id {
        *shared.memory().accepted.entry(id).or_default() += 1;
    }
    Some(response)
}

fn plain(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
