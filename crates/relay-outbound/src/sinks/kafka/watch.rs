//! What librdkafka says on its own: logs, errors of connections, and that it wants a token.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event_bus_core::Chain;
use rdkafka::ClientContext;
use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio::runtime::Handle;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout};

use crate::sinks::oauth2::{Token, TokenError, Tokens};

/// How long fetching a token may take; librdkafka asks again some seconds after a failure.
const TOKEN_WITHIN: Duration = Duration::from_secs(10);

/// How long a refusal counts: librdkafka repeats the same one every half a minute at most.
const REFUSED_FOR: Duration = Duration::from_secs(60);

/// Listens to the producers of one sink. Cloning shares it.
#[derive(Clone)]
pub(super) struct Watch {
    seen: Arc<Mutex<Seen>>,
    tokens: Option<(Arc<Tokens>, Handle)>,
}

/// What was last seen of the brokers.
#[derive(Debug, Default)]
struct Seen {
    /// What they said when they last refused the credentials, and when.
    refused: Option<(String, Instant)>,
    /// Whether nobody gives out tokens at present, which is no fault of the credentials.
    has_no_token: bool,
    outage: Outage,
}

/// Whether the brokers are, or were, away.
#[derive(Clone, Copy, Debug, Default)]
enum Outage {
    #[default]
    Never,
    Now,
    /// They were found again at this time.
    Until(Instant),
}

impl Outage {
    fn end(&mut self) {
        if matches!(self, Self::Now) {
            *self = Self::Until(Instant::now());
        }
    }
}

impl Watch {
    /// `tokens` are those of OAUTHBEARER. To be called where the runtime is.
    pub(super) fn new(tokens: Option<Arc<Tokens>>) -> Self {
        let tokens = tokens.map(|tokens| (tokens, Handle::current()));
        Self { seen: Arc::default(), tokens }
    }

    /// Why the credentials were refused, if that was lately and nothing was delivered since.
    pub(super) fn refused(&self) -> Option<String> {
        let seen = self.seen();
        let (reason, when) = seen.refused.as_ref()?;
        (when.elapsed() < REFUSED_FOR).then(|| reason.clone())
    }

    /// Whether there is no token to ask the brokers with.
    pub(super) fn has_no_token(&self) -> bool {
        self.seen().has_no_token
    }

    /// A record was confirmed: the brokers are there, and the credentials are right.
    pub(super) fn confirmed(&self) {
        let mut seen = self.seen();
        seen.refused = None;
        seen.outage.end();
    }

    /// The brokers answer. Says whether all of them have been away since `began`.
    pub(super) fn were_away_since(&self, began: Instant) -> bool {
        let mut seen = self.seen();
        seen.outage.end();
        matches!(seen.outage, Outage::Until(end) if end > began)
    }

    fn refuse(&self, reason: String) {
        self.seen().refused = Some((reason, Instant::now()));
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Watch {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(target: "librdkafka", ?level, facility, "{message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "librdkafka", %error, "{reason}");
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed) => {
                // It is also reported so when there is no token to ask with.
                if !self.has_no_token() {
                    self.refuse(reason.to_owned());
                }
            }
            Some(RDKafkaErrorCode::AllBrokersDown) => self.seen().outage = Outage::Now,
            Some(_) | None => {}
        }
    }

    /// Called on a thread of librdkafka, which may wait.
    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        let Some((tokens, runtime)) = &self.tokens else {
            return Err("there is no `oauth2`".into());
        };
        let token = runtime.block_on(async { timeout(TOKEN_WITHIN, tokens.token()).await });
        self.seen().has_no_token = is_away(&token);
        let token = token.map_err(|_| "the token endpoint did not answer")?.map_err(|error| {
            let reason = Chain(&error).to_string();
            if !self.has_no_token() {
                self.refuse(reason.clone());
            }
            reason
        })?;
        Ok(OAuthToken {
            lifetime_ms: i64::try_from(token.expires().unix_timestamp_nanos() / 1_000_000)?,
            principal_name: "event-bus-bridge".to_owned(),
            token: token.expose().to_owned(),
        })
    }
}

/// Whether nobody answered who gives out tokens.
fn is_away(answer: &Result<Result<Token, TokenError>, Elapsed>) -> bool {
    match answer {
        Ok(Ok(_) | Err(TokenError::Refused { .. } | TokenError::NoToken)) => false,
        Err(_) | Ok(Err(TokenError::Unreachable(_) | TokenError::Unavailable(_))) => true,
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Watch").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_brokers_down(watch: &Watch) {
        watch.error(KafkaError::Global(RDKafkaErrorCode::AllBrokersDown), "1/1 brokers are down");
    }

    #[tokio::test(start_paused = true)]
    async fn what_began_before_the_brokers_came_back_is_no_fault_of_its_own() {
        let watch = Watch::new(None);
        let second = Duration::from_secs(1);
        assert!(!watch.were_away_since(Instant::now()));
        let began = Instant::now();
        all_brokers_down(&watch);
        tokio::time::advance(second).await;
        assert!(watch.were_away_since(began));
        // All that waited with it learn the same, and those that began later do not.
        assert!(watch.were_away_since(began));
        assert!(!watch.were_away_since(Instant::now()));
        all_brokers_down(&watch);
        let began = Instant::now();
        tokio::time::advance(second).await;
        watch.confirmed();
        tokio::time::advance(second).await;
        assert!(watch.were_away_since(began));
        assert!(!watch.were_away_since(began + 2 * second));
    }
}
