//! Settings of OAuth 2.0 client credentials.

use event_bus_runtime::SecretRef;
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use crate::address;

/// `oauth2`: where tokens come from.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The token endpoint.
    #[schemars(with = "String")]
    pub token_url: Url,
    /// The client's identifier.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: SecretRef,
    /// Scopes to ask for, with spaces between them.
    #[serde(default)]
    pub scope: Option<String>,
    /// The parameter `audience`, which some servers want.
    #[serde(default)]
    pub audience: Option<String>,
    /// Where the client's secret stands in the request; `basic` by default.
    #[serde(default)]
    pub client_auth: ClientAuth,
}

/// How the client proves itself (RFC 6749, section 2.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// In the header `Authorization`.
    #[default]
    Basic,
    /// In the body, for servers that know nothing else.
    Body,
}

impl Config {
    /// Problems, each with its key.
    pub fn validate(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        let url = &self.token_url;
        if !(url.scheme() == "https" || url.scheme() == "http" && address::is_loopback(url)) {
            let message = "must start with https://, since the client's secret is sent to it";
            problems.push(("token_url", message.to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            let message = "must not hold a user or a password; use client_id and client_secret";
            problems.push(("token_url", message.to_owned()));
        }
        if self.client_id.is_empty() {
            problems.push(("client_id", "must not be empty".to_owned()));
        }
        problems
    }

    /// The secrets, each with its key.
    pub fn secrets(&self) -> Vec<(&'static str, SecretRef)> {
        vec![("client_secret", self.client_secret.clone())]
    }
}
