//! The sending itself.

use serde_json::Value;
use url::Url;

use super::client;
use super::request::Signed;
use crate::failure::Failure;

/// Sends once, and gives the status and the answer.
pub(super) async fn send(
    client: &reqwest::Client,
    url: &Url,
    signed: &Signed,
) -> Result<(u16, Value), Failure> {
    let request =
        client.post(url.clone()).headers(signed.headers.clone()).body(signed.body.clone());
    let response = request.send().await.map_err(|error| client::unreachable(url, error))?;
    client::read(response).await
}
