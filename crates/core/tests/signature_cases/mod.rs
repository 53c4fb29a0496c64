//! Makes verifiers and requests of the vectors' words.

use std::time::Duration;

use bytes::Bytes;
use event_bus_core::signature::{
    Algorithm, Encoding, HmacScheme, RawRequest, Scheme, SecretEncoding, SecretProblem,
    SigningSecret, Template, TokenScheme, Verifier,
};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;
use testkit::vectors::{RequestSpec, SecretSpec};

/// The verifier of a case, as the configuration file would make it.
pub(crate) fn verifier(
    provider: &str,
    config: &Value,
    secrets: &[SecretSpec],
) -> Result<Verifier, SecretProblem> {
    let scheme = match provider {
        "github" => Scheme::Github,
        "slack" => Scheme::Slack,
        "stripe" => Scheme::Stripe,
        "linear" => Scheme::Linear,
        "standard_webhooks" => Scheme::StandardWebhooks,
        _ => generic(config),
    };
    let secrets = secrets.iter().map(|secret| SigningSecret::new(as_configured(secret))).collect();
    Verifier::new(scheme, secrets, tolerance(config))
}

/// A request that owns its parts.
pub(crate) struct CaseRequest {
    method: Method,
    headers: HeaderMap,
    url: Option<String>,
    body: Bytes,
}

impl CaseRequest {
    /// `None` if the headers are not valid HTTP.
    pub(crate) fn new(spec: &RequestSpec) -> Option<Self> {
        let mut headers = HeaderMap::new();
        for (name, value) in &spec.headers {
            // Blanks around a value do not belong to it (RFC 9110 section 5.5); the server strips them.
            let value = HeaderValue::from_bytes(value.trim_matches([' ', '\t']).as_bytes()).ok()?;
            headers.append(HeaderName::from_bytes(name.as_bytes()).ok()?, value);
        }
        let method = spec.method.parse().ok()?;
        Some(Self { method, headers, url: spec.url.clone(), body: spec.body.clone() })
    }

    pub(crate) fn raw(&self) -> RawRequest<'_> {
        let url = self.url.as_deref();
        let query = url.and_then(|url| url.split_once('?')).map(|(_, query)| query);
        RawRequest { method: &self.method, headers: &self.headers, query, url, body: &self.body }
    }
}

fn generic(config: &Value) -> Scheme {
    let text = |name: &str| config.get(name).and_then(Value::as_str);
    let header =
        |name: &str| text(name).map(|value| value.parse().expect("the case names a header"));
    let query_param = text("query_param").map(str::to_owned);
    match text("type") {
        Some("bearer") => Scheme::Token(TokenScheme { header: Some(AUTHORIZATION), query_param }),
        Some("token") => Scheme::Token(TokenScheme { header: header("header"), query_param }),
        Some("basic") => Scheme::Basic,
        Some("hmac") => {
            let mut scheme =
                HmacScheme::new(header("header").expect("the case names the signature header"));
            scheme.algorithm = match text("algorithm") {
                Some("sha1") => Algorithm::Sha1,
                Some("sha512") => Algorithm::Sha512,
                Some("sha256") | None => Algorithm::Sha256,
                Some(other) => panic!("unknown algorithm {other}"),
            };
            scheme.encoding = match text("encoding") {
                Some("base64") => Encoding::Base64,
                Some("hex") | None => Encoding::Hex,
                Some(other) => panic!("unknown encoding {other}"),
            };
            scheme.secret_encoding = match text("secret_encoding") {
                Some("base64") => SecretEncoding::Base64,
                Some("hex") => SecretEncoding::Hex,
                Some("utf8") | None => SecretEncoding::Utf8,
                Some(other) => panic!("unknown encoding {other} of a secret"),
            };
            scheme.prefix = text("prefix").map(str::to_owned);
            scheme.signed = Template::parse(text("signed").unwrap_or("{body}"))
                .expect("the case's template is sound");
            scheme.timestamp_header = header("timestamp_header");
            scheme.id_header = header("id_header");
            Scheme::Hmac(scheme)
        }
        other => panic!("unknown scheme {other:?}"),
    }
}

/// The secret as an operator writes it down: the scheme decodes it, not the test.
fn as_configured(secret: &SecretSpec) -> Vec<u8> {
    match secret.encoding.as_str() {
        "utf8" | "base64" | "hex" => secret.value.clone().into_bytes(),
        "basic" => secret.bytes(),
        other => panic!("unknown encoding {other} of a secret"),
    }
}

/// Seconds; zero and an explicit `null` switch the check off, as in the libraries that the cases come from.
fn tolerance(config: &Value) -> Option<Duration> {
    match config.get("tolerance")? {
        Value::Null => Some(Duration::MAX),
        value => match value.as_u64().expect("the tolerance is a number of seconds") {
            0 => Some(Duration::MAX),
            seconds => Some(Duration::from_secs(seconds)),
        },
    }
}
