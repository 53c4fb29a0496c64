//! The closed list of signature schemes, and what each provider expects of an endpoint.
//!
//! The numbers follow the providers' documentation as of November 2026.

use std::time::Duration;

use super::{HmacScheme, TokenScheme};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How the requests of a source prove where they come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// GitHub: `X-Hub-Signature-256` over the body. Id and event name are headers that nothing signs.
    Github,
    /// Slack: `X-Slack-Signature` over `v0:timestamp:body`, 300 s either way.
    ///
    /// An `ssl_check=1` form is answered 200 even without a signature, as Slack's own framework does: Slack sends it
    /// before the signing secret is in use. It is recognised byte by byte and never published.
    Slack,
    /// Stripe: `Stripe-Signature` over `timestamp.body`, 300 s either way.
    Stripe,
    /// Linear: `Linear-Signature` over the body, whose `webhookTimestamp` must be within 60 s.
    Linear,
    /// Standard Webhooks and Svix: `v1` (HMAC) and `v1a` (Ed25519) over `id.timestamp.body`, 300 s either way.
    StandardWebhooks,
    /// An HMAC in a header, laid out by configuration.
    Hmac(HmacScheme),
    /// A shared token in a header or in the URL. It proves who sent, not what was sent.
    Token(TokenScheme),
    /// HTTP Basic (RFC 7617); the secret is `user:password`.
    Basic,
    /// Nothing is checked. It must be chosen by name, never by leaving something out.
    Unsigned,
}

impl Scheme {
    /// The vendor segment of event types, `com.<vendor>.`; `None` for generic schemes, which use the source's name.
    pub fn vendor(&self) -> Option<&'static str> {
        match self {
            Self::Github => Some("github"),
            Self::Slack => Some("slack"),
            Self::Stripe => Some("stripe"),
            Self::Linear => Some("linear"),
            Self::StandardWebhooks => Some("standardwebhooks"),
            Self::Hmac(_) | Self::Token(_) | Self::Basic | Self::Unsigned => None,
        }
    }

    /// The provider's name in the configuration file and in metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Slack => "slack",
            Self::Stripe => "stripe",
            Self::Linear => "linear",
            Self::StandardWebhooks => "standard-webhooks",
            Self::Hmac(_) => "hmac",
            Self::Token(_) => "token",
            Self::Basic => "basic",
            Self::Unsigned => "unsigned",
        }
    }

    /// The status that tells the sender its event is durable. Linear counts only 200 as success, Slack documents 200.
    pub fn success_status(&self) -> u16 {
        match self {
            Self::Slack | Self::Linear => 200,
            Self::Github
            | Self::Stripe
            | Self::StandardWebhooks
            | Self::Hmac(_)
            | Self::Token(_)
            | Self::Basic
            | Self::Unsigned => 202,
        }
    }

    /// How long publishing may take before the sender is told to come back: Slack hangs up after 3 s, Linear after
    /// 5 s, GitHub after 10 s.
    pub fn publish_deadline(&self) -> Duration {
        match self {
            Self::Slack => Duration::from_millis(2500),
            Self::Linear => Duration::from_secs(4),
            Self::Github
            | Self::Stripe
            | Self::StandardWebhooks
            | Self::Hmac(_)
            | Self::Token(_)
            | Self::Basic
            | Self::Unsigned => Duration::from_secs(8),
        }
    }

    /// How long after its first arrival the same event may arrive again; `None` where the sender is unknown.
    ///
    /// Slack's three retries end after 6 min; Stripe retries for 3 days; GitHub lets an operator redeliver for 3 days;
    /// the recommended Standard Webhooks schedule ends after 75 h; Linear's retries come after 1 min, 1 h and 6 h.
    pub fn repeats_for(&self) -> Option<Duration> {
        match self {
            Self::Slack => Some(Duration::from_secs(10 * MINUTE)),
            Self::Stripe | Self::Github => Some(Duration::from_secs(3 * DAY)),
            Self::StandardWebhooks => Some(Duration::from_secs(76 * HOUR)),
            Self::Linear => Some(Duration::from_secs(8 * HOUR)),
            Self::Hmac(_) | Self::Token(_) | Self::Basic | Self::Unsigned => None,
        }
    }

    /// Whether its senders repeat a request by themselves within a minute or so. GitHub never does, Linear waits for a
    /// minute first; of the general schemes nothing is known.
    pub fn repeats_soon(&self) -> bool {
        match self {
            Self::Github | Self::Linear => false,
            Self::Slack
            | Self::Stripe
            | Self::StandardWebhooks
            | Self::Hmac(_)
            | Self::Token(_)
            | Self::Basic
            | Self::Unsigned => true,
        }
    }

    /// The tolerance for timestamps when the source sets none; `None` where nothing carries a time.
    pub fn default_tolerance(&self) -> Option<Duration> {
        match self {
            Self::Slack | Self::Stripe | Self::StandardWebhooks => Some(Duration::from_secs(300)),
            Self::Linear => Some(Duration::from_secs(60)),
            Self::Hmac(scheme) => {
                scheme.timestamp_header.as_ref().map(|_| Duration::from_secs(300))
            }
            Self::Github | Self::Token(_) | Self::Basic | Self::Unsigned => None,
        }
    }

    /// The value of `WWW-Authenticate` that a 401 of this scheme must carry (RFC 9110 section 11.6.1).
    pub fn challenge(&self) -> Option<&'static str> {
        match self {
            Self::Basic => Some("Basic realm=\"event-bus\", charset=\"UTF-8\""),
            Self::Token(scheme) if scheme.is_bearer() => Some("Bearer realm=\"event-bus\""),
            Self::Token(_)
            | Self::Github
            | Self::Slack
            | Self::Stripe
            | Self::Linear
            | Self::StandardWebhooks
            | Self::Hmac(_)
            | Self::Unsigned => None,
        }
    }
}
