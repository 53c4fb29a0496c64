//! The tables of the generic providers, and the scheme that a source's settings describe.

use std::borrow::Cow;
use std::time::Duration;

use event_bus_core::signature::{
    Algorithm, Encoding, HmacScheme, Scheme, SecretEncoding, Template, TemplateProblem, TokenScheme,
};
use event_bus_runtime::config::duration;
use http::HeaderName;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use super::{Provider, SourceConfig};

/// `hmac = { … }`: layout of a generic HMAC.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HmacConfig {
    /// Header that carries the signature.
    pub header: Header,
    /// Hash function; `sha256` by default.
    #[serde(default)]
    pub algorithm: HashAlgorithm,
    /// How the signature is written; `hex` by default.
    #[serde(default)]
    pub encoding: SignatureEncoding,
    /// What stands before the signature, such as `sha256=`.
    #[serde(default)]
    pub prefix: Option<String>,
    /// What is signed: text with `{body}`, `{timestamp}`, `{id}`, `{header:Name}` and `{url}`; the body by default.
    #[serde(default)]
    pub signed: Option<String>,
    /// Header with the time in Unix seconds; it must be signed.
    #[serde(default)]
    pub timestamp_header: Option<Header>,
    /// How far that time may be off; 5 minutes by default.
    #[serde(default, with = "duration::option")]
    #[schemars(with = "Option<duration::Text>")]
    pub tolerance: Option<Duration>,
    /// Header with the delivery id. Without it equal signed content is one event.
    #[serde(default)]
    pub id_header: Option<Header>,
    /// How the secrets are written down; `utf8` by default.
    #[serde(default)]
    pub secret_encoding: KeyEncoding,
}

/// `token = { … }`: place of a shared token.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenConfig {
    /// Header with the token; with `Authorization` its value is a bearer token.
    #[serde(default)]
    pub header: Option<Header>,
    /// Query parameter with the token.
    #[serde(default)]
    pub query_param: Option<String>,
}

/// Hash function of an HMAC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HashAlgorithm {
    /// For old senders alone.
    Sha1,
    /// The usual one.
    #[default]
    Sha256,
    /// The longer one.
    Sha512,
}

/// How a signature is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SignatureEncoding {
    /// Hexadecimal digits.
    #[default]
    Hex,
    /// Base64.
    Base64,
}

/// How a secret is written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyEncoding {
    /// The text is the key.
    #[default]
    Utf8,
    /// The decoded base64 is the key.
    Base64,
    /// The decoded hexadecimal text is the key.
    Hex,
}

/// Name of an HTTP header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header(pub HeaderName);

impl HmacConfig {
    /// The scheme that these settings describe.
    pub fn scheme(&self) -> Result<HmacScheme, TemplateProblem> {
        let name = |header: &Header| header.0.clone();
        Ok(HmacScheme {
            header: name(&self.header),
            algorithm: match self.algorithm {
                HashAlgorithm::Sha1 => Algorithm::Sha1,
                HashAlgorithm::Sha256 => Algorithm::Sha256,
                HashAlgorithm::Sha512 => Algorithm::Sha512,
            },
            encoding: match self.encoding {
                SignatureEncoding::Hex => Encoding::Hex,
                SignatureEncoding::Base64 => Encoding::Base64,
            },
            prefix: self.prefix.clone(),
            signed: match &self.signed {
                Some(text) => Template::parse(text)?,
                None => Template::body(),
            },
            timestamp_header: self.timestamp_header.as_ref().map(name),
            id_header: self.id_header.as_ref().map(name),
            secret_encoding: match self.secret_encoding {
                KeyEncoding::Utf8 => SecretEncoding::Utf8,
                KeyEncoding::Base64 => SecretEncoding::Base64,
                KeyEncoding::Hex => SecretEncoding::Hex,
            },
        })
    }
}

impl SourceConfig {
    /// The scheme of the source; `None` while the table of a generic provider is missing, which `validate` reports.
    pub fn scheme(&self) -> Result<Option<Scheme>, TemplateProblem> {
        Ok(match self.provider {
            Provider::Github => Some(Scheme::Github),
            Provider::Slack => Some(Scheme::Slack),
            Provider::Stripe => Some(Scheme::Stripe),
            Provider::Linear => Some(Scheme::Linear),
            Provider::StandardWebhooks => Some(Scheme::StandardWebhooks),
            Provider::Hmac => {
                self.hmac.as_ref().map(HmacConfig::scheme).transpose()?.map(Scheme::Hmac)
            }
            Provider::Token => self.token.as_ref().map(|token| {
                Scheme::Token(TokenScheme {
                    header: token.header.as_ref().map(|header| header.0.clone()),
                    query_param: token.query_param.clone(),
                })
            }),
            Provider::Basic => Some(Scheme::Basic),
            Provider::Unsigned => Some(Scheme::Unsigned),
        })
    }

    /// The configured tolerance, from whichever of its two places.
    pub fn configured_tolerance(&self) -> Option<Duration> {
        self.tolerance.or_else(|| self.hmac.as_ref().and_then(|hmac| hmac.tolerance))
    }
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| de::Error::custom("not the name of an HTTP header"))
    }
}

impl JsonSchema for Header {
    fn schema_name() -> Cow<'static, str> {
        "HttpHeader".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "Name of an HTTP header.",
            "pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
        })
    }
}
