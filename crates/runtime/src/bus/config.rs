//! `[bus]`: how to reach the broker and how its streams are made.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use async_nats::ServerAddr;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use super::streams::StreamsConfig;
use super::subject;
use crate::config::{Problem, duration};
use crate::secret::SecretRef;

/// `[bus]`: how to reach the broker and how its streams are made.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BusConfig {
    /// Address of the server, or a list of addresses; default `nats://127.0.0.1:4222`.
    pub url: ServerUrls,
    /// A credentials file with a JWT and its key, as `nsc` makes it. It is read at the start.
    pub credentials: Option<SecretRef>,
    /// The seed of an nkey. It is read at the start.
    pub nkey: Option<SecretRef>,
    /// User name, together with `password`.
    pub user: Option<String>,
    /// Password of `user`. It is read at each connection, so a rotated one is found.
    pub password: Option<SecretRef>,
    /// A token. It is read at each connection, so a rotated one is found.
    pub token: Option<SecretRef>,
    /// TLS.
    pub tls: TlsConfig,
    /// Name of the connection as the server shows it; default the name of the mode.
    pub name: Option<String>,
    /// First tokens of reply subjects; default `_INBOX`. One for each role keeps others from
    /// reading its replies.
    pub inbox_prefix: Option<String>,
    /// How long one attempt to connect may take.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub connect_timeout: Duration,
    /// The three streams.
    pub streams: StreamsConfig,
}

/// One address or several. It holds no credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrls(Vec<ServerAddr>);

/// `[bus.tls]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// PEM file with the authorities to trust; default those of the system.
    pub ca: Option<PathBuf>,
    /// PEM file with the certificate of this client, together with `key`.
    pub cert: Option<PathBuf>,
    /// PEM file with the key of `cert`.
    pub key: Option<PathBuf>,
    /// Starts with TLS at once, for a server with `handshake_first`.
    pub first: bool,
    /// Refuses a connection without TLS, whatever the server says.
    pub required: bool,
}

/// Why a text is no address of a server. It repeats nothing of the text, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidServerUrl {
    /// Several addresses in one text.
    #[error("write several addresses as an array: [\"nats://a:4222\", \"nats://b:4222\"]")]
    List,
    /// A user or a password in the address.
    #[error("an address holds no credentials; use user and password, token, nkey or credentials")]
    Credentials,
    /// Another protocol than NATS.
    #[error("an address starts with nats:// or tls://")]
    Scheme,
    /// Anything else.
    #[error("expected an address such as \"nats://127.0.0.1:4222\"")]
    Malformed,
    /// No address at all.
    #[error("at least one address is needed")]
    Empty,
}

impl BusConfig {
    /// A configuration for one server, everything else by default.
    pub fn for_url(url: &str) -> Result<Self, InvalidServerUrl> {
        Ok(Self { url: ServerUrls::parse([url])?, ..Self::default() })
    }

    /// Every problem at once; paths start with `bus`.
    pub fn validate(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut report = |key: &str, message: &str| {
            problems.push(Problem::new(format!("bus.{key}"), message));
        };
        let methods = [
            ("credentials", self.credentials.is_some()),
            ("nkey", self.nkey.is_some()),
            ("user", self.user.is_some() || self.password.is_some()),
            ("token", self.token.is_some()),
        ];
        let mut used = methods.iter().filter(|(_, used)| *used).map(|(name, _)| *name);
        if let (Some(first), Some(second)) = (used.next(), used.next()) {
            report(second, &format!("cannot be used together with {first}"));
        }
        match (&self.user, &self.password) {
            (Some(_), None) => report("password", "is missing beside user"),
            (None, Some(_)) => report("user", "is missing beside password"),
            (Some(user), Some(_)) if user.is_empty() => report("user", "must not be empty"),
            (Some(_), Some(_)) | (None, None) => {}
        }
        match (&self.tls.cert, &self.tls.key) {
            (Some(_), None) => report("tls.key", "is missing beside cert"),
            (None, Some(_)) => report("tls.cert", "is missing beside key"),
            (Some(_), Some(_)) | (None, None) => {}
        }
        if let Some(prefix) = &self.inbox_prefix
            && (prefix.contains(['*', '>']) || !subject::is_valid_pattern(prefix))
        {
            report("inbox_prefix", "must be a subject without wildcards, such as _INBOX_relay");
        }
        if self.connect_timeout.is_zero() {
            report("connect_timeout", "must not be zero");
        }
        problems.extend(self.streams.validate());
        problems
    }
}

impl Default for BusConfig {
    fn default() -> Self {
        Self {
            url: ServerUrls::default(),
            credentials: None,
            nkey: None,
            user: None,
            password: None,
            token: None,
            tls: TlsConfig::default(),
            name: None,
            inbox_prefix: None,
            connect_timeout: Duration::from_secs(5),
            streams: StreamsConfig::default(),
        }
    }
}

