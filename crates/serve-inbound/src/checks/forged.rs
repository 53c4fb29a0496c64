//! Requests that look like those of a provider and are signed by nobody.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use url::form_urlencoded::byte_serialize;

use crate::config::{
    EventsAuth, EventsConfig, HashAlgorithm, HmacConfig, Provider, SignatureEncoding, SourceConfig,
    TokenConfig,
};

/// A request whose signature is well formed and wrong.
pub(super) struct Forged {
    /// Query of the URL, with its `?`; empty without one.
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

/// What varies between two forgeries.
#[derive(Clone, Copy)]
pub(super) struct Seal<'a> {
    /// Id of the run, which stands for ids and wrong tokens: nobody has it as a secret.
    pub(super) run: &'a str,
    /// Unix seconds.
    pub(super) now: i64,
}

/// A forged request for a source; `None` for one that checks nothing.
pub(super) fn for_source(source: &SourceConfig, seal: Seal<'_>) -> Option<Forged> {
    let mut forged = Forged::new(seal);
    let zeros = "0".repeat(64);
    match source.provider {
        Provider::Github => {
            forged.header("x-github-event", "ping");
            forged.header("x-github-delivery", seal.run);
            forged.header("x-hub-signature-256", &format!("sha256={zeros}"));
        }
        Provider::Slack => {
            forged.header("x-slack-request-timestamp", &seal.now.to_string());
            forged.header("x-slack-signature", &format!("v0={zeros}"));
        }
        Provider::Stripe => {
            forged.header("stripe-signature", &format!("t={},v1={zeros}", seal.now));
        }
        Provider::Linear => {
            forged.header("linear-delivery", seal.run);
            forged.header("linear-signature", &zeros);
        }
        Provider::StandardWebhooks => {
            forged.header("webhook-id", seal.run);
            forged.header("webhook-timestamp", &seal.now.to_string());
            forged.header("webhook-signature", &format!("v1,{}", STANDARD.encode([0; 32])));
        }
        Provider::Hmac => forged.sign(source.hmac.as_ref()?, seal),
        Provider::Token => forged.token(source.token.as_ref()?, seal),
        Provider::Basic => {
            let credentials = STANDARD.encode(format!("doctor:{}", seal.run));
            forged.header(AUTHORIZATION.as_str(), &format!("Basic {credentials}"));
        }
        Provider::Unsigned => return None,
    }
    Some(forged)
}

/// A forged request for `/events`; `None` if it checks nothing.
pub(super) fn for_events(events: &EventsConfig, seal: Seal<'_>) -> Option<Forged> {
    let mut forged = Forged::new(seal);
    match &events.auth {
        EventsAuth::Bearer(_) => {
            forged.header(AUTHORIZATION.as_str(), &format!("Bearer {}", seal.run));
        }
        EventsAuth::Hmac(hmac) => forged.sign(&hmac.layout, seal),
        EventsAuth::Unsigned => return None,
    }
    Some(forged)
}

impl Forged {
    fn new(seal: Seal<'_>) -> Self {
        let body = format!("{{\"doctor\":\"{}\"}}", seal.run);
        let mut forged = Self { query: String::new(), headers: HeaderMap::new(), body };
        forged.header(CONTENT_TYPE.as_str(), "application/json");
        forged
    }

    fn sign(&mut self, layout: &HmacConfig, seal: Seal<'_>) {
        let length = match layout.algorithm {
            HashAlgorithm::Sha1 => 20,
            HashAlgorithm::Sha256 => 32,
            HashAlgorithm::Sha512 => 64,
        };
        let signature = match layout.encoding {
            SignatureEncoding::Hex => "00".repeat(length),
            SignatureEncoding::Base64 => STANDARD.encode(vec![0; length]),
        };
        let prefix = layout.prefix.as_deref().unwrap_or_default();
        self.header(layout.header.0.as_str(), &format!("{prefix}{signature}"));
        if let Some(name) = &layout.timestamp_header {
            self.header(name.0.as_str(), &seal.now.to_string());
        }
        if let Some(name) = &layout.id_header {
            self.header(name.0.as_str(), seal.run);
        }
    }

    fn token(&mut self, place: &TokenConfig, seal: Seal<'_>) {
        match (&place.header, &place.query_param) {
            (Some(name), _) if name.0 == AUTHORIZATION => {
                self.header(AUTHORIZATION.as_str(), &format!("Bearer {}", seal.run));
            }
            (Some(name), _) => self.header(name.0.as_str(), seal.run),
            (None, Some(parameter)) => {
                let parameter: String = byte_serialize(parameter.as_bytes()).collect();
                self.query = format!("?{parameter}={}", seal.run);
            }
            (None, None) => {}
        }
    }

    /// Names and values are constants or were checked when the configuration was read; a configured prefix that is
    /// not visible ASCII matches no request at all, so leaving its header out is a forgery as well.
    fn header(&mut self, name: &str, value: &str) {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            self.headers.insert(name, value);
        }
    }
}
