//! The HTTP client of commands that talk to an inbound.

use std::time::Duration;

use serde_json::Value;
use url::Url;

use crate::failure::Failure;

/// How long an answer may take; longer than any publish deadline.
const TIMEOUT: Duration = Duration::from_secs(20);

/// An answer is short.
const MAX_ANSWER: usize = 64 * 1024;

/// A client that follows nothing and waits for nothing longer than an inbound takes.
pub(super) fn new() -> Result<reqwest::Client, Failure> {
    let client = reqwest::Client::builder()
        .user_agent(concat!("event-bus/", env!("CARGO_PKG_VERSION")))
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()?;
    Ok(client)
}

/// The status and the answer, as text where it is no JSON.
pub(super) async fn read(mut response: reqwest::Response) -> Result<(u16, Value), Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(reqwest::Error::without_url)? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER {
            break;
        }
    }
    let text = || Value::String(String::from_utf8_lossy(&body).into_owned());
    let answer = serde_json::from_slice(&body).unwrap_or_else(|_| text());
    Ok((response.status().as_u16(), answer))
}

/// Why there is no answer. The query of the URL may hold a token.
pub(super) fn unreachable(url: &Url, error: reqwest::Error) -> Failure {
    let at = &url[..url::Position::AfterPath];
    let reason = event_bus_core::Chain(&error.without_url()).to_string();
    Failure::failed(format!("{at} does not answer: {reason}; does serve-inbound run there?"))
}

/// Reads the URL of an inbound.
pub(super) fn parse_target(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err("write http:// or https:// before the host".to_owned()),
    }
}
