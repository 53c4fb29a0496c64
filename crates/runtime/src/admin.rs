//! The admin listener: `/livez`, `/readyz` (alias `/healthz`) and `/metrics`, and `POST /reload` where a service has it.
//!
//! It is meant for a private network: it asks for no credentials and shows names of dependencies
//! and why they fail, never a secret. Each connection serves one request and is bounded in time,
//! number and headers, so that a slow client takes nothing from the service beside it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use event_bus_core::Chain;
use http::{HeaderValue, StatusCode, header};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::metrics::{self, Metrics};
use crate::problem::Problem;
use crate::readiness::Readiness;
use crate::reload::{ReloadHandle, Reloaded};

/// How long one connection may take, from its first byte to its last.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);

/// The same where there are commands: a reload asks others, and answers what came of it.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);

/// How many connections are served at once; further ones wait.
const MAX_CONNECTIONS: usize = 64;

/// How many headers a request may have.
const MAX_HEADERS: usize = 64;

/// How long to rest when the system has no connection to give, such as for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What else the listener can be asked for.
#[derive(Clone, Debug)]
pub struct Commands {
    /// What `POST /reload` does.
    pub reload: ReloadHandle,
    /// What `POST /terminate` does: it ends the process, or it is another name of `/reload`.
    pub terminate_ends: bool,
}

#[derive(Clone)]
struct Admin {
    readiness: Readiness,
    metrics: Metrics,
    clock: Clock,
    shutdown: CancellationToken,
}

/// Answers until `shutdown`, then lets the requests at hand finish.
pub async fn serve(
    listener: TcpListener,
    readiness: Readiness,
    metrics: Metrics,
    shutdown: CancellationToken,
) {
    serve_with(listener, readiness, metrics, None, shutdown).await;
}

/// The same with commands.
pub async fn serve_with(
    listener: TcpListener,
    readiness: Readiness,
    metrics: Metrics,
    commands: Option<Commands>,
    shutdown: CancellationToken,
) {
    let clock = Clock::system();
    let within = if commands.is_some() { COMMAND_TIMEOUT } else { CONNECTION_TIMEOUT };
    let router = router(Admin { readiness, metrics, clock, shutdown: shutdown.clone() }, commands);
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &permits) => accepted,
        };
        let Some((stream, permit)) = accepted else { continue };
        let router = router.clone();
        connections.spawn(async move {
            answer(stream, router, within).await;
            drop(permit);
        });
    }
    // Commands end with the process.
    let ended = async { while connections.join_next().await.is_some() {} };
    if timeout(CONNECTION_TIMEOUT, ended).await.is_err() {
        tracing::debug!("admin connections took too long");
    }
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, permit)),
        Err(error) => {
            tracing::warn!(error = %Chain(&error), "admin listener cannot accept a connection");
            sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn answer(stream: TcpStream, router: Router, within: Duration) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(CONNECTION_TIMEOUT)
        .max_headers(MAX_HEADERS)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    match timeout(within, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(error = %Chain(&error), "admin connection broke"),
        Err(_) => tracing::debug!("admin connection took too long"),
    }
}

fn router(admin: Admin, commands: Option<Commands>) -> Router {
    let mut router = Router::new();
    let mut pages = "there are /livez, /readyz, /healthz and /metrics";
    if let Some(Commands { reload, terminate_ends }) = commands {
        pages = "there are /livez, /readyz, /healthz, /metrics, /reload and /terminate";
        let take_over = move |State(admin): State<Admin>| take_over(admin, reload.clone());
        let terminate = if terminate_ends { post(terminate) } else { post(take_over.clone()) };
        router = router
            .route("/reload", only(post(take_over), "POST"))
            .route("/terminate", only(terminate, "POST"));
    }
    router
        .route("/livez", read_only(get(livez)))
        .route("/readyz", read_only(get(readyz)))
        .route("/healthz", read_only(get(readyz)))
        .route("/metrics", read_only(get(show_metrics)))
        .fallback(move || async move {
            Problem::new(StatusCode::NOT_FOUND, "not_found", "no such page").with_detail(pages)
        })
        .with_state(admin)
}

fn read_only(route: MethodRouter<Admin>) -> MethodRouter<Admin, Infallible> {
    only(route, "GET, HEAD")
}

fn only(route: MethodRouter<Admin>, methods: &'static str) -> MethodRouter<Admin, Infallible> {
    route.fallback(move || async move {
        let allow = [(header::ALLOW, HeaderValue::from_static(methods))];
        let title = "method is not allowed here";
        (allow, Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", title))
    })
}

async fn livez(State(admin): State<Admin>) -> Json<Value> {
    Json(json!({ "ok": true, "ts": admin.now() }))
}

async fn readyz(State(admin): State<Admin>) -> Response {
    let dependencies = admin.readiness.dependencies();
    let ready = dependencies.iter().all(|dependency| dependency.ok);
    let members = [
        ("ok", json!(ready)),
        ("ts", json!(admin.now())),
        ("service", json!(admin.readiness.service())),
        ("version", json!(env!("CARGO_PKG_VERSION"))),
        ("dependencies", json!(dependencies)),
    ];
    if ready {
        return Json(Value::Object(
            members.map(|(name, value)| (name.to_owned(), value)).into_iter().collect(),
        ))
        .into_response();
    }
    let problem =
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", "service is not ready");
    members
        .into_iter()
        .fold(problem, |problem, (name, value)| problem.with(name, value))
        .into_response()
}

async fn show_metrics(State(admin): State<Admin>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], admin.metrics.encode())
}

async fn take_over(admin: Admin, reload: ReloadHandle) -> Response {
    match reload.ask().await {
        Ok(Reloaded { needs_restart, refused_documents }) => Json(json!({
            "ok": true,
            "ts": admin.now(),
            "needs_restart": needs_restart,
            "refused_documents": refused_documents,
        }))
        .into_response(),
        Err(error) => {
            let title = "the configuration was not taken over";
            let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "not_reloaded", title);
            problem.with_detail(error.to_string()).into_response()
        }
    }
}

async fn terminate(State(admin): State<Admin>) -> Response {
    tracing::info!("stopping, as the admin listener was asked to");
    admin.shutdown.cancel();
    (StatusCode::ACCEPTED, Json(json!({ "ok": true, "ts": admin.now() }))).into_response()
}

impl Admin {
    fn now(&self) -> String {
        self.clock.now().format(&Rfc3339).unwrap_or_default()
    }
}
