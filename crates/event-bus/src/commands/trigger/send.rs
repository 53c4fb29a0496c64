//! The sending itself.

use std::time::Duration;

use serde_json::Value;
use url::Url;

use super::request::Signed;
use crate::failure::Failure;

/// How long an answer may take; longer than any publish deadline.
const TIMEOUT: Duration = Duration::from_secs(20);

/// An answer is short.
const MAX_ANSWER: usize = 64 * 1024;

/// A client that follows nothing and waits for nothing longer than an inbound takes.
pub(super) fn client() -> Result<reqwest::Client, Failure> {
    let client = reqwest::Client::builder()
        .user_agent(concat!("event-bus/", env!("CARGO_PKG_VERSION")))
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()?;
    Ok(client)
}

/// Sends once, and gives the status and the answer.
pub(super) async fn send(
    client: &reqwest::Client,
    url: &Url,
    signed: &Signed,
) -> Result<(u16, Value), Failure> {
    let request =
        client.post(url.clone()).headers(signed.headers.clone()).body(signed.body.clone());
    let mut response = request.send().await.map_err(|error| {
        // The query may hold a token.
        let at = &url[..url::Position::AfterPath];
        let reason = event_bus_core::Chain(&error.without_url()).to_string();
        Failure::failed(format!("{at} does not answer: {reason}; does serve-inbound run there?"))
    })?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER {
            break;
        }
    }
    let text = || Value::String(String::from_utf8_lossy(&body).into_owned());
    let answer = serde_json::from_slice(&body).unwrap_or_else(|_| text());
    Ok((response.status().as_u16(), answer))
}
