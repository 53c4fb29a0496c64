//! Requests of the doctor to a running service.

use std::time::Duration;

use event_bus_runtime::check::reachable;
use http::HeaderMap;
use reqwest::redirect::Policy;
use serde::Deserialize;

use crate::config::Config;

/// How long one answer may take: longer than the longest deadline for publishing.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A client for one service.
pub(super) struct Probe {
    client: reqwest::Client,
    base: String,
}

/// What a service answered.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Body,
}

/// The members of an answer that matter here: of a stored event, or of a problem document.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Body {
    pub(super) seq: u64,
    pub(super) stream: String,
    pub(super) duplicate: bool,
    pub(super) code: String,
}

impl Probe {
    pub(super) fn new(config: &Config) -> Result<Self, reqwest::Error> {
        event_bus_runtime::install_crypto_provider();
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .timeout(ANSWER_WITHIN)
            .build()?;
        Ok(Self { client, base: format!("http://{}", reachable(config.listen)) })
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    pub(super) async fn post(
        &self,
        target: &str,
        headers: HeaderMap,
        body: String,
    ) -> Result<Answer, reqwest::Error> {
        let url = format!("{}{target}", self.base);
        // The URL may hold a forged token, and errors would show it.
        let sent = self.client.post(url).headers(headers).body(body).send().await;
        let response = sent.map_err(reqwest::Error::without_url)?;
        let status = response.status().as_u16();
        let bytes = response.bytes().await.map_err(reqwest::Error::without_url)?;
        Ok(Answer { status, body: serde_json::from_slice(&bytes).unwrap_or_default() })
    }
}
