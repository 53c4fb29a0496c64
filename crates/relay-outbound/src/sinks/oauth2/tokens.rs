//! Fetches tokens and keeps the present one.

use std::fmt;
use std::time::Duration;

use event_bus_core::delivery::DeliveryError;
use event_bus_runtime::{Clock, Secret};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use time::OffsetDateTime;
use tokio::sync::Mutex;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::{ClientAuth, Config};
use crate::sinks::{BuildError, SinkContext, answer};

/// Time for one fetch; what waits for the token may have less.
const FETCH_WITHIN: Duration = Duration::from_secs(10);

/// Longest answer of a token endpoint that is read.
const MAX_ANSWER: usize = 64 * 1024;

/// A token is renewed so long before it expires, or at three quarters of its life if that is later.
const RENEW_BEFORE: Duration = Duration::from_secs(60);

/// How long a token is kept whose endpoint does not say when it expires.
const UNKNOWN_LIFE: Duration = Duration::from_secs(300);

/// Longest life that is believed.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);

/// A bearer token.
#[derive(Clone)]
pub struct Token {
    value: String,
    expires: OffsetDateTime,
    renew: OffsetDateTime,
}

/// Fetches tokens and keeps the present one.
#[derive(Debug)]
pub struct Tokens {
    config: Config,
    secret: Secret,
    http: reqwest::Client,
    clock: Clock,
    present: Mutex<Option<Token>>,
}

/// No token can be had.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The token endpoint does not answer, or cannot do so now.
    #[error("the token endpoint is unreachable")]
    Unreachable(#[source] reqwest::Error),
    /// It is busy or failing.
    #[error("the token endpoint cannot answer now: status {0}")]
    Unavailable(u16),
    /// It refuses the client.
    #[error("the token endpoint refuses the client: status {status}{}", reason(code))]
    Refused {
        /// Its HTTP status.
        status: u16,
        /// The error code of RFC 6749, section 5.2, if it gave one.
        code: Option<String>,
    },
    /// Its answer holds no bearer token.
    #[error("the answer of the token endpoint holds no bearer token")]
    NoToken,
}

/// RFC 6749, section 5.1.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    token_type: String,
    /// A number by the standard; some servers write it as a text.
    expires_in: Option<serde_json::Value>,
}

/// RFC 6749, section 5.2. The description is left out: nobody knows what a server repeats in it.
#[derive(Deserialize)]
struct Denied {
    error: String,
}

impl Token {
    /// The token itself.
    pub fn expose(&self) -> &str {
        &self.value
    }

    /// The value of `Authorization` that carries it.
    pub fn header(&self) -> Result<HeaderValue, TokenError> {
        let header = HeaderValue::try_from(format!("Bearer {}", self.value));
        let mut header = header.map_err(|_| TokenError::NoToken)?;
        header.set_sensitive(true);
        Ok(header)
    }

    /// When it ceases to be valid.
    pub fn expires(&self) -> OffsetDateTime {
        self.expires
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Token").field("expires", &self.expires).finish_non_exhaustive()
    }
}

impl Tokens {
    /// Resolves the client's secret; opens no connection. `http` is the client to fetch with.
    pub fn build(
        config: &Config,
        context: &SinkContext<'_>,
        http: reqwest::Client,
    ) -> Result<Self, BuildError> {
        context.guard.check_literal(&config.token_url).map_err(BuildError::Denied)?;
        let secret = context.secrets.resolve(&config.client_secret).map_err(BuildError::Secret)?;
        secret.expose_str().map_err(BuildError::Secret)?;
        Ok(Self::new(config.clone(), secret, http, context.clock.clone()))
    }

    pub(super) fn new(config: Config, secret: Secret, http: reqwest::Client, clock: Clock) -> Self {
        Self { config, secret, http, clock, present: Mutex::default() }
    }

