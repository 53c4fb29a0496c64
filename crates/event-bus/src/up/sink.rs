//! The built-in sink: an HTTP endpoint that prints the events it receives, one line each, on stdout.
//!
//! It answers 204. For trying out failures, `/status/<code>` answers that code instead. It is made for this machine: it
//! checks no signature and keeps nothing.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use clap::Args;
use event_bus_core::event::Event;
use event_bus_core::event::http::{self as binding, Decoded};
use event_bus_runtime::shutdown;
use http::{HeaderMap, StatusCode, Uri};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::cli::Context;
use crate::failure::Outcome;
use crate::output::{Output, note, printable};
use crate::service::bind;

/// Larger than any event.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// How long requests under way may take once it is to stop.
const GRACE: Duration = Duration::from_secs(5);

/// One received event as JSON.
#[derive(Debug, Serialize)]
struct Received<'a> {
    path: &'a str,
    status: u16,
    /// The number of the attempt is not known here; the id is the same for all of them.
    webhook_id: Option<&'a str>,
    event: &'a RawValue,
}

/// Arguments of `event-bus sink`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9000")]
    listen: SocketAddr,
}

/// `event-bus sink`: nothing but the sink, until the process is asked to stop.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Outcome {
    let listener = bind(arguments.listen, "the sink").await?;
    note(format!("sink: listens on http://{}", listener.local_addr()?));
    Ok(serve(listener, context.output, shutdown::signals()).await?)
}

/// Serves until `shutdown`.
pub(super) async fn serve(
    listener: TcpListener,
    output: Output,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let router =
        Router::new().fallback(receive).layer(DefaultBodyLimit::max(MAX_BODY)).with_state(output);
    let stopping = shutdown.clone();
    let serving = axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned());
    let serving = serving.into_future();
    // A request that never ends must not keep the process.
    let patience = async {
        stopping.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        served = serving => served,
        () = patience => Ok(()),
    }
}

async fn receive(
    State(output): State<Output>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let status = wanted_status(uri.path());
    let events = binding::decode(&headers, body).map(|decoded| match decoded {
        Decoded::Single(event) => vec![*event],
        Decoded::Batch(events) => events,
    });
    match events {
        Ok(events) => {
            for event in events {
                print(output, uri.path(), status, &headers, &event);
            }
            status
        }
        Err(error) => {
            note(format!("sink: what came to {} is no CloudEvent: {error}", printable(uri.path())));
            StatusCode::BAD_REQUEST
        }
    }
}

fn print(output: Output, path: &str, status: StatusCode, headers: &HeaderMap, event: &Event) {
    let structured = event.to_structured();
    let (kind, source, id) = (event.kind(), event.ce_source(), event.id());
    let status = status.as_u16();
    let printed = match std::str::from_utf8(&structured).ok().map(serde_json::from_str) {
        Some(Ok(event)) if output.is_json() => {
            let webhook_id = headers.get("webhook-id").and_then(|value| value.to_str().ok());
            output.json(&Received { path, status, webhook_id, event })
        }
        Some(Ok(_) | Err(_)) | None => {
            output.line(printable(&format!("{path} {status} {kind} {source} {id}")))
        }
    };
    // Whoever reads no events any more does not end the services.
    printed.ok();
}

/// `/status/<code>` asks for that code.
fn wanted_status(path: &str) -> StatusCode {
    let asked = path.strip_prefix("/status/").and_then(|code| code.parse().ok());
    asked.and_then(|code| StatusCode::from_u16(code).ok()).unwrap_or(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_can_ask_for_a_status() {
        for (path, status) in
            [("/", 204), ("/status/503", 503), ("/status/9999", 204), ("/status/", 204)]
        {
            assert_eq!(wanted_status(path).as_u16(), status, "{path}");
        }
    }
}