impl ServerUrls {
    /// Reads the addresses.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidServerUrl> {
        let urls: Vec<_> = texts.into_iter().map(parse_one).collect::<Result<_, _>>()?;
        if urls.is_empty() { Err(InvalidServerUrl::Empty) } else { Ok(Self(urls)) }
    }

    /// The addresses, at least one.
    pub fn addresses(&self) -> &[ServerAddr] {
        &self.0
    }
}

impl Default for ServerUrls {
    fn default() -> Self {
        Self::parse(["nats://127.0.0.1:4222"]).expect("the default is an address")
    }
}

impl fmt::Debug for ServerUrls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for ServerUrls {
    /// Hosts and ports.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, address) in self.0.iter().enumerate() {
            let comma = if position == 0 { "" } else { ", " };
            write!(f, "{comma}{}:{}", address.host(), address.port())?;
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for ServerUrls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for ServerUrls {
    fn schema_name() -> Cow<'static, str> {
        "ServerUrls".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "One address such as nats://127.0.0.1:4222, or a list of them.",
            "oneOf": [
                { "type": "string" },
                { "type": "array", "items": { "type": "string" }, "minItems": 1 },
            ],
        })
    }
}

fn parse_one(text: &str) -> Result<ServerAddr, InvalidServerUrl> {
    if text.contains(',') {
        return Err(InvalidServerUrl::List);
    }
    if text.contains('@') {
        return Err(InvalidServerUrl::Credentials);
    }
    if text.split_once("://").is_some_and(|(scheme, _)| !matches!(scheme, "nats" | "tls")) {
        return Err(InvalidServerUrl::Scheme);
    }
    match text.parse::<ServerAddr>() {
        Ok(address) if !address.host().is_empty() => Ok(address),
        Ok(_) | Err(_) => Err(InvalidServerUrl::Malformed),
    }
}

struct Visitor;

impl<'de> de::Visitor<'de> for Visitor {
    type Value = ServerUrls;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address such as \"nats://127.0.0.1:4222\" or an array of them")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<ServerUrls, E> {
        ServerUrls::parse([text]).map_err(E::custom)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<ServerUrls, A::Error> {
        let mut texts: Vec<String> = Vec::new();
        while let Some(text) = items.next_element()? {
            texts.push(text);
        }
        ServerUrls::parse(texts.iter().map(String::as_str)).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{EnvMap, load};

    #[test]
    fn an_address_is_one_or_an_array_and_holds_no_credentials() {
        for (url, expected) in [
            ("'nats://a:4223'", Ok("a:4223")),
            ("'a'", Ok("a:4222")),
            ("'tls://a:1'", Ok("a:1")),
            ("['nats://a:1', 'nats://b:2']", Ok("a:1, b:2")),
            ("'nats://a:1,nats://b:2'", Err("as an array")),
            ("'nats://me:hunter2@a:1'", Err("holds no credentials")),
            ("'http://a:1'", Err("starts with nats://")),
            ("'nats://a:many'", Err("expected an address")),
            ("''", Err("expected an address")),
            ("[]", Err("at least one")),
            ("7", Err("expected an address")),
        ] {
            let read: Result<BusConfig, _> =
                load("f.toml", &format!("url = {url}"), &EnvMap::default());
            match (read, expected) {
                (Ok(config), Ok(expected)) => assert_eq!(config.url.to_string(), expected),
                (Err(error), Err(expected)) => {
                    let error = error.to_string();
                    assert!(error.starts_with("f.toml:1: url: ") && error.contains(expected));
                    assert!(!error.contains("hunter2"), "{error}");
                }
                (read, _) => panic!("{url} gives {read:?}"),
            }
        }
    }

    #[test]
    fn settings_that_contradict_each_other_are_problems() {
        assert_eq!(BusConfig::default().validate(), Vec::new());
        for (text, expected) in [
            ("nkey = { env = 'A' }\ntoken = { env = 'B' }", "bus.token"),
            ("user = 'me'", "bus.password"),
            ("password = { env = 'A' }", "bus.user"),
            ("tls.cert = '/c'", "bus.tls.key"),
            ("tls.key = '/k'", "bus.tls.cert"),
            ("inbox_prefix = 'a.>'", "bus.inbox_prefix"),
            ("inbox_prefix = 'a..b'", "bus.inbox_prefix"),
            ("connect_timeout = '0s'", "bus.connect_timeout"),
            ("streams.events.replicas = 0", "bus.streams.events.replicas"),
        ] {
            let config: BusConfig = load("f.toml", text, &EnvMap::default()).unwrap();
            let paths: Vec<_> = config.validate().into_iter().map(|problem| problem.path).collect();
            assert_eq!(paths, [expected], "{text}");
        }
    }
}