    /// The present token, fetched if there is none that lasts. Whoever has less time than a fetch may take sets its own
    /// deadline.
    pub async fn token(&self) -> Result<Token, TokenError> {
        let mut present = self.present.lock().await;
        match &*present {
            Some(token) if self.clock.now() < token.renew => Ok(token.clone()),
            _ => Ok(present.insert(self.fetch().await?).clone()),
        }
    }

    /// Drops a token that the destination has refused, unless it has been replaced already.
    pub async fn forget(&self, refused: &Token) {
        let mut present = self.present.lock().await;
        if present.as_ref().is_some_and(|token| token.value == refused.value) {
            *present = None;
        }
    }

    async fn fetch(&self) -> Result<Token, TokenError> {
        let asked = self.clock.now();
        let response = self.http.execute(self.request()?).await.map_err(unreachable)?;
        let status = response.status();
        let body = answer::beginning(response, MAX_ANSWER).await.map_err(unreachable)?;
        if status.is_success() {
            return granted(&body, asked).ok_or(TokenError::NoToken);
        }
        let busy = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
        if status.is_server_error() || busy.contains(&status) {
            return Err(TokenError::Unavailable(status.as_u16()));
        }
        Err(TokenError::Refused { status: status.as_u16(), code: error_code(&body) })
    }

    fn request(&self) -> Result<reqwest::Request, TokenError> {
        let Config { token_url, client_id, scope, audience, client_auth, .. } = &self.config;
        // It was text when this was built.
        let secret = self.secret.expose_str().unwrap_or_default();
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        let optional = [("scope", scope), ("audience", audience)];
        form.extend_pairs(
            optional
                .into_iter()
                .filter_map(|(name, value)| value.as_ref().map(|value| (name, value))),
        );
        let request = self.http.post(token_url.clone()).timeout(FETCH_WITHIN);
        let request = match client_auth {
            // Both parts are encoded as in a form before they are joined (RFC 6749, section 2.3.1).
            ClientAuth::Basic => request.basic_auth(encoded(client_id), Some(encoded(secret))),
            ClientAuth::Body => {
                form.append_pair("client_id", client_id).append_pair("client_secret", secret);
                request
            }
        };
        request
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.finish())
            .build()
            .map_err(unreachable)
    }
}

impl From<TokenError> for DeliveryError {
    fn from(error: TokenError) -> Self {
        match error {
            // Nothing of this says anything about the event, or about the destination.
            TokenError::Unreachable(_) | TokenError::Unavailable(_) => {
                Self::Unreachable(error.into())
            }
            TokenError::Refused { .. } | TokenError::NoToken => {
                Self::Unauthorized { status: None, cause: Some(error.into()) }
            }
        }
    }
}

fn unreachable(error: reqwest::Error) -> TokenError {
    TokenError::Unreachable(error.without_url())
}

fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

fn granted(body: &[u8], asked: OffsetDateTime) -> Option<Token> {
    let granted: Granted = serde_json::from_slice(body).ok()?;
    let token = granted.access_token;
    let fits_header = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    if !granted.token_type.eq_ignore_ascii_case("bearer") || !fits_header {
        return None;
    }
    let seconds = granted.expires_in.and_then(|value| match value {
        serde_json::Value::String(text) => text.trim().parse().ok(),
        other => other.as_f64(),
    });
    let life = match seconds {
        Some(seconds) if f64::is_nan(seconds) => UNKNOWN_LIFE,
        Some(seconds) => Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(LONGEST_LIFE),
        None => UNKNOWN_LIFE,
    };
    let life = life.min(LONGEST_LIFE);
    let kept = life - RENEW_BEFORE.min(life / 4);
    Some(Token { value: token, expires: asked + life, renew: asked + kept })
}

/// The code alone, if it looks like one.
fn error_code(body: &[u8]) -> Option<String> {
    let Denied { error } = serde_json::from_slice(body).ok()?;
    let is_code = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    (error.len() <= 40 && error.bytes().all(is_code)).then_some(error)
}

fn reason(code: &Option<String>) -> String {
    code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default()
}
