//! How the relay proves to an HTTP endpoint who it is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use event_bus_core::delivery::DeliveryError;
use event_bus_runtime::SecretRef;
use http::header::AUTHORIZATION;
use http::{HeaderValue, StatusCode};
use reqwest::{Client, Request, Response};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::sinks::oauth2::{self, Token, Tokens};
use crate::sinks::{BuildError, SinkContext};

/// `auth`: one of these.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthConfig {
    /// `Authorization: Bearer …` with this token.
    Bearer(SecretRef),
    /// `Authorization: Basic …`.
    Basic(BasicConfig),
    /// A bearer token from a token endpoint, by client credentials.
    #[serde(rename = "oauth2")]
    OAuth2(oauth2::Config),
}

/// `basic`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BasicConfig {
    /// The user, without a colon.
    pub user: String,
    /// The password.
    pub password: SecretRef,
}

/// What goes into `Authorization`.
#[derive(Debug)]
pub(super) enum Authorization {
    None,
    Fixed(HeaderValue),
    Tokens(Box<Tokens>),
}

impl AuthConfig {
    /// Problems, each with its key below `auth`.
    pub(super) fn validate(&self) -> Vec<(String, String)> {
        match self {
            Self::Basic(basic) if basic.user.contains(':') => {
                let message = "must not hold a colon, which ends the user's name";
                vec![("basic.user".to_owned(), message.to_owned())]
            }
            Self::Bearer(_) | Self::Basic(_) => Vec::new(),
            Self::OAuth2(config) => {
                let problems = config.validate().into_iter();
                problems.map(|(key, message)| (format!("oauth2.{key}"), message)).collect()
            }
        }
    }

    /// The secrets, each with its key below `auth`.
    pub(super) fn secrets(&self) -> Vec<(String, SecretRef)> {
        match self {
            Self::Bearer(token) => vec![("bearer".to_owned(), token.clone())],
            Self::Basic(basic) => vec![("basic.password".to_owned(), basic.password.clone())],
            Self::OAuth2(config) => {
                let secrets = config.secrets().into_iter();
                secrets.map(|(key, secret)| (format!("oauth2.{key}"), secret)).collect()
            }
        }
    }
}

impl Authorization {
    /// Resolves the secrets. Tokens are fetched with the client that all sinks share.
    pub(super) fn build(
        config: Option<&AuthConfig>,
        context: &SinkContext<'_>,
    ) -> Result<Self, BuildError> {
        let resolve = |reference| context.secrets.resolve(reference).map_err(BuildError::Secret);
        Ok(match config {
            None => Self::None,
            Some(AuthConfig::Bearer(token)) => {
                let token = resolve(token)?;
                Self::Fixed(header("Bearer ", token.expose(), "auth.bearer")?)
            }
            Some(AuthConfig::Basic(BasicConfig { user, password })) => {
                let pair = [user.as_bytes(), b":", resolve(password)?.expose()].concat();
                Self::Fixed(header("Basic ", STANDARD.encode(pair).as_bytes(), "auth.basic")?)
            }
            Some(AuthConfig::OAuth2(config)) => {
                Self::Tokens(Box::new(Tokens::build(config, context, context.http.clone())?))
            }
        })
    }

    /// Sends a request with it. A token that is refused is replaced once.
    pub(super) async fn send(
        &self,
        client: &Client,
        mut request: Request,
    ) -> Result<Response, DeliveryError> {
        let tokens = match self {
            Self::None => return execute(client, request).await,
            Self::Fixed(value) => {
                request.headers_mut().insert(AUTHORIZATION, value.clone());
                return execute(client, request).await;
            }
            Self::Tokens(tokens) => tokens,
        };
        let again = request.try_clone();
        let token = tokens.token().await?;
        let response = execute(client, with_token(request, &token)?).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        tokens.forget(&token).await;
        // A body that was streamed is gone; the next attempt has the new token.
        let Some(request) = again else { return Ok(response) };
        let token = tokens.token().await?;
        execute(client, with_token(request, &token)?).await
    }
}

fn with_token(mut request: Request, token: &Token) -> Result<Request, DeliveryError> {
    request.headers_mut().insert(AUTHORIZATION, token.header()?);
    Ok(request)
}

async fn execute(client: &Client, request: Request) -> Result<Response, DeliveryError> {
    // A URL may carry a token in its path, and this error is logged.
    let unreachable =
        |error: reqwest::Error| DeliveryError::Unreachable(error.without_url().into());
    client.execute(request).await.map_err(unreachable)
}

fn header(scheme: &str, value: &[u8], key: &'static str) -> Result<HeaderValue, BuildError> {
    let mut header = HeaderValue::from_bytes(&[scheme.as_bytes(), value].concat())
        .map_err(|error| BuildError::Setting(key, error.into()))?;
    header.set_sensitive(true);
    Ok(header)
}
