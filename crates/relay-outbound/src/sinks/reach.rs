//! Whether a destination can be reached: its name, a connection, TLS. Not a byte of HTTP is sent to it.

use std::error::Error;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use event_bus_core::delivery::BoxError;
use reqwest::ClientBuilder;
use rustls::CertificateError;
use tower::{Layer, Service};
use url::Url;

use super::CheckError;

/// Connects as a delivery does, with a client made by this builder, and closes the connection again.
pub(super) async fn reach(
    builder: ClientBuilder,
    url: &Url,
    within: Duration,
) -> Result<String, CheckError> {
    let place = place(url);
    let client = builder.timeout(within).connector_layer(Connect).build();
    let client =
        client.map_err(|error| CheckError::new("the HTTP client cannot be set up", error))?;
    let Err(error) = client.get(url.clone()).send().await else {
        return Err(CheckError::bare(format!("{place} was not tried")));
    };
    if chain(&error).any(|cause| cause.is::<Connected>()) {
        return Ok(format!("{place} accepts connections; nothing was sent"));
    }
    let what = format!("{place}: {}", problem(&error));
    Err(CheckError::new(what, error.without_url()))
}

/// Takes the connection that was made and ends the request there.
#[derive(Clone)]
struct Connect;

#[derive(Clone)]
struct ConnectOnly<S>(S);

#[derive(Debug)]
struct Connected;

impl<S> Layer<S> for Connect {
    type Service = ConnectOnly<S>;

    fn layer(&self, inner: S) -> ConnectOnly<S> {
        ConnectOnly(inner)
    }
}

impl<S, Target> Service<Target> for ConnectOnly<S>
where
    S: Service<Target, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, target: Target) -> Self::Future {
        let connecting = self.0.call(target);
        Box::pin(async move {
            drop(connecting.await?);
            Err(Connected.into())
        })
    }
}

impl fmt::Display for Connected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("connected, which was all that was wanted")
    }
}

impl Error for Connected {}

/// Host and port: a path may be a secret.
fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    format!("{host}:{port}")
}

fn problem(error: &reqwest::Error) -> &'static str {
    for cause in chain(error) {
        if let Some(problem) = tls_problem(cause) {
            return problem;
        }
        let io = innermost(cause).downcast_ref::<io::Error>().map(io::Error::kind);
        if io == Some(io::ErrorKind::ConnectionRefused) {
            return "the connection is refused";
        }
        if cause.to_string() == "dns error" {
            return "the name is not found";
        }
    }
    if error.is_timeout() { "no connection in time" } else { "no connection" }
}

fn tls_problem(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    let error = innermost(cause).downcast_ref::<rustls::Error>()?;
    let rustls::Error::InvalidCertificate(reason) = error else { return Some("TLS fails") };
    Some(match reason {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "its certificate is not trusted"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another name"
        }
        _ => "its certificate is not accepted",
    })
}

/// An I/O error hides what it was made of from `source`.
fn innermost<'a>(mut error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    while let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        error = inner;
    }
    error
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |cause| (*cause).source())
}
