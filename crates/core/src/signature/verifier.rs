//! The front door: one scheme with its secrets, built once, used for every request of a source.

use std::fmt;
use std::time::Duration;

use time::OffsetDateTime;

use super::basic::Basic;
use super::github::Github;
use super::hmac::GenericHmac;
use super::linear::Linear;
use super::secret::require;
use super::slack::Slack;
use super::standard_webhooks::StandardWebhooks;
use super::stripe::Stripe;
use super::token::Token;
use super::unsigned::Unsigned;
use super::{
    Description, Outcome, RawRequest, Rejection, Scheme, SecretProblem, SigningSecret, Verified,
};

/// What a provider can do. Both functions are pure: they see bytes and a time, nothing else.
pub(super) trait Provider: Send + Sync {
    /// Checks signature, freshness and identity of one request.
    fn verify(&self, request: &RawRequest<'_>, now: OffsetDateTime) -> Result<Outcome, Rejection>;

    /// Turns a verified request into the attributes of an event; `source` is the name of the configured source.
    fn describe(&self, verified: &Verified, source: &str) -> Result<Description, Rejection>;
}

/// Verifies the requests of one source.
pub struct Verifier {
    scheme: Scheme,
    provider: Box<dyn Provider>,
}

impl Verifier {
    /// Prepares a scheme and its secrets, any of which may match.
    ///
    /// `tolerance` replaces the scheme's own for signed timestamps; `Duration::MAX` switches the check off.
    /// Refuses a scheme without secrets, blank secrets and secrets that the scheme cannot use: it fails closed.
    pub fn new(
        scheme: Scheme,
        secrets: Vec<SigningSecret>,
        tolerance: Option<Duration>,
    ) -> Result<Self, SecretProblem> {
        match &scheme {
            Scheme::Unsigned if secrets.is_empty() => {}
            Scheme::Unsigned => return Err(SecretProblem::Unused),
            Scheme::Github
            | Scheme::Slack
            | Scheme::Stripe
            | Scheme::Linear
            | Scheme::StandardWebhooks
            | Scheme::Hmac(_)
            | Scheme::Token(_)
            | Scheme::Basic => require(&secrets)?,
        }
        let tolerance = tolerance.or(scheme.default_tolerance()).unwrap_or(Duration::MAX);
        let provider: Box<dyn Provider> = match &scheme {
            Scheme::Github => Box::new(Github::new(&secrets)),
            Scheme::Slack => Box::new(Slack::new(&secrets, tolerance)),
            Scheme::Stripe => Box::new(Stripe::new(&secrets, tolerance)),
            Scheme::Linear => Box::new(Linear::new(&secrets, tolerance)),
            Scheme::StandardWebhooks => Box::new(StandardWebhooks::new(&secrets, tolerance)?),
            Scheme::Hmac(settings) => {
                Box::new(GenericHmac::new(settings.clone(), &secrets, tolerance)?)
            }
            Scheme::Token(settings) => Box::new(Token::new(settings.clone(), &secrets)?),
            Scheme::Basic => Box::new(Basic::new(&secrets)?),
            Scheme::Unsigned => Box::new(Unsigned),
        };
        Ok(Self { scheme, provider })
    }

    /// The scheme that was configured.
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// Checks one request at a given time. No part of the body is parsed before its MAC has passed.
    pub fn verify(
        &self,
        request: &RawRequest<'_>,
        now: OffsetDateTime,
    ) -> Result<Outcome, Rejection> {
        self.provider.verify(request, now)
    }

    /// Says which event a request is that this verifier has verified; `source` is the source's configured name.
    pub fn describe(&self, verified: &Verified, source: &str) -> Result<Description, Rejection> {
        self.provider.describe(verified, source)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Verifier").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}
