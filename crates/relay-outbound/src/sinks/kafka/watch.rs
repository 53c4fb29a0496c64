//! What librdkafka says on its own: logs, errors of connections, and that it wants a token.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use event_bus_core::Chain;
use rdkafka::ClientContext;
use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::sinks::oauth2::Tokens;

/// How long fetching a token may take; librdkafka asks again some seconds after a failure.
const TOKEN_WITHIN: Duration = Duration::from_secs(10);

/// Listens to the producers of one sink. Cloning shares it.
#[derive(Clone)]
pub(super) struct Watch {
    /// What the brokers said when they last refused the credentials.
    refused: Arc<Mutex<Option<String>>>,
    tokens: Option<(Arc<Tokens>, Handle)>,
}

impl Watch {
    /// `tokens` are those of OAUTHBEARER. To be called where the runtime is.
    pub(super) fn new(tokens: Option<Arc<Tokens>>) -> Self {
        let tokens = tokens.map(|tokens| (tokens, Handle::current()));
        Self { refused: Arc::default(), tokens }
    }

    /// Why the credentials were refused, if nothing was delivered since.
    pub(super) fn refused(&self) -> Option<String> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A record was confirmed, so the credentials are right.
    pub(super) fn confirmed(&self) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn refuse(&self, reason: String) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
    }
}

impl ClientContext for Watch {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(target: "librdkafka", ?level, facility, "{message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "librdkafka", %error, "{reason}");
        let code = error.rdkafka_error_code();
        if matches!(
            code,
            Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed)
        ) {
            self.refuse(reason.to_owned());
        }
    }

    /// Called on a thread of librdkafka, which may wait.
    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        let Some((tokens, runtime)) = &self.tokens else {
            return Err("there is no `oauth2`".into());
        };
        let token = runtime.block_on(async { timeout(TOKEN_WITHIN, tokens.token()).await });
        let token = token.map_err(|_| "the token endpoint did not answer")?.map_err(|error| {
            let reason = Chain(&error).to_string();
            self.refuse(reason.clone());
            reason
        })?;
        Ok(OAuthToken {
            lifetime_ms: i64::try_from(token.expires().unix_timestamp_nanos() / 1_000_000)?,
            principal_name: "event-bus-bridge".to_owned(),
            token: token.expose().to_owned(),
        })
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Watch").finish_non_exhaustive()
    }
}
